"""Every folder of examples/ runs as its README says, and what it promises holds."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from glasshouse.record.record import read_record
from glasshouse.record.record_io import schema
from jsonschema import Draft202012Validator

REPOSITORY = Path(__file__).resolve().parents[2]
# an example with a distribution of its own has tests of its own, since it has to be installed first
EXAMPLES = sorted(
    path.parent.name for path in REPOSITORY.glob("examples/*/run.yaml") if not path.with_name("pyproject.toml").exists()
)

pytestmark = pytest.mark.examples


def marks(name: str) -> list[pytest.MarkDecorator]:
    """Tests of one example share its run, and the two on Adult are compared, so they stay on one worker."""
    group = "adult" if name.startswith("adult") else name
    return [pytest.mark.xdist_group(group), *([pytest.mark.real_data] if name != "diabetes" else [])]


each = pytest.mark.parametrize("name", [pytest.param(name, marks=marks(name)) for name in EXAMPLES])


def test_there_are_examples_and_no_folder_without_one():
    folders = {path.name for path in (REPOSITORY / "examples").iterdir() if path.is_dir()}
    elsewhere = {path.stem.removeprefix("test_") for path in Path(__file__).parent.glob("test_*.py")}
    assert folders - elsewhere == set(EXAMPLES)
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
def test_every_audit_that_is_asked_for_is_completed(name, finished):
    run = finished(name)
    config = yaml.safe_load((REPOSITORY / "examples" / name / "run.yaml").read_text(encoding="utf-8"))
    asked = {each if isinstance(each, str) else each["name"] for each in config["audits"]}
    assert len(asked) > 2
    assert {audit.name: audit.status for audit in run.record.audits} == dict.fromkeys(asked, "completed")
    assert {path.stem for path in (run.folder / "audits").iterdir()} == asked


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


@pytest.mark.real_data
@pytest.mark.xdist_group("adult")
def test_mitigation_does_what_its_readme_says(finished):
    """Both gaps fall below the interval of the plain run, that in true positive rates reaches 0; accuracy keeps up."""

    def measured(name, audit, metric, **wanted):
        (result,) = [each for each in finished(name).record.audits if each.name == audit]
        (found,) = [
            m
            for m in result.measurements
            if m.name == metric and not m.group and not m.parameters and wanted.items() <= {"over": m.over}.items()
        ]
        return found

    for metric in ("equal_opportunity_difference", "equalized_odds_difference"):
        plain = measured("adult", "fairness", metric, over=("sex",))
        mitigated = measured("adult_mitigated", "fairness", metric, over=("sex",))
        assert mitigated.value < plain.low, metric
    opportunity = measured("adult_mitigated", "fairness", "equal_opportunity_difference", over=("sex",))
    assert opportunity.low == 0
    accuracy = [measured(name, "performance", "accuracy").value for name in ("adult", "adult_mitigated")]
    assert accuracy[0] - 0.01 < accuracy[1] < accuracy[0] + 0.005


@pytest.mark.parametrize(
    ("name", "n"),
    [pytest.param("mnist", 2000, marks=marks("mnist")), pytest.param("sms_spam", 1034, marks=marks("sms_spam"))],
)
def test_images_and_texts_reach_97_per_cent_in_less_than_four_minutes(name, n, finished):
    run = finished(name)
    (accuracy,) = [m for m in run.record.performance if m.name == "accuracy" and not m.group]
    assert (accuracy.split, accuracy.n) == ("test", n)
    assert accuracy.value >= 0.97
    assert run.seconds < 240


@pytest.mark.parametrize("name", [pytest.param(name, marks=marks(name)) for name in ("mnist", "sms_spam")])
def test_no_picture_and_no_text_of_a_row_is_told(name, finished):
    """Only words that ten messages have may be told; a picture would be a figure of kind `image`."""
    folder = finished(name).folder
    kinds = {figure.kind for audit in read_record(folder / "record.json").audits for figure in audit.figures}
    assert not kinds & {"image", "shaded_text"}
    assert "data:image/png" not in (folder / "report.html").read_text(encoding="utf-8")
    tables = [t for audit in read_record(folder / "record.json").audits for t in audit.tables]
    for table in tables:
        if table.title.endswith(": words"):
            assert min(row[1] for row in table.rows) >= 10


@pytest.mark.xdist_group("diabetes")
def test_a_record_is_read_as_the_documentation_shows(finished):
    page = (REPOSITORY / "docs" / "reading.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    folder = finished("diabetes").folder
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    verdict, accuracy = done.stdout.split()
    assert verdict == read_record(folder / "record.json").verdict
    assert 0.5 < float(accuracy) < 1
