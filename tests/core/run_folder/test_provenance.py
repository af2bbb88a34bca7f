"""The provenance of a run."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from glasshouse.plugins import Registry
from glasshouse.report.facts import run_facts
from glasshouse.run_folder.provenance import git_state, provenance, with_later_action


def git(*arguments: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "commit.gpgsign=false")
    return subprocess.run(["git", *identity, *arguments], check=True, capture_output=True, text=True).stdout.strip()


def test_the_commit_and_whether_tracked_files_are_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_state() is None
    git("init", "--quiet")
    assert git_state() is None  # no commit yet
    Path("model.py").write_text("a = 1\n")
    git("add", "model.py")
    git("commit", "--quiet", "-m", "a")
    commit = git("rev-parse", "HEAD")
    assert git_state() == {"commit": commit, "dirty": False}
    Path("runs").mkdir()
    Path("runs/record.json").write_text("{}")  # what earlier runs left changes no code
    assert git_state() == {"commit": commit, "dirty": False}
    Path("model.py").write_text("a = 2\n")
    assert git_state() == {"commit": commit, "dirty": True}


def test_what_is_done_later_is_added_with_what_was_different() -> None:
    registry = Registry.from_environment()
    began = provenance(
        registry, command=["glasshouse", "run", "--data.token", "x"], seed=1, data_fingerprint="sha256:0"
    )
    assert began["command"] == ["glasshouse", "run", "--data.token", "[redacted]"]
    assert any(plugin.startswith("glasshouse-audits==") for plugin in began["plugins"])
    now = {**began, "command": ["glasshouse", "audit"], "python": "3.99.0"}
    once = with_later_action(began, now, "audited")
    twice = with_later_action(once, {**now, "python": began["python"]}, "resumed")
    assert {key: value for key, value in twice.items() if key != "later"} == began
    first, second = twice["later"]
    assert first.pop("time") <= second.pop("time")
    assert first == {"action": "audited", "command": ["glasshouse", "audit"], "python": "3.99.0"}
    assert second == {"action": "resumed", "command": ["glasshouse", "audit"]}


@pytest.mark.parametrize(
    ("provenance", "said"),
    [
        ({}, "data without a fingerprint; code without version control"),
        (
            {"data_fingerprint": "sha256:" + "ab" * 32, "git": {"commit": "c" * 40, "dirty": False}},
            "data sha256:abababababab; code at cccccccccccc",
        ),
        (
            {"data_fingerprint": None, "git": {"commit": "c" * 40, "dirty": True}},
            "data without a fingerprint; code at cccccccccccc with uncommitted changes",
        ),
    ],
)
def test_the_report_says_it_on_its_first_page(provenance: dict[str, object], said: str) -> None:
    run = {
        "data": {"name": "toy", "target": {"name": "y", "kind": "binary"}},
        "config": {},
        "model": None,
        "created": "2026-01-01T00:00:00+00:00",
        "provenance": provenance,
    }
    assert [fact.value for fact in run_facts(run) if fact.label == "Reproducibility"] == [said]
