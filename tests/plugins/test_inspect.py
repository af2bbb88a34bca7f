"""`glasshouse inspect`: a first run.yaml that runs as it is, from tables of several kinds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import yaml
from glasshouse.cli.main import main
from glasshouse_plugins.data.column_facts import facts_of
from glasshouse_plugins.inspection.command import inspect_table
from glasshouse_plugins.inspection.roles import favourable_of, guess_target, nice_edge, words
from hypothesis import given
from hypothesis import strategies as st

ROWS = 400


def bank() -> pd.DataFrame:
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "Customer ID": np.arange(ROWS) + 5000,
            "signup": pd.date_range("2020-01-01", periods=ROWS, freq="D").strftime("%Y-%m-%d"),
            "Income": np.where(random.random(ROWS) < 0.1, np.nan, random.normal(40_000, 9_000, ROWS).round()),
            "ZIP": random.integers(10_000, 10_030, ROWS),
            "gender": random.choice(["f", "m", None], ROWS),
            "age": random.integers(18, 80, ROWS),
            "country": "DE",
            "branch": random.choice(list("abc"), ROWS),
            "household": random.integers(0, 150, ROWS),
            "repaid": random.choice(["yes", "no"], ROWS),
        }
    )


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    bank().to_csv("bank.csv", index=False)
    return tmp_path


def test_the_first_run_of_a_bank_s_file(place, capsys):
    assert main(["inspect", "bank.csv"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("bank.csv: 400 rows, 10 columns\n")
    assert out.endswith("Wrote run.yaml. Review it, then: glasshouse run --config run.yaml\n")
    text = (place / "run.yaml").read_text(encoding="utf-8")
    assert "target: repaid  # guessed" in text
    assert yaml.safe_load(text)["data"]["init_args"] == {
        "path": "bank.csv",
        "target": "repaid",
        "favourable": "yes",
        "drop": ["Customer ID", "gender", "age", "country"],
        "sensitive": ["gender", "age"],
        "bins": {"age": [40, 60]},
        "types": {"ZIP": "categorical"},
        "dates": {"signup": "days"},
        "missing": {"Income": "impute"},
        "clusters": "household",
    }
    assert main(["run", "--config", "run.yaml", "--trainer.max_epochs", "1", "--audits", "performance,fairness"]) == 0


def test_a_configuration_is_not_replaced_without_force(place, capsys):
    (place / "run.yaml").write_text("mine")
    assert main(["inspect", "bank.csv"]) == 2
    assert "run.yaml exists" in capsys.readouterr().err
    assert (place / "run.yaml").read_text() == "mine"
    assert main(["inspect", "bank.csv", "--force", "--target", "branch"]) == 0
    text = (place / "run.yaml").read_text()
    assert "guessed" not in text
    assert yaml.safe_load(text)["data"]["init_args"]["target"] == "branch"
    assert '# favourable: which class is the better outcome for a person? One of "a", "b", "c"' in text.replace(
        "a, b, c", '"a", "b", "c"'
    )


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["gone.csv"], "there is no file"),
        (["bank.csv", "--target", "repayed"], "`--target` names 'repayed', which is not a column"),
        (["empty.csv"], "has no rows"),
        (["bank.csv", "--out", "gone/run.yaml"], "cannot be written"),
    ],
)
def test_refusals_leave_nothing(place, capsys, argv, message):
    (place / "empty.csv").write_text("a,b\n")
    assert main(["inspect", *argv]) == 2
    assert message in capsys.readouterr().err
    assert sorted(path.name for path in place.iterdir()) == ["bank.csv", "empty.csv"]


def roles(**columns: list[object]) -> dict[str, str]:
    table = pa.table({name: pa.array(values) for name, values in columns.items()})
    return {column.name: column.role for column in inspect_table(table, next(reversed(columns)))}


def test_roles_by_name_and_content():
    n = 60
    found = roles(
        part=["train", "train", "test"] * 20,
        MaritalStatus=["a", "b", "c"] * 20,
        page=[float(i % 30) for i in range(n)],  # "age" is only a part of the word
        sample_weight=[0.5 + i % 2 for i in range(n)],
        patient=[f"p{i % 25}" for i in range(n)],
        remark=[f"text {i}" for i in range(n)],
        nothing=[None] * n,
        lists=[[1]] * n,
        label=[0, 1, 1] * 20,
    )
    assert found == {
        "part": "split",
        "MaritalStatus": "sensitive",
        "page": "feature",
        "sample_weight": "weights",
        "patient": "clusters",
        "remark": "identifier",
        "nothing": "unusable",
        "lists": "unusable",
        "label": "target",
    }


def test_the_target_is_guessed_by_name_then_by_few_values_then_by_place():
    few, many = pa.chunked_array([[0, 1] * 30]), pa.chunked_array([[i * 7 % 61 for i in range(60)]])
    assert guess_target([facts_of("hired", few), facts_of("x", few)]) == "hired"
    assert guess_target([facts_of("x", few), facts_of("z", many)]) == "x"
    assert guess_target([facts_of("w", many), facts_of("z", many)]) == "z"


@pytest.mark.parametrize(
    ("levels", "favourable"),
    [
        (["0", "1"], "1"),
        (["No", "Yes"], "Yes"),
        (["false", "true"], "true"),
        (["approved", "denied"], None),
        (["0", "1", "2"], None),
    ],
)
def test_only_an_obvious_class_is_favourable(levels, favourable):
    assert favourable_of(levels) == favourable


@given(st.floats(1e-6, 1e9))
def test_edges_are_near_and_short(value):
    edge = nice_edge(value)
    assert abs(edge - value) <= 0.15 * value
    assert len(f"{edge:.12g}".rstrip("0").replace(".", "").lstrip("0").split("e")[0]) <= 3


def test_words_of_names():
    assert [words(name) for name in ("maritalStatus", "Marital-Status", " SEX ")] == [
        "marital_status",
        "marital_status",
        "sex",
    ]
