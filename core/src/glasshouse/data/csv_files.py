"""CSV files: their dialect, and their columns as text.

Types are never guessed from the first rows: a column is text until all of it is known to be numbers
(`glasshouse.data.text_columns`).
"""

from __future__ import annotations

import csv as lines
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from glasshouse.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow import csv

CSV_SUFFIXES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz")

MISSING_WORDS = (
    *("", "NA", "N/A", "n/a", "#N/A", "#N/A N/A", "#NA", "NULL", "null", "None", "?"),
    *("NaN", "nan", "-NaN", "-nan", "1.#IND", "1.#QNAN", "-1.#IND", "-1.#QNAN"),
)
"""Cells of a CSV file that are missing values."""

_DELIMITERS = (",", ";", "\t", "|")
_MAX_HEADER = 2**20


def is_csv(path: Path) -> bool:
    """Whether the name is that of a CSV file."""
    return path.name.lower().endswith(CSV_SUFFIXES)


def find_delimiter(path: Path, columns: Collection[str] = (), *, who: str = "") -> str:
    """The separator of a file: the first of comma, semicolon, tab and bar (tab first for .tsv) that finds `columns`.

    Without columns, or where none finds them all, it is the one with most columns in the header.

    Raises:
        UserError: if the file cannot be read.
    """
    usual = "\t" if ".tsv" in path.name.lower() else ","
    start = _start(path, who)
    found = {delimiter: _names(start, delimiter, path, who) for delimiter in (usual, *_DELIMITERS)}
    for delimiter, names in found.items():
        if columns and set(columns) <= set(names):
            return delimiter
    return max(found, key=lambda delimiter: len(found[delimiter]))


def read_header(path: Path, delimiter: str, *, who: str = "") -> list[str]:
    """The names of the columns.

    Raises:
        UserError: for a file that cannot be read, or is not UTF-8.
    """
    return _names(_start(path, who), delimiter, path, who)


def _start(path: Path, who: str) -> list[str]:
    """The first lines of a file."""
    import pyarrow as pa

    with refuse_unreadable(path, who), pa.input_stream(str(path), compression="detect") as stream:
        start = stream.read(_MAX_HEADER)
    text: str = start.decode("utf-8-sig", errors="replace")
    return text.splitlines()


def _names(start: Sequence[str], delimiter: str, path: Path, who: str) -> list[str]:
    try:
        names = next((row for row in lines.reader(start, delimiter=delimiter) if row), [])
    except lines.Error as error:  # such as a field that never ends
        raise _about(path, who, f"has no header: {error}.") from error
    if any("\ufffd" in name or "\0" in name for name in names):
        raise _not_utf8(path, who)
    return names


def check_columns_once(names: Sequence[str], used: Collection[str], where: str) -> None:
    """Refuse a used column whose name occurs several times; others do no harm.

    Raises:
        UserError: for the first.
    """
    for name in used:
        if names.count(name) > 1:
            raise UserError(where, f"has {names.count(name)} columns called '{name}'.", "Rename all but one.")


def open_text(
    path: Path, delimiter: str, names: Sequence[str], *, numbers: Collection[str] = (), coded: bool = False
) -> csv.CSVStreamingReader:
    """A reader of some columns of a file, in blocks of rows.

    Args:
        path: the file.
        delimiter: the separator.
        names: the columns.
        numbers: those that are read as float64; anything else in them raises `pyarrow.ArrowInvalid`.
        coded: dictionary-encode text, block by block.
    """
    from pyarrow import csv

    return csv.open_csv(
        path,
        parse_options=csv.ParseOptions(delimiter=delimiter),
        convert_options=_convert_options(names, numbers=numbers, coded=coded),
    )


def read_text(
    path: Path, delimiter: str, names: Sequence[str], *, verbatim: bool = False, newlines: bool = False
) -> pa.Table:
    """Some columns of a file as text.

    Args:
        path: the file.
        delimiter: the separator.
        names: the columns.
        verbatim: no word is a missing value.
        newlines: quoted cells may contain line breaks.
    """
    from pyarrow import csv

    return csv.read_csv(
        path,
        parse_options=csv.ParseOptions(delimiter=delimiter, newlines_in_values=newlines),
        convert_options=_convert_options(names, verbatim=verbatim),
    )


def _convert_options(
    names: Sequence[str], *, numbers: Collection[str] = (), coded: bool = False, verbatim: bool = False
) -> csv.ConvertOptions:
    import pyarrow as pa
    from pyarrow import csv

    text = pa.dictionary(pa.int32(), pa.string()) if coded else pa.string()
    return csv.ConvertOptions(
        include_columns=list(names),
        column_types={name: pa.float64() if name in numbers else text for name in names},
        null_values=[] if verbatim else list(MISSING_WORDS),
        strings_can_be_null=not verbatim,
    )


@contextmanager
def refuse_unreadable(path: Path, who: str = "") -> Iterator[None]:
    """Errors of Arrow and of the file system about a file, as a `UserError` that names it after `who`."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError) as error:
        if "UTF8" in str(error):
            raise _not_utf8(path, who) from error
        reason = next(iter(str(error).splitlines()), type(error).__name__).rstrip(".")[:200]
        raise _about(path, who, f"cannot be read: {reason}.") from error


def _about(path: Path, who: str, problem: str, remedy: str = "") -> UserError:
    return UserError(who, f"{path} {problem}", remedy) if who else UserError(str(path), problem, remedy)


def _not_utf8(path: Path, who: str) -> UserError:
    return _about(path, who, "is not UTF-8 text.", "Convert it, e.g. `iconv -f latin1 -t utf-8 FILE > NEW`.")
