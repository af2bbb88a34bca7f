"""Batches of frames that are in memory: pandas, Polars and PyArrow, column by column as Arrow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import narwhals as nw
import pyarrow as pa

from glasshouse.data.arrow_columns import as_arrow
from glasshouse.errors import UserError, did_you_mean
from glasshouse.frames.columns import PredictionColumns

_BATCH_ROWS = 2**19


def pandas_batches(frame: Any, columns: PredictionColumns) -> Iterator[pa.RecordBatch]:
    """Batches of a pandas frame, whose columns are found by their names as text: 1 is ``"1"``.

    Objects of several types in one column become text. Categories keep their order if they are ordered.

    Raises:
        UserError: for a missing or repeated column, or several levels of column names.
    """
    if getattr(frame.columns, "nlevels", 1) > 1:
        raise UserError("frame", "its columns have names of several levels.", "Give each one name.")
    names = [str(name) for name in frame.columns]
    for name in columns.names:
        if name not in names:
            raise UserError("frame", f"there is no column '{name}'.", did_you_mean(name, names))
        if names.count(name) > 1:
            raise UserError("frame", f"has {names.count(name)} columns called '{name}'.", "Rename all but one.")
    place = {name: names.index(name) for name in columns.names}
    for start in range(0, max(1, len(frame)), _BATCH_ROWS):
        part = frame.iloc[start : start + _BATCH_ROWS]
        yield pa.record_batch({name: _one_chunk(as_arrow(part.iloc[:, k], name)) for name, k in place.items()})


def eager_batches(frame: nw.DataFrame[Any], columns: PredictionColumns) -> Iterator[pa.RecordBatch]:
    """Batches of any other frame in memory.

    Raises:
        UserError: for a missing column.
    """
    for name in columns.names:
        if name not in frame.columns:
            raise UserError("frame", f"there is no column '{name}'.", did_you_mean(name, frame.columns))
    try:
        table = frame.select(*columns.names).to_arrow()
    except pa.ArrowException as error:
        kinds = ", ".join(f"'{name}' {frame.schema[name]}" for name in columns.names)
        raise UserError("frame", f"has a type that Arrow does not read, among {kinds}.", "Convert it.") from error
    yield from table.to_batches(max_chunksize=_BATCH_ROWS)


def _one_chunk(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
