"""One table, written in every format, gives the same tables and the same record, or is refused everywhere.

Each type below is one column in its typed form and in its canonical text: whole floats as integers, booleans as true
and false, everything else as it prints. That column takes every role in an audit of predictions, and the roles of data
`table`, in every format. What a format cannot say is listed in `DIFFERENT`, with what it says instead.
"""

from __future__ import annotations

import csv
import datetime
import gzip
import io
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, fields
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from glasshouse import UserError, audit_predictions
from glasshouse.cli.main import main
from glasshouse.data.raw_table import SensitiveColumn
from glasshouse.frames import PredictionColumns, tables_from_files, tables_from_frame
from glasshouse.statistics import PredictionTables
from glasshouse_plugins.data.table import Table

LARGE = 2**53 + 1
ROWS = 60

BOOLEANS = {
    "true false": ("true", "false"),
    "True False": ("True", "False"),
    "TRUE FALSE": ("TRUE", "FALSE"),
    "yes no": ("yes", "no"),
    "Yes No": ("Yes", "No"),
    "1 0": ("1", "0"),
}


@dataclass(frozen=True)
class Kind:
    """Values of one type, their Arrow type, and the text of each distinct value."""

    values: tuple[Any, ...]
    arrow: pa.DataType
    text: tuple[str | None, ...]

    @property
    def column(self) -> list[Any]:
        return [self.values[k % len(self.values)] for k in range(ROWS)]

    @property
    def written(self) -> list[str | None]:
        return [self.text[k % len(self.text)] for k in range(ROWS)]


def _dictionary(ordered: bool) -> pa.DataType:
    return pa.dictionary(pa.int8(), pa.string(), ordered=ordered)


KINDS = {
    "integers": Kind((3, 1, None, 10), pa.int64(), ("3", "1", None, "10")),
    "unsigned": Kind((3, 1, 255), pa.uint8(), ("3", "1", "255")),
    "codes with zeros": Kind(("01", "1", "001"), pa.string(), ("01", "1", "001")),
    "large ids": Kind((LARGE, LARGE + 1, LARGE), pa.int64(), (str(LARGE), str(LARGE + 1), str(LARGE))),
    "booleans": Kind((True, False, None), pa.bool_(), ("true", "false", None)),
    **{name: Kind(words, pa.string(), words) for name, words in BOOLEANS.items()},
    "decimals": Kind((Decimal("0.10"), Decimal("0.50"), None), pa.decimal128(9, 2), ("0.10", "0.50", None)),
    "whole floats": Kind((1.0, 0.0, None), pa.float64(), ("1", "0", None)),
    "fractions": Kind((0.25, 0.5, 1.0), pa.float64(), ("0.25", "0.5", "1")),
    "float32": Kind((0.25, 0.5), pa.float32(), ("0.25", "0.5")),
    "dates": Kind((datetime.date(2020, 1, 2), datetime.date(2019, 5, 1)), pa.date32(), ("2020-01-02", "2019-05-01")),
    "times": Kind(
        (datetime.datetime(2020, 1, 2), datetime.datetime(2020, 1, 2, 3, 4, 5)),
        pa.timestamp("us"),
        ("2020-01-02 00:00:00", "2020-01-02 03:04:05"),
    ),
    "categories": Kind(("m", "f", None), _dictionary(False), ("m", "f", None)),
    "ordered categories": Kind(("small", "middle", "large"), _dictionary(True), ("small", "middle", "large")),
    "late text": Kind((*["7"] * (ROWS - 1), "90+"), pa.string(), (*["7"] * (ROWS - 1), "90+")),
    "thousands": Kind(("12,345.67", "1"), pa.string(), ("12,345.67", "1")),
    "missing words": Kind(("NA", "missing", "None", "x"), pa.string(), ("NA", "missing", "None", "x")),
    "only missing": Kind((None,), pa.null(), (None,)),
}


