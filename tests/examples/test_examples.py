"""Every folder of examples/ runs as its README says, and what it promises holds."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from glasshouse.record import read_record, schema
from jsonschema import Draft202012Validator

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLES = sorted(path.parent.name for path in REPOSITORY.glob("examples/*/run.yaml"))
AUDITS = {"performance", "fairness", "feature_attribution", "membership_inference"}

pytestmark = pytest.mark.examples


def marks(name: str) -> list[pytest.MarkDecorator]:
    """Tests of one example share its run, so they stay on one worker."""
    return [pytest.mark.xdist_group(name), *([pytest.mark.real_data] if name == "adult" else [])]


each = pytest.mark.parametrize("name", [pytest.param(name, marks=marks(name)) for name in EXAMPLES])


def test_there_are_examples_and_no_folder_without_one():
    folders = sorted(path.name for path in (REPOSITORY / "examples").iterdir() if path.is_dir())
    assert folders == EXAMPLES
    assert {"adult", "diabetes"} <= set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_has_a_readme_with_its_command_and_is_found_from_the_docs(name):
    readme = (REPOSITORY / "examples" / name / "README.md").read_text(encoding="utf-8")
    assert f"glasshouse run --config examples/{name}/run.yaml" in readme
    pages = [REPOSITORY / "README.md", *(REPOSITORY / "docs").glob("*.md")]
    assert any(f"examples/{name}/" in page.read_text(encoding="utf-8") for page in pages)


@each
def test_its_record_keeps_the_schema(name, finished):
    values = json.loads((finished(name).folder / "record.json").read_text(encoding="utf-8"))
    assert [error.message for error in Draft202012Validator(schema()).iter_errors(values)] == []


@each
def test_every_audit_is_completed(name, finished):
    run = finished(name)
    assert {audit.name: audit.status for audit in run.record.audits} == dict.fromkeys(AUDITS, "completed")
    assert {path.stem for path in (run.folder / "audits").iterdir()} == AUDITS


@each
def test_a_run_leaves_what_the_documentation_lists(name, finished):
    folder = finished(name).folder
    for file in (
        "config.yaml",
        "provenance.json",
        "metrics.csv",
        "record.json",
        "report.html",
        "predictions/test.parquet",
    ):
        assert (folder / file).stat().st_size > 0, file
    assert (folder / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")


@pytest.mark.xdist_group("diabetes")
def test_diabetes_takes_less_than_a_minute(finished):
    assert finished("diabetes").seconds < 60


@pytest.mark.real_data
@pytest.mark.xdist_group("adult")
def test_adult_reaches_its_accuracy_on_all_rows_in_less_than_two_minutes(finished):
    run = finished("adult")
    (accuracy,) = [m for m in run.record.performance if m.name == "accuracy" and not m.group]
    assert accuracy.split == "test"
    assert accuracy.n == 16_281
    assert accuracy.value >= 0.85
    assert sum(run.record.run["data"]["rows"].values()) == 48_842
    assert run.seconds < 120


@pytest.mark.xdist_group("diabetes")
def test_a_record_is_read_as_the_documentation_shows(finished):
    page = (REPOSITORY / "docs" / "reading.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    folder = finished("diabetes").folder
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    verdict, accuracy = done.stdout.split()
    assert verdict == read_record(folder / "record.json").verdict
    assert 0.5 < float(accuracy) < 1
