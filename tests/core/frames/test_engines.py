"""The same tables from every engine: pandas, Polars, DuckDB, and Dask and PySpark where they are installed."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from glasshouse.data.raw_table import SensitiveColumn
from glasshouse.errors import UserError
from glasshouse.frames import PredictionColumns, tables_from_batches, tables_from_frame
from glasshouse.statistics import PredictionTables

SENSITIVE = (
    SensitiveColumn(name="sex", column="sex"),
    SensitiveColumn(name="age", column="age", edges=(40, 60)),
)
ASKED = {
    "scores": PredictionColumns(prediction="pred", target="y", score="p", favourable="yes", sensitive=SENSITIVE),
    "weights": PredictionColumns(prediction="pred", target="y", score="p", weights="w", sensitive=SENSITIVE),
    "threshold": PredictionColumns(prediction="p", target="y", threshold=0.5, sensitive=SENSITIVE[:1]),
    "no target": PredictionColumns(prediction="pred", sensitive=SENSITIVE),
    "regression": PredictionColumns(prediction="value", target="truth", sensitive=SENSITIVE[:1]),
}


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    n = 600
    # Multiples of 2^-20 add up without rounding, in whatever order an engine adds.
    p = rng.integers(0, 2**20 + 1, n) / 2**20
    p[:8] = [0, 1, 0.5, 0.25, 2.0**-60, 1 - 2.0**-12, 0.75, 0.125]
    truth = rng.normal(size=n)
    return pd.DataFrame(
        {
            "sex": rng.choice(["F", "M", None], n, p=[0.5, 0.4, 0.1]),
            "age": np.where(rng.random(n) < 0.05, np.nan, rng.integers(18, 90, n)),
            "y": np.where(rng.random(n) < p, "yes", "no"),
            "pred": np.where(p >= 0.5, "yes", "no"),
            "p": p,
            "w": rng.integers(1, 5, n).astype(float),
            "truth": truth,
            "value": truth + 0.5,
        }
    )


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    pytest.importorskip("pyspark", reason="PySpark is not installed")
    if shutil.which("java") is None:
        pytest.skip("PySpark needs Java, which is not at hand")
    from pyspark.sql import SparkSession

    settings = {
        "spark.ui.enabled": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.shuffle.partitions": "2",
    }
    builder = SparkSession.builder.master("local[2]")
    for key, value in settings.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    yield session
    session.stop()


def polars(frame: pd.DataFrame, *, lazy: bool) -> Any:
    pl = pytest.importorskip("polars", reason="Polars is not installed")
    found = pl.from_pandas(frame)
    return found.lazy() if lazy else found


def engine(name: str, frame: pd.DataFrame, request: pytest.FixtureRequest) -> Any:
    if name == "pandas":
        return frame
    if name.startswith("polars"):
        return polars(frame, lazy=name.endswith("lazy"))
    if name == "duckdb":
        return pytest.importorskip("duckdb", reason="DuckDB is not installed").from_df(frame)
    if name == "dask":
        return pytest.importorskip("dask.dataframe", reason="Dask is not installed").from_pandas(frame, npartitions=3)
    session = request.getfixturevalue("spark")
    return session.createDataFrame(frame.astype(object).where(frame.notna(), None))


def assert_same(found: PredictionTables, expected: PredictionTables) -> None:
    for name in ("kind", "classes", "positive", "attributes", "left_out", "weighted"):
        assert getattr(found, name) == getattr(expected, name)
    if expected.counts is not None:
        assert found.counts is not None
        np.testing.assert_array_equal(found.counts.codes, expected.counts.codes)
        np.testing.assert_array_equal(found.counts.cells, expected.counts.cells)
        np.testing.assert_array_equal(found.counts.squares, expected.counts.squares)
    assert found.scores.keys() == expected.scores.keys()
    for label, histogram in expected.scores.items():
        assert found.scores[label].shift == histogram.shift
        for field in fields(histogram.occupied):
            one, other = (getattr(h.occupied, field.name) for h in (found.scores[label], histogram))
            np.testing.assert_array_equal(one, other, err_msg=field.name)
    if expected.sums is not None:
        assert found.sums is not None
        np.testing.assert_allclose(found.sums.sums, expected.sums.sums, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("name", ["pandas", "polars", "polars lazy", "duckdb"])
def test_every_engine_gives_the_table_of_the_batches(
    name: str, asked: str, frame: pd.DataFrame, request: pytest.FixtureRequest
) -> None:
    expected = tables_from_batches(pa.Table.from_pandas(frame).to_batches(), ASKED[asked])
    assert_same(tables_from_frame(engine(name, frame, request), ASKED[asked]), expected)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dask", "pyspark"])
def test_so_do_engines_of_clusters(name: str, frame: pd.DataFrame, request: pytest.FixtureRequest) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what these engines say of pandas 3 and of narwhals is not ours
        expected = tables_from_batches(pa.Table.from_pandas(frame).to_batches(), ASKED["weights"])
        assert_same(tables_from_frame(engine(name, frame, request), ASKED["weights"]), expected)


def test_crowded_scores_are_grouped_exactly(frame: pd.DataFrame) -> None:
    crowded = frame.assign(p=0.3 + frame["p"] * 1e-6)
    found = tables_from_frame(crowded, ASKED["scores"])
    assert found.scores["yes"].exact
    assert found.overall().scores["yes"].roc_auc_error()[0] == 0


def test_misfits_are_said(frame: pd.DataFrame) -> None:
    with pytest.raises(UserError, match="there is no column 'nobody'"):
        tables_from_frame(frame, PredictionColumns(prediction="nobody"))
    with pytest.raises(UserError, match="expected probabilities from 0 to 1, found "):
        tables_from_frame(frame, PredictionColumns(prediction="pred", target="y", score="truth"))
    with pytest.raises(UserError, match=r"row 1: '.' is not a number, which --score needs"):
        tables_from_frame(frame, PredictionColumns(prediction="pred", target="y", score="sex"))
    with pytest.raises(UserError, match="expected weights of 0 or more"):
        tables_from_frame(frame, PredictionColumns(prediction="pred", weights="truth"))
