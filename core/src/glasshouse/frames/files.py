"""Predictions in CSV, Parquet and Arrow files: columns are compared, rows are read in batches with bounded memory."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.ipc as ipc
import pyarrow.parquet as pq

from glasshouse.data.csv_files import (
    CSV_SUFFIXES,
    check_columns_once,
    find_delimiter,
    is_csv,
    open_text,
    read_header,
    refuse_unreadable,
)
from glasshouse.data.text_columns import LEADING_ZEROS, as_numbers, code_like, first_not_a_number
from glasshouse.errors import UserError, did_you_mean
from glasshouse.frames.columns import PredictionColumns
from glasshouse.frames.reading import is_numeric, is_regression, not_a_number, refined_tables
from glasshouse.statistics.tables import PredictionTables

ARROW_SUFFIXES = (".arrow", ".feather")
PARQUET_SUFFIXES = (".parquet", ".pq")
SUFFIXES = (*PARQUET_SUFFIXES, *ARROW_SUFFIXES, *CSV_SUFFIXES)

_BATCH_ROWS = 2**19
_BUFFER = 2**20
_MAX_ROW_GROUP = 2**21
"""Row groups with at most this many rows are read at once, larger ones in batches."""
_READERS = 2
_NO_PARTITION = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True)
class PredictionFile:
    """One file, and the values of columns that the names of its folders give: ``sex=F/part-0.parquet``."""

    path: Path
    partition: Mapping[str, str | None]
    delimiter: str = ""
    """The separator of a CSV file."""

    @classmethod
    def find(cls, path: Path, columns: Collection[str]) -> PredictionFile:
        """A file, with the separator under which it has most of `columns`."""
        pairs = [part.split("=", 1) for part in path.parts[:-1] if "=" in part]
        partition = {unquote(name): None if value == _NO_PARTITION else unquote(value) for name, value in pairs}
        within = [name for name in columns if name not in partition]
        return cls(path, partition, find_delimiter(path, within) if is_csv(path) else "")


def tables_from_files(
    paths: Sequence[Path | str], columns: PredictionColumns, *, split: str = "test"
) -> PredictionTables:
    """The tables of all rows of CSV, Parquet and Arrow files, and of the files in folders.

    Files are read in batches, so memory does not depend on the number of rows. If binning would leave an AUC uncertain
    by more than 1e-4, everything is read again with one bin for each distinct score, or as many as memory allows.

    Classes, groups and clusters in CSV files are text as it is written. Predictions and targets are numbers if the
    first rows have fractions, or more different whole numbers than classes. Columns that lie in the names of folders
    (``sex=F/``) are columns as well.

    Raises:
        UserError: for a missing file or column, files whose columns differ, or values that do not fit their role.
    """
    files = [PredictionFile.find(path, columns.names) for path in prediction_files(paths)]
    check_types(files, columns)
    # files with types are judged by their first batch
    regression = _is_regression(files, columns) if any(file.delimiter for file in files) else None
    numbers = {*columns.number_columns, *(columns.value_columns if regression else ())}
    return refined_tables(
        lambda: _batches(files, columns, numbers),
        columns,
        split=split,
        regression=regression,
        untyped=regression is not None,
    )


def prediction_files(paths: Sequence[Path | str]) -> list[Path]:
    """The files, those of folders sorted by name.

    Raises:
        UserError: if there is none, or one has another suffix.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if _is_table(p) and p.suffix != ".txt" and p.name[0] not in "._")
            if not inside:
                raise UserError("--predictions", f"folder '{path}' contains no CSV, Parquet or Arrow file.")
            found += inside
        elif not path.is_file():
            raise UserError(
                "--predictions", f"no file '{path}'.", "Name CSV, Parquet or Arrow files, or folders of them."
            )
        elif not _is_table(path):
            raise UserError("--predictions", f"'{path}' is none of {', '.join(SUFFIXES)}.", "Convert it to one.")
        else:
            found.append(path)
    return list(dict.fromkeys(found))


def _is_table(path: Path) -> bool:
    return path.name.lower().endswith(SUFFIXES)


def check_types(files: Sequence[PredictionFile], columns: PredictionColumns) -> None:
    """Check that every file has every column, and that files with types agree on what is a number.

    Raises:
        UserError: if a file lacks a column, or contains numbers where another contains text.
    """
    types: dict[str, pa.DataType] = {}
    for file in files:
        schema = _schema(file)
        if not schema.names:
            raise UserError(str(file.path), "is empty; expected a header.")
        names = [*schema.names, *(name for name in file.partition if name not in schema.names)]
        for name in columns.names:
            if name not in names:
                raise UserError(str(file.path), f"there is no column '{name}'.", did_you_mean(name, names))
        check_columns_once(schema.names, columns.names, str(file.path))
        for name in columns.names if not file.delimiter else ():
            if name not in schema.names:
                continue
            kind = schema.field(name).type
            known = types.setdefault(name, kind)
            if pa.types.is_null(known):
                types[name] = kind
            elif is_numeric(known) != is_numeric(kind) and not pa.types.is_null(kind):
                raise UserError(
                    str(file.path),
                    f"column '{name}' contains {kind}; expected {known}, as in '{files[0].path}'.",
                    "Give files of one schema.",
                )


