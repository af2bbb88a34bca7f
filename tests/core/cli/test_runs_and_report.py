"""``glasshouse runs`` and ``glasshouse report``, on records written as a run writes them; neither imports torch."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from glasshouse import AuditResult, DataInfo, Measurement, Target
from glasshouse.plugins import Registry, set_registry
from glasshouse.record.findings import Finding
from glasshouse.record.record import build_record, read_record
from glasshouse.report.writing import write_reports
from glasshouse.system.atomic_files import write_json

HEAVY = {"torch", "pytorch_lightning", "pandas", "sklearn", "pyarrow", "scipy"}
TIMED = ("-X", "importtime")

INFO = DataInfo(
    name="diabetes", modality="tabular", target=Target(name="y", kind="binary", classes=("no", "yes")), input_shape=(3,)
)


def write_run(folder: Path, *, created: str, accuracy: float | None = 0.75, model: str | None = "mlp") -> Path:
    """A run as `glasshouse run` leaves it, in as much as the record goes."""
    by_sex = Measurement(name="accuracy", value=0.25, n=4, group={"sex": "1"}, split="test")
    overall = Measurement(
        name="accuracy", value=accuracy, undefined=None if accuracy is not None else "no rows", n=8, split="test"
    )
    header = {
        "id": folder.name,
        "name": folder.parent.name,
        "created": created,
        "glasshouse_version": "0.1.0",
        "command": ["glasshouse", "run"],
        "seed": 1,
        "config": {},
        "provenance": {},
        "data": INFO.to_dict(),
        "model": None if model is None else {"name": model, "parameters": 12},
    }
    audit = AuditResult(name="performance", family="performance", measurements=[by_sex, overall])
    finding = Finding(
        title="Right often enough",
        verdict="pass",
        severity="low",
        audit="performance",
        measurement="performance/accuracy@test",
        threshold=None,
        explanation="by decree",
    )
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("model: mlp\n")
    write_json(folder / "record.json", build_record(header, [audit], [finding]).to_dict())
    return folder


@pytest.fixture
def runs(tmp_path) -> Path:
    folder = tmp_path / "runs"
    write_run(folder / "diabetes" / "20260102-aa", created="2026-01-02T10:00:00+00:00")
    # later than the first, although its local time looks earlier
    write_run(folder / "diabetes" / "20260102-bb", created="2026-01-02T09:30:00-02:00", accuracy=None, model=None)
    (folder / "adult" / "20300101-cc").mkdir(parents=True)
    (folder / "adult" / "20300101-cc" / "config.yaml").write_text("model: mlp\n")
    (folder / "adult" / "20260101-dd").mkdir()
    (folder / "adult" / "20260101-dd" / "record.json").write_text('{"run": {}')
    (folder / "adult" / "notes").mkdir()
    return folder


def test_runs_in_columns_newest_first_and_unfinished_ones_too(glasshouse, runs):
    done = glasshouse("runs", str(runs), python=TIMED)
    assert (done.code, done.err) == (0, "")
    header, *lines = done.out.splitlines()
    assert header.split() == ["RUN", "CREATED", "MODEL", "DATA", "VERDICT", "PERFORMANCE"]
    assert [line.split()[0] for line in lines] == [
        f"{runs}/adult/20300101-cc",
        f"{runs}/diabetes/20260102-bb",
        f"{runs}/diabetes/20260102-aa",
        f"{runs}/adult/20260101-dd",
    ]
    unfinished, no_number, finished, unreadable = (line.split()[1:] for line in lines)
    assert unfinished[2:] == ["(unfinished)"]
    assert no_number == ["2026-01-02", "09:30:00", "diabetes", "pass"]
    assert finished == ["2026-01-02", "10:00:00", "mlp", "diabetes", "pass", "accuracy", "0.75"]
    assert unreadable == ["(unreadable)"]
    assert not {*HEAVY, "pluggy", "rich", "jsonschema", "numpy"} & done.imported


def test_runs_for_a_machine(glasshouse, runs):
    listed = glasshouse("runs", "--json", str(runs / "diabetes")).json
    assert [run["status"] for run in listed] == ["finished", "finished"]
    assert listed[0]["performance"] is None
    assert listed[1] == {
        "folder": f"{runs}/diabetes/20260102-aa",
        "status": "finished",
        "id": "20260102-aa",
        "name": "diabetes",
        "created": "2026-01-02T10:00:00+00:00",
        "model": "mlp",
        "data": "diabetes",
        "verdict": "pass",
        "performance": {"name": "accuracy", "value": 0.75, "low": None, "high": None, "n": 8, "split": "test"},
    }


def test_runs_where_there_are_none(glasshouse, tmp_path):
    done = glasshouse("runs", str(tmp_path))
    assert (done.code, done.out, done.err) == (0, "", f"no runs in {tmp_path}\n")
    missing = glasshouse("runs")
    assert missing.code == 2
    assert missing.err == "error: runs: there is no folder runs.\n       Give the folder of `run_dir:`.\n"


def test_report_in_every_format_of_ours_without_torch(glasshouse, runs):
    run_dir = runs / "diabetes" / "20260102-aa"
    done = glasshouse("report", str(run_dir), "--format", "html, md,json,markdown", python=TIMED)
    assert (done.code, done.err) == (0, "")
    names = ["report.html", "report.md", "report.json"]
    assert done.out.splitlines() == [*(f"{run_dir}/{name}" for name in names), str(run_dir)]
    assert {path.name for path in run_dir.iterdir()} == {"config.yaml", "record.json", *names}
    assert "Right often enough" in (run_dir / "report.html").read_text()
    assert "Right often enough" in (run_dir / "report.md").read_text()
    assert json.loads((run_dir / "report.json").read_text())["verdict"] == "pass"
    assert not HEAVY & done.imported


@pytest.mark.parametrize(
    ("run", "formats", "error"),
    [
        (
            "diabetes/20260102-aa",
            "hmtl",
            "report format 'hmtl': is not known.\n       Did you mean 'html'? Known: ",
        ),
        (
            "diabetes/20260102-aa",
            ",",
            "--format: expected at least one report format.\n       Try --format html",
        ),
        ("diabetes/nowhere", "html", "report: there is no folder "),
        ("adult/20300101-cc", "html", "{}/adult/20300101-cc/record.json: no such file.\n"),
        ("adult/20260101-dd", "html", "{}/adult/20260101-dd/record.json: is not JSON: "),
    ],
)
def test_report_of_what_cannot_be_used(glasshouse, runs, run, formats, error):
    done = glasshouse("report", str(runs / run), "--format", formats)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: " + error.format(runs))
    assert not list(runs.rglob("report.*"))


FORMATS_LAB = """
    from glasshouse import ReportFormatPlugin, hookimpl

    @hookimpl
    def glasshouse_report_formats():
        yield ReportFormatPlugin(name="note", target="formats_lab:note", summary="a note", suffix=".note")
        yield ReportFormatPlugin(name="other_note", target="formats_lab:note", summary="another", suffix=".note")
        yield ReportFormatPlugin(name="raises", target="formats_lab:raises", summary="", suffix=".bad")
        yield ReportFormatPlugin(name="nothing", target="formats_lab:nothing", summary="", suffix=".none")

    def note(record):
        return record.verdict.encode()

    def raises(record):
        raise KeyError("figures")

    def nothing(record):
        return None