def arrow_table(kind: Kind) -> pa.Table:
    """The column `x` of a type, beside a decision, a truth and an input."""
    k = np.arange(ROWS)
    x = pa.array(kind.column, kind.arrow.value_type if pa.types.is_dictionary(kind.arrow) else kind.arrow)
    if pa.types.is_dictionary(kind.arrow):
        x = pa.DictionaryArray.from_arrays(
            [None if v is None else kind.values.index(v) for v in kind.column],
            [v for v in kind.values if v is not None],
            ordered=kind.arrow.ordered,
        )
    return pa.table({"x": x, "d": k % 3 % 2, "y": k % 5 % 2, "a": k / 7})


def csv_text(kind: Kind, delimiter: str, *, quoting: Any = csv.QUOTE_MINIMAL, end: str = "\n") -> str:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator=end)
    writer.writerow(["x", "d", "y", "a"])
    for k, x in enumerate(kind.written):
        writer.writerow(["" if x is None else x, k % 3 % 2, k % 5 % 2, k / 7])
    return out.getvalue()


def sqlite(kind: Kind, folder: Path) -> Path:
    """A database with the table `t`; SQLite itself decides how values are stored."""
    path = folder / "t.db"
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        frame = arrow_table(kind).to_pandas()
        adapted = [str(v) if isinstance(v, (Decimal, datetime.date)) else v for v in kind.column]
        frame["x"] = pd.Series(adapted, dtype=object)
        frame.to_sql("t", connection, index=False)
    return path


def _read_sql(kind: Kind, folder: Path) -> pd.DataFrame:
    with closing(sqlite3.connect(sqlite(kind, folder))) as connection:
        return pd.read_sql("select * from t", connection)


def _write(path: Path, content: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(content.encode(encoding))
    return path


def _gzip(path: Path, content: str) -> Path:
    path.write_bytes(gzip.compress(content.encode()))
    return path


def _parquet(path: Path, table: pa.Table, rows: int) -> Path:
    pq.write_table(table, path, row_group_size=rows)
    return path


def _arrow_file(path: Path, table: pa.Table) -> Path:
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=7)
    return path


def _feather(path: Path, table: pa.Table) -> Path:
    pyarrow.feather.write_feather(table, str(path))
    return path


FILES: dict[str, Callable[[Kind, Path], Path]] = {
    "CSV": lambda kind, folder: _write(folder / "t.csv", csv_text(kind, ",")),
    "CSV semicolon": lambda kind, folder: _write(folder / "t.csv", csv_text(kind, ";")),
    "CSV bar": lambda kind, folder: _write(folder / "t.csv", csv_text(kind, "|")),
    "CSV quoted CRLF BOM": lambda kind, folder: _write(
        folder / "t.csv", csv_text(kind, ",", quoting=csv.QUOTE_ALL, end="\r\n"), "utf-8-sig"
    ),
    "TSV": lambda kind, folder: _write(folder / "t.tsv", csv_text(kind, "\t")),
    "CSV gzip": lambda kind, folder: _gzip(folder / "t.csv.gz", csv_text(kind, ",")),
    "Parquet": lambda kind, folder: _parquet(folder / "t.parquet", arrow_table(kind), 1000),
    "Parquet row groups": lambda kind, folder: _parquet(folder / "t.parquet", arrow_table(kind), 7),
    "Arrow": lambda kind, folder: _arrow_file(folder / "t.arrow", arrow_table(kind)),
    "Feather": lambda kind, folder: _feather(folder / "t.feather", arrow_table(kind)),
}
FRAMES: dict[str, Callable[[Kind, Path], Any]] = {
    "PyArrow": lambda kind, _: arrow_table(kind),
    "pandas": lambda kind, _: arrow_table(kind).to_pandas(),
    "pandas objects": lambda kind, _: arrow_table(kind).to_pandas().assign(x=pd.Series(kind.column, dtype=object)),
    "pandas Arrow": lambda kind, _: arrow_table(kind).to_pandas(types_mapper=pd.ArrowDtype),
    "Polars": lambda kind, _: pl.from_arrow(arrow_table(kind)),
    "Polars lazy": lambda kind, _: pl.from_arrow(arrow_table(kind)).lazy(),  # type: ignore[union-attr]
    "DuckDB": lambda kind, _: duckdb.from_arrow(arrow_table(kind)),
    "SQL": _read_sql,
}
REFERENCE = "Parquet"

