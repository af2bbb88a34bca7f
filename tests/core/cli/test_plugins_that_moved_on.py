"""A run that is audited again, or resumed, with other plugins than it began with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from glasshouse.plugins.lock import lock_file

pytestmark = pytest.mark.usefixtures("fresh_process")

PLUGIN = """
from glasshouse import AuditPlugin, AuditResult, Measurement, hookimpl

class One:
    def measure(self, evidence):
        return AuditResult(name="one", family="data", measurements=[Measurement(name="one", value=1.0)])

@hookimpl
def glasshouse_audits():
    yield AuditPlugin(name="one", target=f"{__name__}:One", summary="of this test")
"""
TRAINER = {"max_epochs": 1, "accelerator": "cpu", "limit_train_batches": 1}
NOTE = "note: plugins differ from those at the start of the run: the files of moving.py differ"


@pytest.fixture(autouse=True)
def _ours_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an editable install, somebody may edit a file while this runs."""
    monkeypatch.setattr(lock_file, "content_of_modules", lambda modules: "sha256:0")


def test_a_run_says_what_moved_on_and_may_refuse_it(command: Any, write_config: Any) -> None:
    file = Path("moving.py")
    file.write_text(PLUGIN)
    config = write_config({"audits": ["one"], "trainer": TRAINER, "report": ["json"]})
    folder = command("run", "--config", config, "--plugin", "moving.py").folder
    began = json.loads((folder / "provenance.json").read_text())
    assert began["plugin_contents"]["moving.py"].startswith("sha256:")
    assert began["plugin_specification"]

    as_locked = ("--plugin", "moving.py", "--only-locked", str(folder))
    same = command("audit", str(folder), "--force", *as_locked)
    assert same.code == 0
    assert "note:" not in same.err

    file.write_text(PLUGIN + "# another line\n")
    moved = command("audit", str(folder), "--force", "--plugin", "moving.py")
    assert moved.code == 0
    assert NOTE in moved.err.splitlines()
    later = json.loads((folder / "record.json").read_text())["run"]["provenance"]["later"]
    assert "plugin_contents" not in later[0]
    assert later[1]["plugin_contents"]["moving.py"] != began["plugin_contents"]["moving.py"]
    resumed = command("run", "--resume", str(folder), "--plugin", "moving.py")
    assert NOTE in resumed.err.splitlines()

    refused = command("audit", str(folder), "--force", *as_locked)
    assert refused.code == 2
    assert f"--only-locked {folder}: the files of moving.py differ.\n" in refused.err
    elsewhere = command("run", "--config", config, *as_locked)
    assert "the files of moving.py differ" in elsewhere.refused()
