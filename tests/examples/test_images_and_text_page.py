"""The page on images and text: its plugin is run, its tables name what there is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from glasshouse.record import read_record
from glasshouse_audits.declarations import glasshouse_audits
from glasshouse_plugins.declarations import glasshouse_data, glasshouse_models

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "images_and_text.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("hook", [glasshouse_data, glasshouse_models, glasshouse_audits])
def test_it_names_all_that_is_made_for_images_or_text_alone(hook) -> None:
    made = [each.name for each in hook() if "tabular" not in each.modalities]
    assert len(made) >= 2
    assert [name for name in made if f"`{name}`" not in PAGE] == []


@pytest.mark.examples
@pytest.mark.xdist_group("documented")
def test_its_plugin_and_its_command(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "mine.py").write_text(code, encoding="utf-8")
    (command,) = re.findall(r"^glasshouse (run --plugin .*)$", PAGE, re.MULTILINE)
    done = subprocess.run(
        [sys.executable, "-m", "glasshouse", *command.split(), "--trainer.max_epochs", "15"],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    record = read_record(tmp_path / done.stdout.splitlines()[-1] / "record.json")
    told = {audit.name: audit.status for audit in record.audits}
    assert told["image_attribution"] == told["performance"] == told["membership_inference"] == "completed"
    assert "error" not in told.values()
    (accuracy,) = [m for m in record.performance if m.name == "accuracy" and not m.group]
    assert accuracy.value > 0.9