CSVS = tuple(name for name in FILES if name.startswith(("CSV", "TSV")))
DIFFERENT: dict[tuple[str, str], str] = {
    **{("missing words", name): "words for missing values are missing in CSV files alone" for name in CSVS},
    **{
        ("ordered categories", name): "has categories without an order, or none"
        for name in (*CSVS, "pandas objects", "Polars", "Polars lazy", "DuckDB", "SQL")
    },
    ("booleans", "SQL"): "SQLite stores 1 and 0",
}

ROLES = ("target", "prediction", "score", "sensitive", "bins", "weights", "clusters")


def columns(role: str) -> PredictionColumns:
    roles: dict[str, Any] = {"prediction": "d", "target": "y"}
    if role in ("sensitive", "bins"):
        edges = (0.3,) if role == "bins" else ()
        return PredictionColumns(**roles, sensitive=(SensitiveColumn(name="x", column="x", edges=edges),))
    return PredictionColumns(**{**roles, role: "x"})


def found_in(source: Any, role: str) -> PredictionTables | str:
    """The tables, or the column that an error names."""
    try:
        read = tables_from_files if isinstance(source, Path) else tables_from_frame
        return read([source] if isinstance(source, Path) else source, columns(role))  # type: ignore[operator]
    except UserError as error:
        return "refused: column 'x'" if "'x'" in str(error) else f"refused: {error}"


def parts(tables: PredictionTables) -> Iterator[tuple[str, Any]]:
    """All that tables hold; numbers that are sums as arrays of floats, which differ by the order of adding."""
    for name in ("kind", "classes", "positive", "attributes", "left_out", "weighted", "clustered", "read_as"):
        yield name, getattr(tables, name)
    for name in ("codes", "cells", "squares", "clusters"):
        if tables.counts is not None and hasattr(tables.counts, name):
            value = np.asarray(getattr(tables.counts, name))
            yield name, value if value.dtype.kind == "f" else value.tolist()
    for label, histogram in tables.scores.items():
        for field in fields(histogram.occupied):
            value = getattr(histogram.occupied, field.name)
            yield f"{label} {field.name}", value if field.name == "totals" or value is None else value.tolist()
    if tables.sums is not None:
        yield "sums", tables.sums.recentered(0).sums


def assert_same(found: PredictionTables | str, expected: PredictionTables | str, where: str) -> None:
    if isinstance(expected, str) or isinstance(found, str):
        assert found == expected, where
        return
    one, other = dict(parts(found)), dict(parts(expected))
    assert one.keys() == other.keys(), where
    for name, value in other.items():
        if isinstance(value, np.ndarray):
            np.testing.assert_allclose(one[name], value, rtol=1e-9, atol=1e-9, err_msg=f"{where}: {name}")
        else:
            assert one[name] == value, (where, name)


@pytest.mark.parametrize("name", KINDS)
def test_every_format_gives_the_same_tables_or_the_same_refusal(name: str, tmp_path: Path) -> None:
    kind = KINDS[name]
    expected = {role: found_in(FILES[REFERENCE](kind, tmp_path), role) for role in ROLES}
    for format_name, make in (*FILES.items(), *FRAMES.items()):
        source = make(kind, tmp_path)
        differences = 0
        for role in ROLES:
            try:
                assert_same(found_in(source, role), expected[role], f"{name} as {role} in {format_name}")
            except AssertionError:
                if (name, format_name) not in DIFFERENT:
                    raise
                differences += 1
        assert (differences > 0) == ((name, format_name) in DIFFERENT), f"{name} in {format_name} is no different"


