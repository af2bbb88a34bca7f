"""Audits that take too long, their order, their seeds, and what `audit RUN_DIR` does again; all in this process."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from glasshouse.run_folder.manifest import differences
from glasshouse.system.random_state import get_random_states, seeded, set_random_states
from glasshouse.system.time_limit import TimeLimitPassed, time_limit

pytestmark = pytest.mark.usefixtures("fresh_process")

PLUGIN = '''
import random
import numpy as np
import torch
from glasshouse import AuditPlugin, AuditResult, Measurement, hookimpl

class Base:
    def result(self, value=1.0):
        return AuditResult(name=type(self).__name__.lower(), family="data",
            measurements=[Measurement(name="value", value=value)])

class Endless(Base):
    """Catches what it can, as code does that must not fail."""

    def __init__(self, stop: bool = False):
        self.stop = stop

    def measure(self, evidence):
        while not self.stop:
            try:
                sum(range(1000))
            except Exception:
                pass
        return self.result()

class Crashing(Base):
    def measure(self, evidence):
        raise RuntimeError("no luck with https://ann:s3cret@host/")

class Drawn(Base):
    def measure(self, evidence):
        return self.result(random.random() + float(np.random.rand()) + float(torch.rand(())))

@hookimpl
def glasshouse_audits():
    for cls in (Endless, Crashing, Drawn):
        yield AuditPlugin(name=cls.__name__.lower(), target=f"{__name__}:{cls.__name__}", summary="of this test")

@hookimpl
def glasshouse_run_finished(run):
    with open("heard.txt", "a") as heard:
        print("finished with", len(run.record.audits), file=heard)

@hookimpl
def glasshouse_run_failed(run, error):
    with open("heard.txt", "a") as heard:
        print("failed", error, file=heard)
'''
TRAINER = {"max_epochs": 1, "accelerator": "cpu", "limit_train_batches": 1}


def record(folder: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((folder / "record.json").read_text())
    return values


def audits(folder: Path) -> dict[str, str]:
    return {audit["name"]: audit["status"] for audit in record(folder)["audits"]}


def test_a_run_goes_through_its_audits_and_again(command: Any, write_config: Any) -> None:
    Path("plugin.py").write_text(PLUGIN)
    asked = [{"name": "endless", "seconds": 0.3}, "drawn", "crashing", "performance"]
    config = write_config({"audits": asked, "trainer": TRAINER, "report": ["json"]})
    answer = command("run", "--config", config, "--plugin", "plugin.py")
    assert answer.code == 3
    folder = Path(answer.out.splitlines()[-1])
    # what ended in error is told, kept out of audits/NAME.json, and stops no other
    assert audits(folder) == {"endless": "error", "drawn": "completed", "crashing": "error", "performance": "completed"}
    endless, drawn, crashing, _ = record(folder)["audits"]
    assert endless["reason"] == "passed its limit of 0.3 s"
    assert 0.3 <= endless["seconds"] < 5
    assert endless["parameters"] == {}
    assert "TimeLimitPassed" in (folder / "audits" / "endless.error.txt").read_text()
    assert not (folder / "audits" / "endless.json").exists()
    assert crashing["reason"] == "RuntimeError: no luck with https://ann:[redacted]@host/"
    assert "s3cret" not in (folder / "audits" / "crashing.error.txt").read_text()
    assert Path("heard.txt").read_text().splitlines() == ["finished with 4"]
    # some again: the others stay as they were, those in error too, and in the order of the configuration
    again = command("audit", str(folder), "--audits", "performance,drawn", "--force", "--plugin", "plugin.py")
    assert again.code == 3
    assert list(audits(folder)) == ["endless", "drawn", "crashing", "performance"]
    assert audits(folder)["endless"] == "error"
    assert record(folder)["audits"][1]["measurements"] == drawn["measurements"]  # alone or behind others: the same
    assert Path("heard.txt").read_text().splitlines() == ["finished with 4"] * 2
    later = record(folder)["run"]["provenance"]["later"]
    assert [entry["action"] for entry in later] == ["audited"]
    assert later[0]["command"][:2] == ["glasshouse", "audit"]
    assert record(folder)["run"]["command"][:2] == ["glasshouse", "run"]
    assert not differences(folder)
    # and a failure is heard
    (folder / "checkpoints" / "best.ckpt").unlink()
    (folder / "checkpoints" / "last.ckpt").unlink()
    (folder / "predictions" / "test.parquet").write_bytes(b"PAR1")
    assert command("audit", str(folder), "--plugin", "plugin.py").code == 2


def test_gate_and_no_audits(command: Any, write_config: Any) -> None:
    rule = {"title": "never", "audit": "performance", "measurement": "accuracy", "severity": "high", "min": 2}
    rule |= {"explanation": "Out of reach.", "source": "a test", "evidence": "value"}
    Path("policy.yaml").write_text(json.dumps({"name": "never", "rules": [rule]}))
    Path("mild.yaml").write_text(json.dumps({"name": "mild", "rules": [{**rule, "min": 0}]}))
    config = write_config({"audits": ["performance"], "trainer": TRAINER, "report": ["json"], "policy": "policy.yaml"})
    violated = command("run", "--config", config, "--gate")
    assert violated.code == 1
    folder = violated.out.splitlines()[-1]
    assert command("audit", folder).code == 0
    assert command("audit", folder, "--gate").code == 1
    assert command("check", folder).code == 1
    assert command("check", folder, "--policy", "mild.yaml").code == 0
    without = command("run", "--config", config, "--gate", "--no_audits")
    assert without.code == 1  # the rule applies to nothing
    unaudited = Path(without.out.splitlines()[-1])
    assert audits(unaudited) == {}
    assert command("audit", str(unaudited)).code == 0
    assert audits(unaudited) == {"performance": "completed"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"audits": [{"name": "performance", "seconds": 0}]}, "expected a positive number of seconds, received 0."),
        (
            {"audits": [{"name": "performance", "seconds": True}]},
            "positive number of seconds, received True.",
        ),
        ({"audits": [{"name": "performance", "second": 1}]}, "Did you mean 'seconds'?"),
        ({"audit_seconds": -1}, "audit_seconds: expected a positive number, received -1.0."),
        ({"repeats": 0}, "repeats: expected 1 or more, received 0."),
        ({"lr_scheduler": {"class_path": "step", "init_args": {"step_size": "x"}}}, "lr_scheduler"),
        ({"lr_scheduler": {"class_path": "one_cycle", "init_args": {"max_lr": 0.1, "pct_start": 7}}}, "pct_start"),
    ],
)
def test_refused_before_anything_is_written(
    command: Any, write_config: Any, changes: dict[str, Any], said: str
) -> None:
    assert said in command("run", "--config", write_config(changes)).refused()


def _go_on_regardless() -> None:
    while True:
        with suppress(Exception):
            sum(range(1000))


def _catch(depth: int) -> None:
    try:
        while True:
            try:
                time.sleep(0.01) if depth == 0 else _catch(depth - 1)
            except BaseException as error:
                repr(error)
    finally:
        repr(depth)


def _continue_in_finally() -> None:
    while True:
        try:
            time.sleep(0.01)
        finally:
            continue  # noqa: B012  (the case to test)


@pytest.mark.parametrize("stubborn", [lambda: _catch(0), lambda: _catch(3), _continue_in_finally])
def test_a_limit_ends_code_that_catches_everything(stubborn: Callable[[], None]) -> None:
    left = []

    @contextmanager
    def cleaned() -> Iterator[None]:
        yield
        left.append("not reached")

    @contextmanager
    def restored() -> Iterator[None]:
        try:
            yield
        finally:
            left.extend(sorted([3, 1, 2]))  # calls, at which Python looks for signals

    with pytest.raises(TimeLimitPassed), time_limit(0.02, repeat=0.02), restored(), cleaned():
        stubborn()
    assert left == [1, 2, 3]
    time.sleep(0.05)  # no alarm is left on


def test_a_limit_ends_code_that_catches_exceptions_and_leaves_no_alarm() -> None:
    began = time.perf_counter()
    with pytest.raises(TimeLimitPassed, match=r"^passed its limit of 0\.05 s$"), time_limit(0.05):
        _go_on_regardless()
    assert time.perf_counter() - began < 5
    with time_limit(0.05):
        pass
    until = time.perf_counter() + 0.1
    while time.perf_counter() < until:  # an alarm that was left on would end this test
        pass
    with time_limit(None):
        pass


def test_seeds_depend_on_the_name_and_leave_the_generators_as_they_were() -> None:
    import random

    import numpy as np
    import torch

    def draw() -> tuple[float, float, float]:
        return random.random(), float(np.random.rand()), float(torch.rand(()))

    before = get_random_states()
    with seeded(1, "a"):
        first = draw()
    with seeded(1, "b"):
        other = draw()
    with seeded(2, "a"):
        reseeded = draw()
    after = draw()
    with seeded(1, "a"):
        assert draw() == first
    assert not {*first} & {*other, *reseeded}
    set_random_states(before)
    assert draw() == after