def _schema(file: PredictionFile) -> pa.Schema:
    if file.delimiter:
        return pa.schema([(name, pa.string()) for name in read_header(file.path, file.delimiter)])
    with refuse_unreadable(file.path):
        if file.path.name.lower().endswith(ARROW_SUFFIXES):
            with pa.memory_map(str(file.path)) as source:
                return _open_arrow(source).schema
        return pq.read_schema(file.path)


def _is_regression(files: Sequence[PredictionFile], columns: PredictionColumns) -> bool:
    """Whether predictions are numbers instead of classes, judged from the first rows."""
    text = _batches(files, columns, columns.number_columns, coded=False)
    first = next((batch for batch in text if batch.num_rows), None)
    if first is None:
        raise UserError("--predictions", "have no rows.", "Give a file with rows.")
    for name in columns.value_columns:
        place, values = first.schema.get_field_index(name), first.column(name)
        if pa.types.is_string(values.type) and files[0].delimiter and code_like(values) != LEADING_ZEROS:
            numbers = as_numbers(values)
            first = first if numbers is None else first.set_column(place, name, numbers)
    return any(is_regression(first, each) for each in columns.by_label.values())


def _batches(
    files: Sequence[PredictionFile], columns: PredictionColumns, numbers: Collection[str], *, coded: bool = True
) -> Iterator[pa.RecordBatch]:
    """Batches of all files; the next one is read while the previous one is counted."""
    for file in files:
        given = set(_schema(file).names) if file.partition else set(columns.names)
        names = [name for name in columns.names if name in given]
        if file.delimiter:
            read = _csv_batches(file, names, columns, numbers, coded=coded)
        elif file.path.name.lower().endswith(ARROW_SUFFIXES):
            read = _arrow_batches(file.path, names)
        else:
            read = _parquet_batches(file.path, names)
        with refuse_unreadable(file.path):
            for batch in read:
                yield batch if len(names) == len(columns.names) else _with_partition(batch, file, columns)


def _with_partition(batch: pa.RecordBatch, file: PredictionFile, columns: PredictionColumns) -> pa.RecordBatch:
    codes = pa.array(np.zeros(batch.num_rows, dtype=np.int32))
    values = {
        name: batch.column(name)
        if name in batch.schema.names
        else pa.DictionaryArray.from_arrays(codes, pa.array([file.partition[name]], pa.string()))
        for name in columns.names
    }
    return pa.record_batch(values)


def _parquet_batches(path: Path, names: list[str]) -> Iterator[pa.RecordBatch]:
    text = [
        field.name
        for field in pq.read_schema(path)
        if field.name in names and (pa.types.is_string(field.type) or pa.types.is_large_string(field.type))
    ]

    def opened() -> pq.ParquetFile:
        # Dictionary-encoded text stays encoded, so that a row takes an index instead of a string.
        return pq.ParquetFile(path, read_dictionary=text, buffer_size=_BUFFER, pre_buffer=False)

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


def _arrow_batches(path: Path, names: list[str]) -> Iterator[pa.RecordBatch]:
    with pa.memory_map(str(path)) as source:
        reader = _open_arrow(source)
        read = (
            reader
            if isinstance(reader, ipc.RecordBatchStreamReader)
            else map(reader.get_batch, range(reader.num_record_batches))
        )
        for batch in read:
            yield from pa.Table.from_batches([batch.select(names)]).to_batches(max_chunksize=_BATCH_ROWS)


def _open_arrow(source: Any) -> Any:
    """An Arrow file in either of its two formats."""
    try:
        return ipc.open_file(source)
    except pa.ArrowInvalid:
        source.seek(0)
        return ipc.open_stream(source)


def _csv_batches(
    file: PredictionFile, names: list[str], columns: PredictionColumns, numbers: Collection[str], *, coded: bool
) -> Iterator[pa.RecordBatch]:
    numeric = [name for name in names if name in numbers]
    try:
        with open_text(file.path, file.delimiter, names, numbers=numeric, coded=coded) as reader:
            yield from _prefetch(reader)
    except pa.ArrowInvalid:
        _refuse_other_than_numbers(file, numeric, columns.number_columns)
        raise


def _refuse_other_than_numbers(file: PredictionFile, numeric: list[str], options: Mapping[str, str]) -> None:
    """Name the first cell that is not a number, if there is one, with its row and the option that wants numbers."""
    row = 1
    with open_text(file.path, file.delimiter, numeric) as reader:
        for batch in reader:
            for name in numeric:
                if as_numbers(batch.column(name)) is not None or batch.column(name).null_count == batch.num_rows:
                    continue
                place, value = first_not_a_number(batch.column(name))
                option = options.get(name, "--prediction")
                raise not_a_number(f"{file.path}: column '{name}', row {row + place:,}", value, option, name)
            row += batch.num_rows


def _prefetch(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    iterator = iter(batches)
    with ThreadPoolExecutor(max_workers=1) as reader:
        waiting = reader.submit(next, iterator, None)
        while (batch := waiting.result()) is not None:
            waiting = reader.submit(next, iterator, None)
            yield batch