TABLE_ROLES: dict[str, dict[str, Any]] = {
    "feature": {"target": "y", "features": ["a", "x"]},
    "target": {"target": "x", "features": ["a"]},
    "sensitive": {"target": "y", "features": ["a"], "sensitive": ["x"]},
    "clusters": {"target": "y", "features": ["a"], "clusters": "x"},
    "weights": {"target": "y", "features": ["a"], "weights": "x"},
}
TABLE_DIFFERENT: dict[tuple[str, str], str] = {
    **{
        (kind, name): "text that is true/false is read as that"
        for kind in ("True False", "TRUE FALSE")
        for name in CSVS
    },
    **{("1 0", name): "text that is numbers is numbers in a CSV file" for name in CSVS},
    **{(name, "SQL"): "SQLite has no such type, but text" for name in ("decimals", "dates", "times")},
    **{key: why for key, why in DIFFERENT.items() if key[1] in (*CSVS, "SQL")},
}


def table_in(path: str, role: str, query: str | None) -> Any:
    """All that a run sees of the data, or the column that an error names."""
    data = Table(path, missing={"x": "mode"} if role == "feature" else "error", query=query, **TABLE_ROLES[role])
    try:
        data.setup()
    except UserError as error:
        return "refused" if "'x'" in str(error) or "x" in {fault.place for fault in error.faults} else str(error)
    info = data.info
    rows = {split: data.loader(split).rows for split in info.rows}
    clusters = {split: data.row_clusters(split) for split in info.rows}
    return {
        "features": [(f.name, f.kind, f.categories) for f in info.features],
        "target": info.target,
        "sensitive": info.sensitive,
        "x": {split: batch.x.tolist() for split, batch in rows.items()},
        "y": {split: batch.y.tolist() for split, batch in rows.items()},
        "levels": {split: batch.sensitive.tolist() for split, batch in rows.items()},
        "clusters": {split: None if c is None else c.tolist() for split, c in clusters.items()},
    }


@pytest.mark.parametrize("name", KINDS)
def test_data_table_reads_every_format_alike(name: str, tmp_path: Path) -> None:
    kind = KINDS[name]
    reference = str(FILES[REFERENCE](kind, tmp_path))
    expected = {role: table_in(reference, role, None) for role in TABLE_ROLES}
    for format_name in ("CSV", "CSV semicolon", "TSV", "Arrow", "Feather", "SQL"):
        query = None if format_name in FILES else "select * from t"
        path = f"sqlite:///{sqlite(kind, tmp_path)}" if query else str(FILES[format_name](kind, tmp_path))
        different = [role for role in TABLE_ROLES if table_in(path, role, query) != expected[role]]
        assert bool(different) == ((name, format_name) in TABLE_DIFFERENT), (format_name, different)


@pytest.mark.parametrize("name", ["codes with zeros", "booleans"])
def test_the_record_is_the_same_from_files_on_the_command_line_and_frames(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    kind = KINDS[name]
    records = []
    for format_name in ("CSV", "CSV semicolon", "Parquet", "Arrow"):
        path = FILES[format_name](kind, tmp_path)
        options = ["--prediction", "d", "--target", "y", "--sensitive", "x", "--favourable", "1"]
        assert main(["audit", "--predictions", str(path), *options]) == 0
        folder = Path(capsys.readouterr().out.splitlines()[-1])
        records.append((format_name, json.loads((folder / "record.json").read_text())))
    for format_name in ("pandas", "Polars", "DuckDB"):
        frame = FRAMES[format_name](kind, tmp_path)
        record = audit_predictions(frame, prediction="d", target="y", sensitive="x", favourable=1)
        records.append((format_name, json.loads((record.folder / "record.json").read_text())))

    def measured(record: dict[str, Any]) -> Any:
        data = {key: record["run"]["data"][key] for key in ("target", "sensitive", "rows")}
        audits = [
            {key: audit[key] for key in ("name", "status", "measurements", "tables")} for audit in record["audits"]
        ]
        return data, record["verdict"], record["findings"], audits

    expected = measured(records[0][1])
    for format_name, record in records[1:]:
        assert measured(record) == expected, format_name
