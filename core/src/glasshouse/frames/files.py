"""Predictions in CSV and Parquet files: schemas are compared, and rows are read in batches with bounded memory."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

from glasshouse.errors import UserError, did_you_mean
from glasshouse.frames.columns import PredictionColumns
from glasshouse.frames.reading import is_numeric, refined_tables
from glasshouse.statistics.tables import PredictionTables

SUFFIXES = (".parquet", ".pq", ".csv")

_BATCH_ROWS = 2**19
_BUFFER = 2**20
_MAX_ROW_GROUP = 2**21
"""Row groups with at most this many rows are read at once, larger ones in batches."""
_READERS = 2


def tables_from_files(
    paths: Sequence[Path | str], columns: PredictionColumns, *, split: str = "test"
) -> PredictionTables:
    """The tables of all rows of CSV and Parquet files, and of the files in folders.

    Files are read in batches, so memory does not depend on the number of rows. If binning would leave an AUC uncertain
    by more than 1e-4, everything is read again with one bin for each distinct score, or as many as memory allows.

    Raises:
        UserError: for a missing file or column, files whose columns differ, or values that do not fit their role.
    """
    files = prediction_files(paths)
    types = checked_types(files, columns)
    return refined_tables(lambda: _batches(files, columns, types), columns, split=split)


def prediction_files(paths: Sequence[Path | str]) -> list[Path]:
    """The files, those of folders sorted by name.

    Raises:
        UserError: if there is none, or one has another suffix.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.name[0] not in "._")
            if not inside:
                raise UserError("--predictions", f"folder '{path}' contains no CSV or Parquet file.")
            found += inside
        elif not path.is_file():
            raise UserError("--predictions", f"no file '{path}'.", "Name CSV or Parquet files, or folders of them.")
        elif path.suffix.lower() not in SUFFIXES:
            raise UserError("--predictions", f"'{path}' is neither .parquet nor .csv.", "Convert it to one of them.")
        else:
            found.append(path)
    return list(dict.fromkeys(found))


def checked_types(files: Sequence[Path], columns: PredictionColumns) -> dict[str, pa.DataType]:
    """The type of each column that is read, the same kind in every file.

    Raises:
        UserError: if a file lacks a column, or contains numbers where another contains text.
    """
    types: dict[str, pa.DataType] = {}
    for path in files:
        schema = _schema(path)
        for name in columns.names:
            if name not in schema.names:
                raise UserError(str(path), f"there is no column '{name}'.", did_you_mean(name, schema.names))
            kind = schema.field(name).type
            known = types.setdefault(name, kind)
            if pa.types.is_null(known):
                types[name] = kind
            elif is_numeric(known) != is_numeric(kind) and not pa.types.is_null(kind):
                raise UserError(
                    str(path),
                    f"column '{name}' contains {kind}; expected {known}, as in '{files[0]}'.",
                    "Give files of one schema.",
                )
    return types


def _schema(path: Path) -> pa.Schema:
    try:
        if path.suffix.lower() == ".csv":
            with pcsv.open_csv(path, convert_options=_convert_options()) as reader:
                return reader.schema
        return pq.read_schema(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(str(path), f"cannot be read: {_first_line(error)}.") from error


def _batches(
    files: Sequence[Path], columns: PredictionColumns, types: dict[str, pa.DataType]
) -> Iterator[pa.RecordBatch]:
    """Batches of all files; the next one is read while the previous one is counted."""
    for path in files:
        read = _csv_batches(path, columns, types) if path.suffix.lower() == ".csv" else _parquet_batches(path, columns)
        try:
            yield from read
        except (pa.ArrowInvalid, OSError) as error:
            raise UserError(str(path), f"cannot be read: {_first_line(error)}.") from error


def _parquet_batches(path: Path, columns: PredictionColumns) -> Iterator[pa.RecordBatch]:
    text = [
        field.name
        for field in pq.read_schema(path)
        if field.name in columns.names and (pa.types.is_string(field.type) or pa.types.is_large_string(field.type))
    ]

    def opened() -> pq.ParquetFile:
        # Dictionary-encoded text stays encoded, so that a row takes an index instead of a string.
        return pq.ParquetFile(path, read_dictionary=text, buffer_size=_BUFFER, pre_buffer=False)

    names = list(columns.names)
    with opened() as file:
        rows = [file.metadata.row_group(k).num_rows for k in range(file.num_row_groups)]
        if len(rows) > 1 and max(rows) <= _MAX_ROW_GROUP:
            yield from _row_groups(opened, len(rows), names)
        else:
            yield from _prefetch(file.iter_batches(batch_size=_BATCH_ROWS, columns=names, use_threads=True))


def _row_groups(opened: Callable[[], pq.ParquetFile], count: int, names: list[str]) -> Iterator[pa.RecordBatch]:
    """Batches of all row groups in order; two row groups at a time are read twice as fast as two columns."""
    own = threading.local()
    with ExitStack() as files, ThreadPoolExecutor(max_workers=_READERS) as readers:

        def read(number: int) -> pa.Table:
            if not hasattr(own, "file"):
                own.file = files.enter_context(opened())
            return own.file.read_row_group(number, columns=names, use_threads=False)

        waiting = deque(readers.submit(read, number) for number in range(min(count, _READERS + 1)))
        following = iter(range(len(waiting), count))
        while waiting:
            table = waiting.popleft().result()
            waiting.extend(readers.submit(read, number) for number in islice(following, 1))
            yield from table.to_batches(max_chunksize=_BATCH_ROWS)


def _csv_batches(path: Path, columns: PredictionColumns, types: dict[str, pa.DataType]) -> Iterator[pa.RecordBatch]:
    known: dict[str, Any] = {name: kind for name, kind in types.items() if not pa.types.is_null(kind)}
    whole = {name for name, kind in known.items() if pa.types.is_integer(kind)}
    # integers in the first block may be followed by fractions
    known |= {name: pa.float64() for name in whole}
    if columns.clusters is not None:
        known[columns.clusters] = pa.string()  # cluster names stay text, even if they look like numbers
    options = _convert_options(column_types=known, include_columns=list(columns.names))
    with pcsv.open_csv(path, convert_options=options) as reader:
        yield from _prefetch(reader)


def _convert_options(**options: Any) -> pcsv.ConvertOptions:
    return pcsv.ConvertOptions(
        strings_can_be_null=True, null_values=["", "NA", "N/A", "NaN", "nan", "null", "None", "?"], **options
    )


def _prefetch(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    iterator = iter(batches)
    with ThreadPoolExecutor(max_workers=1) as reader:
        waiting = reader.submit(next, iterator, None)
        while (batch := waiting.result()) is not None:
            waiting = reader.submit(next, iterator, None)
            yield batch


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0].rstrip(".")[:200]
