"""Tables from data frames: those in memory in batches, those of lazy engines by a group-by on the engine."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import Any

import narwhals as nw
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from glasshouse.data.level_names import level_names
from glasshouse.errors import UserError, did_you_mean
from glasshouse.frames.assembling import build_tables
from glasshouse.frames.columns import PredictionColumns
from glasshouse.frames.in_memory import eager_batches, pandas_batches
from glasshouse.frames.reading import is_regression, new_tally, not_a_probability, refined_tables
from glasshouse.frames.tally import MISSING_CODE, HistogramTally, NumbersFoundLaterError, Tally
from glasshouse.statistics.scores.bin_numbers import (
    EDGES,
    FARTHEST,
    PER_DOUBLING,
    bin_numbers,
    places_in_bins,
    positions,
)
from glasshouse.statistics.scores.binning import Bins
from glasshouse.statistics.scores.histograms import CERTIFICATE
from glasshouse.statistics.tables import PredictionTables, max_auc_error_of_tables

_BATCH_ROWS = 2**19
_ENGINES = ("duckdb", "polars", "dask", "pyspark", "narwhals", "pyarrow")

_SAMPLE_ROWS = 10_000
"""Rows from which classes and numbers are distinguished."""

_EXACT_ROWS = 50_000_000
"""Maximum number of rows for a group-by over every distinct score, if bins leave an AUC uncertain."""

_DOUBLINGS = round(np.log2(FARTHEST))


def tables_from_frame(frame: Any, columns: PredictionColumns, *, split: str = "test") -> PredictionTables:
    """The tables of a frame: pandas, Polars (eager or lazy), PyArrow, DuckDB relation, Dask or PySpark.

    Frames in memory are counted in batches of Arrow. Lazy engines group and count themselves, with the same bins of
    scores as `score_histogram`, so that every engine gives the same tables up to the rounding of sums; their predicted
    numbers, labels, clusters, and columns of unusual types are streamed through Arrow.

    Raises:
        UserError: for something else than a frame, a missing column, or values that do not fit their role.
    """
    if nw.dependencies.is_pandas_dataframe(frame):
        return refined_tables(lambda: pandas_batches(frame, columns), columns, split=split)
    try:
        native = nw.from_native(frame)
    except TypeError as error:
        raise UserError(
            "frame",
            f"expected a frame or paths of files, received {type(frame).__name__}.",
            "Frames of pandas, Polars, PyArrow, DuckDB, Dask and PySpark will do.",
        ) from error
    if isinstance(native, nw.DataFrame):
        return refined_tables(lambda: eager_batches(native, columns), columns, split=split)
    try:
        return _lazy_tables(native, columns, split)
    except Exception as error:
        if type(error).__module__.partition(".")[0].lstrip("_") not in _ENGINES:
            raise
        reason = str(error).splitlines()[0].rstrip(".")[:200]
        raise UserError("frame", f"its engine fails: {reason}.", "Check the columns' types.") from error


def _lazy_tables(rows: nw.LazyFrame[Any], columns: PredictionColumns, split: str) -> PredictionTables:
    names = rows.collect_schema().names()
    for name in columns.names:
        if name not in names:
            raise UserError("frame", f"there is no column '{name}'.", did_you_mean(name, names))
    rows = rows.select(*columns.names)
    looked_at = _arrow(rows.head(_SAMPLE_ROWS)).combine_chunks()
    if not looked_at.num_rows:
        raise UserError("frame", "has no rows.")
    streamed = columns.clusters is not None or bool(columns.labels) or not _can_group(rows, columns)
    if streamed or is_regression(looked_at.to_batches()[0], columns):
        return refined_tables(lambda: _arrow(rows).to_batches(max_chunksize=_BATCH_ROWS), columns, split=split)
    _check_scores_and_weights(rows, columns)
    try:
        found = _tables(rows, columns, split, exact=False)
    except NumbersFoundLaterError:
        if columns.probabilities:
            raise
        return refined_tables(
            lambda: _arrow(rows).to_batches(max_chunksize=_BATCH_ROWS), columns, split=split, regression=True
        )
    if len(found) <= _EXACT_ROWS and max_auc_error_of_tables(found) > CERTIFICATE:
        return _tables(rows, columns, split, exact=True)
    return found


def _can_group(rows: nw.LazyFrame[Any], columns: PredictionColumns) -> bool:
    """Whether an engine groups values of these types as Arrow does, and all numbers are numbers."""
    schema = rows.collect_schema()
    numbers = columns.number_columns
    return all(
        kind.is_numeric() if name in numbers else kind.is_integer() or kind in (nw.String, nw.Boolean, nw.Float64)
        for name, kind in schema.items()
    )


def _tables(rows: nw.LazyFrame[Any], columns: PredictionColumns, split: str, *, exact: bool) -> PredictionTables:
    tally = new_tally(columns, regression=False, exact=exact)
    for vocabulary in (tally.predictions, tally.targets):
        kind = rows.collect_schema().get(vocabulary.column)
        vocabulary.may_be_numbers = kind is not None and kind.is_numeric()
    kept = _drop_incomplete_rows(tally, rows, columns)
    keys = {f"group_{k}": _level(a.column, a.edges) for k, a in enumerate(columns.sensitive)}
    keys["target"] = nw.lit(0) if columns.target is None else nw.col(columns.target)
    thresholded = columns.thresholded_column
    keys["prediction"] = nw.col(columns.prediction) if thresholded is None else nw.col(thresholded) >= columns.threshold
    weight = nw.lit(1) if columns.weights is None else nw.col(columns.weights).cast(nw.Float64)
    given = {name: key.alias(name) for name, key in keys.items()}
    prepared = kept.select(*given.values(), weight.alias("weight"))
    counted = _grouped(prepared.with_columns(square=nw.col("weight") * nw.col("weight")), list(given))
    amounts = np.stack([_numbers(counted, name) for name in ("rows", "weight", "square")], axis=1)
    codes = np.stack([_codes(tally, counted, name, k, columns) for k, name in enumerate(keys)], axis=1)
    tally.count(codes, amounts)
    for name, column in columns.probabilities.items():
        _add_scores(tally, tally.scores[name], kept, given, weight, column, columns)
    return build_tables(tally, columns, regression=False, split=split)


def _add_scores(
    tally: Tally,
    scores: HistogramTally,
    kept: nw.LazyFrame[Any],
    given: dict[str, nw.Expr],
    weight: nw.Expr,
    column: str,
    columns: PredictionColumns,
) -> None:
    by = [name for name in given if name != "prediction"]
    p = nw.col("score")
    scored = kept.select(
        *(given[name] for name in by),
        weight.alias("weight"),
        nw.col(column).cast(nw.Float64).alias("score"),
    )
    if scores.exact:
        by_bin = ["score"]
    else:
        by_bin = ["segment", "doubling", "part"]
        odds = nw.when(p < 1).then(p / (1 - nw.when(p < 1).then(p).otherwise(nw.lit(0.0)))).otherwise(nw.lit(FARTHEST))
        scored = scored.with_columns(odds=odds, segment=_segment(p))
        doublings = range(-_DOUBLINGS, _DOUBLINGS + 1)
        reached = reduce(add, ((nw.col("odds") >= 2.0**k).cast(nw.Int64) for k in doublings))
        scored = scored.with_columns(doubling=reached)
        # multiplying by a power of two is exact, so every engine has the same bin limits
        scale = nw.lit(2.0) ** (_DOUBLINGS + 1 - nw.col("doubling"))
        within = (nw.col("doubling") > 0) & (nw.col("doubling") <= 2 * _DOUBLINGS)
        part = (nw.col("odds") * scale * PER_DOUBLING).floor()
        scored = scored.with_columns(part=nw.when(within).then(part).otherwise(nw.lit(0.0)))
    scored = scored.with_columns(low=p, high=p, total=p * nw.col("weight"), square=nw.col("weight") * nw.col("weight"))
    found = _grouped(scored, [*by, *by_bin])
    codes = np.stack([_codes(tally, found, name, k, columns) for k, name in enumerate(by)], axis=1)
    shift, low, high = scores.shift, _numbers(found, "low"), _numbers(found, "high")
    weighted = columns.weights is not None
    scores.take(
        Bins(
            group=tally.number(codes),
            number=bin_numbers(low, shift, probability=True),
            rows=_numbers(found, "rows").astype(np.int64)[None],
            totals=_numbers(found, "total")[None],
            low=_places(low, shift),
            high=_places(high, shift),
            weights=_numbers(found, "weight")[None] if weighted else None,
            squares=_numbers(found, "square")[None] if weighted else None,
        )
    )


def _places(scores: NDArray[np.float64], shift: int) -> NDArray[np.uint16]:
    """(1, n) position of scores within their bins."""
    if not shift:
        return np.zeros((1, len(scores)), dtype=np.uint16)
    return places_in_bins(positions(scores, probability=True), shift)[None]


def _segment(score: nw.Expr) -> nw.Expr:
    """The number of `EDGES` below a score."""
    return reduce(add, ((score > float(edge)).cast(nw.Int64) for edge in EDGES[1:-1]))


def _grouped(rows: nw.LazyFrame[Any], keys: list[str]) -> pa.Table:
    """Rows by group, with sums and extremes of the columns that exist; a missing key is a group."""
    sums = [nw.col(name).sum() for name in ("weight", "square", "total") if name in rows.collect_schema().names()]
    extremes = [nw.col("low").min(), nw.col("high").max()] if "low" in rows.collect_schema().names() else []
    return _arrow(rows.group_by(*keys).agg(nw.len().alias("rows"), *sums, *extremes))


def _level(column: str, edges: tuple[float, ...]) -> nw.Expr:
    """The value of a group, or the position of its bin for numbers with edges."""
    if not edges:
        return nw.col(column)
    value = nw.col(column).cast(nw.Float64)
    position = reduce(add, ((value >= edge).cast(nw.Int64) for edge in sorted(edges)))
    return nw.when(~(value.is_null() | value.is_nan())).then(position)


def _codes(tally: Tally, found: pa.Table, name: str, place: int, columns: PredictionColumns) -> NDArray[np.int64]:
    """Provisional codes of one key of a group-by result."""
    if name == "target" and columns.target is None:
        return np.zeros(len(found), dtype=np.int64)
    if name == "prediction" and columns.threshold is not None:
        return np.array([2 if value else 1 for value in found[name].to_pylist()], dtype=np.int64)
    vocabulary = {"target": tally.targets, "prediction": tally.predictions}.get(name)
    if vocabulary is None:
        vocabulary = tally.groups[place]
    if vocabulary.fixed:
        places = found[name].to_pylist()
        return np.array([MISSING_CODE if v is None or v != v else int(v) + 1 for v in places], dtype=np.int64)
    # level_order sorts later, so the engine's order of groups has no effect on the tables
    values = found[name].combine_chunks()
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    return np.array([vocabulary.code(level) for level in level_names(values, vocabulary.column)], dtype=np.int64)


def _drop_incomplete_rows(tally: Tally, rows: nw.LazyFrame[Any], columns: PredictionColumns) -> nw.LazyFrame[Any]:
    """The rows without missing values in the needed columns; the others are counted by reason."""
    schema = rows.collect_schema()
    for reason, name in columns.needed:
        missing = nw.col(name).is_null()
        if schema[name].is_float():
            missing = missing | nw.col(name).is_nan()
        missing_rows = _arrow(rows.filter(missing).select(nw.len().alias("rows")))["rows"][0].as_py()
        if missing_rows:
            tally.leave_out(reason, int(missing_rows))
            rows = rows.filter(~missing)
    return rows


def _check_scores_and_weights(rows: nw.LazyFrame[Any], columns: PredictionColumns) -> None:
    """Check on the engine, in one pass, that scores are probabilities and weights are not negative."""
    checked = [name for name in (*columns.probabilities.values(), columns.weights) if name is not None]
    if not checked:
        return
    limits = [e for n in checked for e in (nw.col(n).min().alias(f"{n}_low"), nw.col(n).max().alias(f"{n}_high"))]
    found = _arrow(
        rows.select(*limits, *(nw.col(n).is_null().cast(nw.Int64).sum().alias(f"{n}_missing") for n in checked))
    )
    for name in checked:
        low, high, missing_rows = (found[f"{name}_{end}"][0].as_py() for end in ("low", "high", "missing"))
        if name == columns.weights:
            if missing_rows:
                raise UserError(f"column '{name}'", "expected a weight for every row, found missing ones.")
            if low is not None and low < 0:
                raise UserError(f"column '{name}'", f"expected weights of 0 or more, found {low:g}.")
        elif low is not None and (low < 0 or high > 1):
            raise not_a_probability(name, float(low if low < 0 else high))


def _numbers(found: pa.Table, name: str) -> NDArray[np.float64]:
    return np.asarray(found[name].to_numpy(), dtype=np.float64)


def _arrow(rows: nw.LazyFrame[Any]) -> pa.Table:
    return rows.collect().to_arrow()
