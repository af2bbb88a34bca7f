"""Columns of every type that frames have, in every role: tables, or an error that names column or option."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from glasshouse import UserError
from glasshouse.data.raw_table import SensitiveColumn
from glasshouse.external_data.side_attributes import read_side_attributes
from glasshouse.frames import PredictionColumns, tables_from_frame

N = 12
BASE = pd.DataFrame({"d": [1, 0, 1] * 4, "y": [0, 1, 1] * 4})

PANDAS: dict[str, Any] = {
    "nullable integers": pd.array([1, None, 0] * 4, dtype="Int64"),
    "nullable booleans": pd.array([True, None, False] * 4, dtype="boolean"),
    "nullable text": pd.array(["a", None, "b"] * 4, dtype="string"),
    "mixed": pd.Series(["a", pd.NA, 1] * 4, dtype=object),
    "mixed times": pd.Series([pd.Timestamp("2020"), pd.NaT, "x"] * 4, dtype=object),
    "zoned times": pd.date_range("2020", periods=N, tz="Europe/Paris"),
    "durations": pd.to_timedelta(range(N), unit="s"),
    "intervals": pd.interval_range(0, N),
    "intervals of dates": pd.cut(pd.date_range("2020", periods=N), 3),
    "categories of numbers": pd.Categorical([0.5, 1.0, 0.25] * 4),
    "categories of everything": pd.Categorical(["a", 1, 2.5] * 4),
    "categories of periods": pd.Categorical(pd.period_range("2020", periods=3, freq="M").tolist() * 4),
    "identifiers": [uuid.UUID(int=k) for k in range(N)],
    "sets": [{1}] * N,
    "dictionaries": [{"a": 1}] * N,
    "tuples": [(1, 2)] * N,
    "arrays": [np.array([1])] * N,
    "objects": pd.Series([object()] * N),
    "paths": [Path("a")] * N,
    "infinite": [np.inf] * N,
    "long integers": [10**30, 1, 2] * 4,
    "largest integers": pd.array([2**64 - 1, 0, 1] * 4, dtype="uint64"),
    "decimals with NaN": [Decimal("1.5"), Decimal("NaN"), None] * 4,
    "half floats": np.array([0.1, 0.2, 0.3] * 4, dtype="float16"),
    "sparse": pd.arrays.SparseArray([0.0, np.nan, 1.0] * 4),
    "complex": [1j] * N,
    "Arrow lists": pd.array([[1]] * N, dtype=pd.ArrowDtype(pa.list_(pa.int64()))),
    "Arrow dictionary": pd.array(["a", "b", None] * 4, dtype=pd.ArrowDtype(pa.dictionary(pa.int8(), pa.string()))),
}
POLARS = {
    "decimals": pl.Series([Decimal("1.5")] * N),
    "categories": pl.Series(["a", "b", "c"] * 4, dtype=pl.Categorical),
    "lists": pl.Series([[1]] * N),
    "structures": pl.Series([{"a": 1}] * N),
    "times of day": pl.Series([datetime.time(1)] * N),
    "nothing": pl.Series([None] * N),
    "objects": pl.Series([object()] * N, dtype=pl.Object),
    "long integers": pl.Series([1] * N, dtype=pl.Int128),
    "arrays": pl.Series([[1, 2]] * N, dtype=pl.Array(pl.Int64, 2)),
}
DUCKDB = {
    "hugeint": "1::hugeint",
    "uuid": "uuid()",
    "blob": "'a'::blob",
    "map": "map{'a': 1}",
    "interval": "interval 1 day",
    "zoned": "timestamptz '2020-01-01'",
    "bits": "'101'::bit",
    "enum": "'a'::enum('a', 'b')",
    "nan": "'nan'::double",
    "union": "union_value(a := 1)",
}
ROLES = ("prediction", "target", "score", "weights", "clusters")


def asked() -> list[PredictionColumns]:
    roles: dict[str, Any] = {"prediction": "d", "target": "y"}
    return [
        *(PredictionColumns(**{**roles, role: "x"}) for role in ROLES),
        PredictionColumns(**{**roles, "prediction": "x"}, threshold=0.5),
        PredictionColumns(**roles, sensitive=(SensitiveColumn(name="x", column="x"),)),
        PredictionColumns(**roles, sensitive=(SensitiveColumn(name="x", column="x", edges=(1,)),)),
    ]


def outcome(read: Callable[[], Any]) -> str:
    """Nothing, or the text of an error."""
    try:
        read()
    except UserError as error:
        return str(error)
    return ""


def read_all(frame: Any) -> None:
    for columns in asked():
        said = outcome(lambda columns=columns: tables_from_frame(frame, columns))  # type: ignore[misc]
        assert not said or "'x'" in said or "--" in said or "its engine fails" in said, said


@pytest.mark.parametrize("name", PANDAS)
def test_pandas(name: str) -> None:
    frame = BASE.assign(x=PANDAS[name])
    read_all(frame)
    for bins in ({}, {"x": (1,)}):
        said = outcome(lambda bins=bins: read_side_attributes(frame[["x"]], bins))  # type: ignore[misc]
        assert not said or "'x'" in said, said


@pytest.mark.parametrize("name", POLARS)
def test_polars(name: str) -> None:
    frame = pl.from_pandas(BASE).with_columns(x=POLARS[name])
    read_all(frame)
    read_all(frame.lazy())


@pytest.mark.parametrize("name", DUCKDB)
def test_duckdb(name: str) -> None:
    select = f"select (i % 2)::int d, (i % 3 % 2)::int y, {DUCKDB[name]} x from range({N}) t(i)"
    read_all(duckdb.sql(select))
