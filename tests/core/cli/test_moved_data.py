"""`glasshouse audit RUN_DIR` when the data have moved or changed since the training."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ROWS = 120


def write_people(path: Path, *, flip: int = 0) -> None:
    """People with an income that decides the outcome; the outcomes of the first `flip` are the other ones."""
    lines = ["age,income,sex,repaid"]
    for row in range(ROWS):
        repaid = (row * 7 % 11 > 4) != (row < flip)
        lines.append(f"{20 + row % 50},{row * 7 % 11},{'fm'[row % 2]},{'yes' if repaid else 'no'}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture
def folder(command, write_config, tmp_path) -> Path:
    write_people(tmp_path / "people.csv")
    options = {"path": "people.csv", "target": "repaid", "sensitive": ["sex"], "drop": ["sex"], "favourable": "yes"}
    data = {"class_path": "table", "init_args": options}
    config = write_config({"data": data, "audits": ["performance"], "trainer": {"max_epochs": 1}, "report": ["md"]})
    done = command("run", "--config", config)
    return done.folder


def performance(folder: Path) -> object:
    record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    return [(each["id"], each["value"]) for audit in record["audits"] for each in audit["measurements"]]


def test_data_that_have_moved_are_audited_from_their_new_place(command, folder, tmp_path):
    before = performance(folder)
    (tmp_path / "people.csv").rename(tmp_path / "moved.csv")
    assert command("audit", str(folder), "--force").code == 2
    again = command("audit", str(folder), "--force", "--data.path", "moved.csv")
    assert again.code == 0, again.err
    assert performance(folder) == before
    assert "not the data of the training" not in (folder / "report.md").read_text(encoding="utf-8")


def test_changed_data_are_refused_unless_asked_for_and_then_stated(command, folder, tmp_path):
    before = performance(folder)
    write_people(tmp_path / "people.csv", flip=30)
    refused = command("audit", str(folder))
    assert refused.code == 2
    assert "its data have changed" in refused.err
    assert "--changed-data" in refused.err
    assert performance(folder) == before
    some = command("audit", str(folder), "--changed-data", "--audits", "performance")
    assert (some.code, "repeats every audit" in some.err) == (2, True)
    asked = command("audit", str(folder), "--changed-data")
    assert asked.code == 0, asked.err
    assert performance(folder) != before
    assert "not the data of the training" in (folder / "report.md").read_text(encoding="utf-8")
    assert command("audit", str(folder), "--force").code == 0  # the same data as last time
    idle = command("audit", str(folder), "--changed-data")
    assert (idle.code, "has no effect" in idle.err) == (2, True)


@pytest.mark.parametrize("option", ["--data", "--data.class_path", "--trainer.max_epochs", "--frobnicate"])
def test_only_options_of_the_data_are_accepted(command, folder, option):
    refused = command("audit", str(folder), option, "x")
    assert (refused.code, option in refused.err) == (2, True)


def test_a_misspelt_option_of_the_data_is_refused(command, folder):
    refused = command("audit", str(folder), "--data.pathh", "x")
    assert (refused.code, "pathh" in refused.err) == (2, True)
