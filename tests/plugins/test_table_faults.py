"""Everything wrong with a table is reported at once; dates become features; notes name what is usable but odd."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from glasshouse import UserError
from glasshouse.cli.main import main
from glasshouse_plugins.data.column_facts import facts_of
from glasshouse_plugins.data.table import Table

ROWS = 120


def customers() -> pd.DataFrame:
    i = np.arange(ROWS)
    return pd.DataFrame(
        {
            "customer_id": 10_000 + i,
            "signup": pd.date_range("2024-01-30", periods=ROWS, freq="36h").strftime("%Y-%m-%d"),
            "income": np.where(i % 10 == 0, np.nan, 1000.0 + i % 37),
            "branch": "north",
            "outcome_code": np.array(["A", "B"])[i % 2],
            "sex": np.array(["f", "m"])[i // 2 % 2],
            "repaid": np.array(["no", "yes"])[i % 2],
        }
    )


@pytest.fixture
def csv(tmp_path: Path) -> str:
    customers().to_csv(tmp_path / "customers.csv", index=False)
    return str(tmp_path / "customers.csv")


def ready(path: str, **options: Any) -> Table:
    data = Table(path, "repaid", **options)
    data.setup()
    return data


def test_all_faults_of_a_file_are_one_table_with_a_remedy_each(csv, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    argv = ["run", "--model", "mlp", "--data", "table", "--data.path", csv, "--data.target", "repaid"]
    assert main([*argv, "--optimizer", "adamw"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "error: data 'table': 3 columns cannot be used as they are:",
        "  customer_id  looks like an identifier: 120 different values in 120 rows  "
        "`drop: [customer_id]`, or list it in `features`",
        "  signup       contains dates (date32[day])                                "
        "`dates: {signup: days}`, or `drop: [signup]`",
        "  income       is missing in 12 of 120 rows                                "
        "`missing: {income: impute}`, or median, mode or drop",
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["customers.csv"]


def test_the_remedies_work_and_notes_name_the_rest(csv):
    data = ready(csv, drop=["customer_id"], dates={"signup": "days"}, missing={"income": "median"}, sensitive=["sex"])
    assert [feature.name for feature in data.info.features if feature.kind == "numeric"] == ["signup_days", "income"]
    assert data.notes == (
        "'branch' has one value in every row; `drop: [branch]` leaves it out",
        "'outcome_code' determines the target 'repaid' in every row: is it known when the prediction is made?",
        "the model receives the sensitive attributes sex; `drop: [sex]` hides them from it",
    )


def test_notes_are_printed(csv, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = {"path": csv, "target": "repaid", "drop": "[customer_id, signup]", "missing": "median"}
    argv = [word for name, value in options.items() for word in (f"--data.{name}", value)]
    argv += ["--trainer.max_epochs", "1", "--no_audits"]
    assert main(["run", "--model", "linear", "--data", "table", "--optimizer", "adamw", *argv]) == 0
    assert "note: 'branch' has one value in every row" in capsys.readouterr().err


def test_an_identifier_that_is_listed_is_a_feature(csv):
    data = ready(csv, features=["customer_id", "sex"])
    assert [feature.name for feature in data.info.features] == ["customer_id", "sex"]


def test_days_are_those_of_pandas(csv):
    data = ready(csv, features=["signup"], dates={"signup": "days"}, split={"by": "random"})
    [feature] = data.info.features
    found = np.sort(
        np.concatenate([data.inputs(split)[:, 0].double().numpy() for split in ("train", "validate", "test")])
        * feature.scale
        + feature.center
    )
    days = (pd.to_datetime(customers()["signup"]) - pd.Timestamp(0)).dt.days
    np.testing.assert_allclose(found, np.sort(days), atol=1e-3)


def test_parts_are_those_of_pandas(tmp_path):
    frame = customers()
    times = pd.to_datetime(frame["signup"]) + pd.to_timedelta(np.arange(ROWS) % 24, unit="h")
    pa.parquet.write_table(pa.Table.from_pandas(frame.assign(signup=times)), tmp_path / "c.parquet")
    table = Table(str(tmp_path / "c.parquet"), "repaid", features=["signup"], dates={"signup": "parts"}).load()
    assert table.features == ("signup_year", "signup_month", "signup_weekday", "signup_hour")
    assert table.columns["signup_year"].to_pylist() == times.dt.year.tolist()
    assert table.columns["signup_month"].to_pylist() == times.dt.strftime("%m").tolist()
    assert table.columns["signup_weekday"].to_pylist() == times.dt.day_name().tolist()
    assert table.columns["signup_hour"].to_pylist() == times.dt.hour.tolist()


def test_dates_in_another_format_are_read_with_it(tmp_path):
    frame = customers()
    frame["signup"] = pd.to_datetime(frame["signup"]).dt.strftime("%d.%m.%Y")
    frame.to_csv(tmp_path / "c.csv", index=False)
    path, dates = str(tmp_path / "c.csv"), {"signup": "parts"}
    with pytest.raises(UserError, match=r"`dates` names 'signup', which contains text. Set its format, e.g."):
        ready(path, features=["signup"], dates=dates)
    with pytest.raises(UserError, match=r"'30.01.2024' in row 1 of 'signup' is not in the format %m/%d/%Y"):
        ready(path, features=["signup"], dates=dates, date_formats={"signup": "%m/%d/%Y"})
    table = Table(path, "repaid", features=["signup"], dates=dates, date_formats={"signup": "%d.%m.%Y"}).load()
    assert set(table.columns["signup_month"].to_pylist()) == {"01", "02", "03", "04", "05", "06", "07"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dates": {"income": "days"}}, "`dates` names 'income', which contains double; expected dates"),
        ({"dates": {"sign": "days"}}, "`dates` names 'sign', which is no feature. Did you mean 'signup'"),
        ({"date_formats": {"signup": "%Y"}}, "`date_formats` names 'signup', which is not in `dates`"),
    ],
)
def test_options_without_effect_are_refused(csv, options, message):
    with pytest.raises(UserError, match=message):
        ready(csv, **options)


@pytest.mark.parametrize(
    ("name", "values", "identifier"),
    [
        ("row", list(range(50)), True),
        ("income", [i * 7 % 101 for i in range(50)], False),  # distinct whole numbers, no name of an identifier
        ("customer_id", [i * 7 % 101 for i in range(50)], True),
        ("width", [i * 7 % 101 for i in range(50)], False),  # contains "id", not as a word
        ("name", [f"person {i}" for i in range(50)], True),
        ("name", [f"person {i % 49}" for i in range(50)], False),
        ("name", [f"person {i}" for i in range(19)], False),
        ("row", [None, *range(50)], True),
    ],
)
def test_what_looks_like_an_identifier(name, values, identifier):
    assert facts_of(name, pa.chunked_array([pa.array(values)])).identifier is identifier
