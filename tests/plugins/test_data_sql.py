"""Tables out of a database: a real SQLite file."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from glasshouse import UserError
from glasshouse.system.redaction import redact
from glasshouse_plugins.data.sql_tables import SqlTable
from glasshouse_plugins.data.table import Table

pytest.importorskip("sqlalchemy", reason="needs SQLAlchemy: pip install glasshouse-plugins[sql]")

QUERY = "SELECT p.age, p.sex, h.zone, p.loan FROM person p JOIN house h ON p.house = h.id ORDER BY p.id"


def people(rows: int = 120) -> pd.DataFrame:
    i = np.arange(rows)
    return pd.DataFrame(
        {
            "id": i,
            "age": 20.0 + i % 50,
            "sex": np.array(["f", "m"])[i // 2 % 2],
            "house": i // 3 % 4,
            "loan": np.array(["denied", "granted"])[i % 4 // 2],
        }
    )


HOUSES = pd.DataFrame({"id": range(4), "zone": ["north", "south", "east", None]})


@pytest.fixture
def database(tmp_path: Path) -> str:
    with sqlite3.connect(tmp_path / "people.db") as connection:
        people().to_sql("person", connection, index=False)
        HOUSES.to_sql("house", connection, index=False)
    connection.close()
    return f"sqlite:///{tmp_path / 'people.db'}"


def ready(path: str, query: str = QUERY, **options: Any) -> Table:
    data = Table(path, "loan", query=query, **options)
    data.setup()
    return data


def test_a_query_says_what_a_file_says(database: str, tmp_path: Path) -> None:
    joined = people().merge(HOUSES, left_on="house", right_on="id").sort_values("id_x")
    joined[["age", "sex", "zone", "loan"]].to_csv(tmp_path / "people.csv", index=False)
    options: dict[str, Any] = {"sensitive": ["sex"], "favourable": "granted"}
    asked = ready(database, **options)
    read = Table(str(tmp_path / "people.csv"), "loan", **options)
    read.setup()
    assert asked.table_fingerprint == read.table_fingerprint
    assert torch.equal(asked.inputs("train"), read.inputs("train"))
    assert asked.info.source.startswith("sqlite:///")


def test_rows_come_in_parts(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ready(database).table_fingerprint
    monkeypatch.setattr("glasshouse_plugins.data.sql_tables._ROWS_AT_A_TIME", 7)
    assert ready(database).table_fingerprint == whole
    # the first part holds whole numbers, and nothing, where later ones hold fractions
    mixed = (
        "SELECT CASE WHEN id < 20 THEN NULL WHEN id < 50 THEN id ELSE id + 0.5 END AS x, loan FROM person ORDER BY id"
    )
    data = ready(database, mixed, missing="drop")
    assert sum(data.info.rows.values()) == 100
    assert data.info.features[0].kind == "numeric"


def test_a_split_by_a_column_of_the_query(database: str) -> None:
    data = ready(database, QUERY.replace("p.loan", "p.loan, p.house"), split={"by": "group", "column": "house"})
    assert "house" not in [f.name for f in data.info.features]
    assert sum(data.info.rows.values()) == 120


def test_secrets_are_not_written(monkeypatch: pytest.MonkeyPatch, database: str) -> None:
    url = "postgresql://reader:sesame@db.example/people?password=open"
    config = {"class_path": "table", "init_args": {"path": url, "query": QUERY, "target": "loan"}}
    assert "sesame" not in str(redact(config))
    assert "password=open" not in str(redact(config))
    sqlalchemy_url = SqlTable(url, QUERY, who="data 'table'").source
    assert sqlalchemy_url == "postgresql://db.example/people"
    monkeypatch.setenv("PEOPLE_DB", database.removeprefix("sqlite:///"))
    assert sum(ready("sqlite:///$PEOPLE_DB").info.rows.values()) == 120


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("DELETE FROM person", r"the query begins with 'DELETE'; expected SELECT, WITH"),
        ("DROP TABLE person", "the query begins with 'DROP'"),
        ("", "the query begins with ''"),
        ("SELECT * FROM persons", "the query of sqlite:.* fails: no such table: persons"),
        ("SELECT age, age, loan FROM person", "the query has several columns called 'age'"),
        ("SELECT age, loan FROM person WHERE age > 99", "the query returns no rows"),
        ("SELECT age, sex FROM person", "`target` names 'loan', which is not a column of the query"),
    ],
)
def test_queries_that_are_refused(database: str, query: str, message: str) -> None:
    with pytest.raises(UserError, match=f"data 'table': .*{message}"):
        ready(database, query)


def test_nothing_is_changed(database: str) -> None:
    """SQLite takes a DELETE after WITH, and its driver would commit it at once."""
    with pytest.raises(UserError, match=r"the query of sqlite:.* fails: attempt to write a readonly database"):
        ready(database, "WITH old AS (SELECT 1) DELETE FROM person")
    assert sum(ready(database).info.rows.values()) == 120


def test_urls_that_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no file .*gone\.db"):
        ready(f"sqlite:///{tmp_path / 'gone.db'}")
    assert not list(tmp_path.iterdir())
    with pytest.raises(UserError, match="`query` requires the URL of a database in `path`, and vice versa"):
        Table("sqlite:///people.db", "loan")
    with pytest.raises(UserError, match="`query` requires the URL of a database in `path`, and vice versa"):
        Table("people.csv", "loan", query=QUERY)
    with pytest.raises(UserError, match="nosuch"):
        ready("nosuch://host/db")
