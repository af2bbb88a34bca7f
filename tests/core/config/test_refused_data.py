"""Data that cannot be used, as the real command line meets them: a CSV file with one thing wrong."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

ROWS = 60
Column = Callable[[int], object]
GOOD: dict[str, Column] = {
    "dose": lambda row: row * 37 % 11,
    "sex": lambda row: "mf"[row % 2],
    "part": lambda row: ("train", "train", "validate", "test")[row // 4 % 4],
    "healed": lambda row: ("no", "yes")[row // 2 % 2],
}


def table(rows: int = ROWS, **columns: Column) -> str:
    """Write the good table with other columns and return its name."""
    values = {**GOOD, **columns}
    with Path("table.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(values)
        writer.writerows([column(row) for column in values.values()] for row in range(rows))
    return "table.csv"


@pytest.fixture
def refused(command) -> Callable[..., str]:
    def run(**options: str) -> str:
        given = {"path": "table.csv", "target": "healed", **options}
        arguments = [token for name, value in given.items() for token in (f"--data.{name}", value)]
        return command(
            *("run", "--model", "mlp", "--data", "table", "--optimizer", "adamw", "--audits", "[]"), *arguments
        ).refused()

    return run


def test_the_good_table_is_accepted(command):
    done = command(
        *("fit", "--model", "mlp", "--data", "table", "--data.path", table(), "--data.target", "healed"),
        *("--data.sensitive", "[sex]", "--data.split", "part", "--optimizer", "adamw", "--trainer.fast_dev_run", "1"),
    )
    assert done.code == 0, done.err


def test_no_file(refused):
    assert f"there is no file {Path('table.csv').absolute()}" in refused()


@pytest.mark.parametrize(
    ("option", "value", "column"),
    [
        ("target", "heald", "heald"),
        ("features", "[dose, sxe]", "sxe"),
        ("sensitive", "[gender]", "gender"),
        ("split", "parts", "parts"),
    ],
)
def test_no_such_column(refused, option, value, column):
    table()
    error = refused(**{option: value})
    assert f"data 'table': `{option}` names '{column}', which is not a column of table.csv." in error
    assert "Known: dose, healed, part, sex." in error


def test_a_target_with_one_class(refused):
    table(healed=lambda row: "yes")
    assert "the target 'healed' has one class, 'yes', in all 60 rows; expected at least two." in refused()


def test_an_empty_split(refused):
    table(part=lambda row: "train")
    assert "data 'table': split 'test' is empty" in refused(split="part")


def test_an_unknown_split(refused):
    table(part=lambda row: ("train", "validate", "tset")[row % 3])
    error = refused(split="part")
    assert "the split column contains 'tset'." in error
    assert "Did you mean 'test'?" in error


def test_a_sensitive_attribute_with_a_thousand_levels(refused):
    table(3000, sex=lambda row: f"level {row % 1000}")
    error = refused(sensitive="[sex]")
    assert "the sensitive attribute 'sex' has 1,000 levels; expected at most 50." in error


@pytest.mark.parametrize("cell", ["", "NaN", "NA"])
def test_a_missing_number(refused, cell):
    table(dose=lambda row: cell if row == 3 else row)
    error = refused()
    assert "column 'dose' is missing (NaN) in 1 of 60 rows." in error
    assert "Set `missing: impute`" in error


@pytest.mark.parametrize("cell", ["inf", "-inf"])
def test_an_infinite_number(refused, cell):
    table(dose=lambda row: cell if row == 3 else row)
    assert "column 'dose' is infinite in 1 of 60 rows." in refused()


def test_a_missing_target(refused):
    table(healed=lambda row: "" if row == 3 else ("no", "yes")[row % 2])
    assert "the target 'healed' is missing in 1 of 60 rows." in refused()


def test_no_rows(refused):
    table(0)
    assert "data 'table': " in refused()


def test_options_that_are_needed(command):
    error = command("run", "--model", "mlp", "--data", "table", "--optimizer", "adamw").refused()
    assert "`--data`: Table needs path, target, not given." in error
    assert "Set `data: {init_args: {path: ..., target: ...}}`." in error


def test_an_attribute_to_audit_by_that_the_data_do_not_declare(command):
    data = ("--data", "table", "--data.path", table(), "--data.target", "healed")
    error = command("run", "--model", "mlp", *data, "--optimizer", "adamw", "--sensitive", "sex").refused()
    assert "`sensitive:`: data 'table' has no attribute 'sex'." in error
