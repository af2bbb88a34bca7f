"""Audits and plugins that leave the process, catch everything or raise what cannot be shown: never a pass."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
import yaml

from helpers.forks import Forks

LEAVING = """
import os, signal, sys, time
from glasshouse import AuditPlugin, AuditResult, hookimpl

class MuteError(Exception):
    def __str__(self):
        raise SystemExit(0)

class LongError(BaseException):
    pass

def caught():
    try:
        os.kill(os.getpid(), getattr(signal, os.environ["CAUGHT"]))
        time.sleep(5)
    except BaseException:
        pass

WAYS = {
    "leaves": lambda: sys.exit(0),
    "mute": lambda: (_ for _ in ()).throw(MuteError()),
    "long": lambda: (_ for _ in ()).throw(LongError("x" * 3_000_000)),
    "typed": lambda: (_ for _ in ()).throw(KeyboardInterrupt()),
    "caught": caught,
    "vanishes": lambda: os._exit(int(os.environ.get("CODE", "0"))),
    "fine": lambda: None,
}

class Audit:
    way = ""

    def __init__(self, at_once: bool = False):
        if at_once:
            sys.exit(0)

    def measure(self, evidence):
        WAYS[self.way]()
        return AuditResult(name=self.way, family="data")

for way in WAYS:
    globals()[way.title()] = type(way.title(), (Audit,), {"way": way})

@hookimpl
def glasshouse_audits():
    for way in WAYS:
        yield AuditPlugin(name=way, target=f"{__name__}:{way.title()}", summary=way)

@hookimpl
def glasshouse_report_sections(run):
    if os.environ.get("SECTIONS", "").isdigit():
        sys.exit(int(os.environ["SECTIONS"]))
    if "SECTIONS" in os.environ:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
    return []
"""
RUN: dict[str, Any] = {
    "name": "left",
    "model": "linear",
    "data": "diabetes",
    "optimizer": "adam",
    "trainer": {"max_epochs": 1, "accelerator": "cpu", "limit_train_batches": 1},
    "report": ["json"],
}


@pytest.fixture
def run(forks: Forks, tmp_path: Path) -> Any:
    """Run these audits; the exit code, the record if there is one, and what was printed."""
    (tmp_path / "leaving.py").write_text(LEAVING)

    def run(*arguments: str, audits: list[Any], **env: str) -> tuple[int, dict[str, Any] | None, str]:
        (tmp_path / "run.yaml").write_text(yaml.safe_dump({**RUN, "audits": audits}))
        given = ["run", "--config", "run.yaml", "--plugin", "leaving.py", *arguments]
        done = forks.run("-m", "glasshouse", *given, cwd=tmp_path, env=env)
        records = list(tmp_path.glob("runs/left/*/record.json"))
        return done.returncode, json.loads(records[0].read_text()) if records else None, done.stderr

    return run


def test_any_end_of_an_audit_is_an_error_entry(run: Any) -> None:
    code, record, err = run("--gate", audits=["leaves", "mute", "long", "typed", "fine"])
    assert code == 3, err
    assert record is not None
    leaves, mute, long, typed, fine = record["audits"]
    assert [entry["status"] for entry in record["audits"]] == ["error"] * 4 + ["completed"]
    assert leaves["reason"] == "SystemExit: 0"
    assert mute["reason"] == "MuteError: (its text cannot be shown: str() raised SystemExit)"
    assert long["reason"].startswith("LongError: xxx")
    assert "2,999,000 characters left out" in long["reason"]
    assert len(long["reason"]) < 1100
    assert typed["reason"] == "KeyboardInterrupt"
    assert fine["name"] == "fine"
    assert max(len(line) for line in err.splitlines()) < 1200


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_ends_the_run_even_where_the_audit_catches_it(run: Any, number: str) -> None:
    if signal.getsignal(getattr(signal, number)) == signal.SIG_IGN:
        pytest.skip(f"{number} is ignored here, as under nohup, and a run inherits that")
    code, record, err = run(audits=["caught", "fine"], CAUGHT=number)
    assert code == 130
    assert record is None
    assert err.splitlines()[-2].startswith("ended early; resume with: glasshouse run --resume runs/left/")
    assert err.splitlines()[-1] == "interrupted"


def test_a_signal_after_the_audits_ends_the_run_too(run: Any) -> None:
    code, record, err = run(audits=["fine"], SECTIONS="SIGTERM")
    assert (code, record) == (130, None)
    assert err.splitlines()[-1] == "interrupted"


@pytest.mark.parametrize("code", ["0", "1"])
def test_a_gate_whose_process_vanishes_is_no_pass(run: Any, code: str) -> None:
    """Nor is it a failure of the policy, which is exit code 1."""
    ended, record, err = run("--gate", audits=["vanishes"], CODE=code)
    assert ended == 3
    assert record is None
    assert f"error: glasshouse: the process ended with code {code} before it had a result." in err


@pytest.mark.parametrize("code", ["0", "1"])
def test_a_hook_that_leaves_before_the_record_is_told(run: Any, code: str) -> None:
    ended, record, err = run("--gate", audits=["fine"], SECTIONS=code)
    assert ended == 2
    assert record is None
    assert f"SystemExit: {code}." in err
    assert "leaving.py, line" in err


@pytest.mark.parametrize(("gate", "code"), [((), 2), (("--gate",), 3)])
def test_an_audit_that_leaves_before_the_run_is_no_success(run: Any, gate: tuple[str, ...], code: int) -> None:
    ended, record, err = run(*gate, audits=[{"name": "fine", "at_once": True}])
    assert (ended, record) == (code, None)
    assert "error: glasshouse: sys.exit(0) was called before there was a result." in err


def test_a_gate_that_is_killed_is_told_by_the_signal(run: Any, forks: Forks, tmp_path: Path) -> None:
    text = LEAVING.replace("os._exit(int", "os.kill(os.getpid(), int")
    (tmp_path / "leaving.py").write_text(text)
    ended, record, _ = run("--gate", audits=["vanishes"], CODE=str(int(signal.SIGKILL)))
    assert ended == 128 + signal.SIGKILL
    assert record is None