"""


@pytest.mark.parametrize(
    ("formats", "error"),
    [
        (
            "note,raises",
            "report format 'raises' of formats-lab 1.0: cannot render this record: KeyError: 'figures'.",
        ),
        (
            "note,nothing",
            "report format 'nothing' of formats-lab 1.0: expected str or bytes to write, received NoneType.",
        ),
        (
            "note,other_note",
            "report: formats formats-lab/note and formats-lab/other_note would both write report.note.",
        ),
    ],
)
def test_a_format_that_fails_leaves_nothing_half_written(glasshouse, site, runs, formats, error):
    site.install("formats-lab", {"formats_lab.py": FORMATS_LAB})
    run_dir = runs / "diabetes" / "20260102-aa"
    done = glasshouse("report", str(run_dir), "--format", formats)
    assert done.code == 2
    assert done.err.startswith("error: " + error)
    assert {path.name for path in run_dir.iterdir()} == {"config.yaml", "record.json"}


def test_reports_are_written_by_plugins_too_and_replace_the_old_ones(site, runs):
    site.install("formats-lab", {"formats_lab.py": FORMATS_LAB})
    run_dir = runs / "diabetes" / "20260102-aa"
    (run_dir / "report.note").write_text("the report of yesterday")
    set_registry(Registry(only=["formats-lab"]))
    try:
        written = write_reports(read_record(run_dir / "record.json"), run_dir, ["note", "json", "formats-lab/note"])
    finally:
        set_registry(None)
    assert written == [run_dir / "report.note", run_dir / "report.json"]
    assert (run_dir / "report.note").read_bytes() == b"pass"


def test_a_report_that_cannot_be_written_is_said_in_one_line(glasshouse, runs):
    run_dir = runs / "diabetes" / "20260102-aa"
    (run_dir / "report.html").mkdir()  # a folder in the way of the file
    done = glasshouse("report", str(run_dir))
    assert done.code == 2
    assert done.err.startswith(f"error: {run_dir}/report.html: cannot be written: ")
