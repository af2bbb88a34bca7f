"""Columns of CSV, Parquet and Arrow files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
from glasshouse import UserError, did_you_mean
from glasshouse.data import (
    CSV_SUFFIXES,
    as_numbers,
    as_text,
    find_delimiter,
    first_not_a_number,
    infer_type,
    is_csv,
    read_header,
    read_text,
    refuse_unreadable,
)
from numpy.typing import NDArray
from pyarrow import feather, ipc, parquet

_PARQUET = (".parquet", ".pq")
_ARROW = (".arrow", ".feather")
TYPES = ("numeric", "categorical")


@dataclass(frozen=True, kw_only=True)
class TableFile:
    """A CSV file with a header, a Parquet file, or an Arrow IPC file (Feather, version 2).

    In CSV files an empty cell, ``NA``, ``NaN``, ``null``, ``None``, ``n/a`` and ``?`` are missing values, except in
    `texts`. A column is numbers, dates or true/false only if all of its values are. Codes with leading zeros and
    integers beyond 2^53 stay text, because as numbers different ones would be equal.

    Args:
        path: the file.
        who: name of the data in error messages.
        delimiter: column separator of a CSV file; None: the one of comma, semicolon, tab and bar that the header has.
        texts: text columns, whose cells are read verbatim, including line breaks within quotes.
    """

    path: Path
    who: str
    delimiter: str | None = None
    texts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.path.is_file():
            raise UserError(
                self.who, f"there is no file {self.path.absolute()}.", "Relative paths start at the current folder."
            )
        endings = (*CSV_SUFFIXES, *_PARQUET, *_ARROW)
        if not self.path.name.endswith(endings):
            raise UserError(
                self.who,
                f"{self.path.name} is not a supported table; expected a name that ends in {', '.join(endings)}.",
            )

    @property
    def source(self) -> str:
        """Name of the source in reports."""
        return self.path.name

    def names(self) -> list[str]:
        """Names of the columns.

        Raises:
            UserError: if the file cannot be read, or two columns have the same name.
        """
        try:
            names = self._names()
        except pa.ArrowInvalid as error:
            raise self._unreadable(error) from error
        repeated = [name for name, count in Counter(names).items() if count > 1]
        if repeated:
            raise UserError(self.who, f"{self.path} has several columns called '{repeated[0]}'.", "Rename them.")
        return names

    def require(self, used: Iterable[tuple[str, str]], names: Sequence[str]) -> None:
        """Refuse an option that names a column which does not exist.

        Args:
            used: pairs of an option and a column that it names.
            names: the columns that exist.
        """
        for option, name in used:
            if name not in names:
                raise UserError(
                    self.who,
                    f"`{option}` names '{name}', which is not a column of {self.path}.",
                    did_you_mean(name, names),
                )

    def read(
        self, needed: Sequence[str], types: Mapping[str, Literal["numeric", "categorical"]] | None = None
    ) -> pa.Table:
        """The columns `needed`, cast to `types`.

        Raises:
            UserError: if the file cannot be read, or a column cannot be cast.
        """
        return self.read_columns(needed, types).table

    def read_columns(
        self, needed: Sequence[str], types: Mapping[str, Literal["numeric", "categorical"]] | None = None
    ) -> TableColumns:
        """As `read`, with the text of a CSV file and the columns of codes.

        Raises:
            UserError: as `read`.
        """
        try:
            if is_csv(self.path):
                return self._read_csv(needed, types or {})
            table = (parquet if self.path.name.endswith(_PARQUET) else feather).read_table(self.path, columns=[*needed])
        except (pa.ArrowException, OSError) as error:
            raise self._unreadable(error) from error
        return TableColumns(cast(table, types or {}, who=self.who))

    def _names(self) -> list[str]:
        if is_csv(self.path):
            return self._header()
        if self.path.name.endswith(_PARQUET):
            return list(parquet.read_schema(self.path).names)
        with pa.memory_map(str(self.path)) as file:
            return list(ipc.open_file(file).schema.names)

    def _unreadable(self, error: Exception) -> UserError:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        return UserError(self.who, f"{self.path} cannot be read: {reason}")

    @cached_property
    def _delimiter(self) -> str:
        return self.delimiter or find_delimiter(self.path, who=self.who)

    def _header(self) -> list[str]:
        names = read_header(self.path, self._delimiter, who=self.who)
        if not names:
            raise UserError(self.who, f"{self.path} is empty; expected a header.")
        return names

    def _read_csv(self, needed: Sequence[str], types: Mapping[str, str]) -> TableColumns:
        with refuse_unreadable(self.path, self.who):
            table = self._text([name for name in needed if name not in self.texts], verbatim=False)
            # missing words apply to all columns of a pass, but "null" and "?" are ordinary words of a text
            verbatim = self._text([name for name in needed if name in self.texts], verbatim=True)
        columns: dict[str, pa.ChunkedArray] = {}
        codes: dict[str, str] = {}
        for name in needed:
            if name in self.texts:
                columns[name] = verbatim[name]
            elif name in types:
                columns[name] = _as_type(table[name], types[name], name, who=self.who)
            else:
                columns[name], reason = infer_type(table[name])
                codes |= {name: reason} if reason else {}
        return TableColumns(pa.table(columns), _with_values(table), codes)

    def _text(self, names: list[str], *, verbatim: bool) -> pa.Table:
        if not names:
            return pa.table({})
        return read_text(self.path, self._delimiter, names, verbatim=verbatim, newlines=bool(self.texts))


def _with_values(table: pa.Table) -> dict[str, pa.ChunkedArray]:
    return {name: table[name] for name in table.column_names if table[name].null_count < len(table)}


@dataclass(frozen=True)
class TableColumns:
    """Columns with their types, and how a CSV file writes them."""

    table: pa.Table
    as_written: Mapping[str, pa.ChunkedArray] = field(default_factory=dict)
    """The text of the columns of a CSV file."""
    codes: Mapping[str, str] = field(default_factory=dict)
    """Columns that look like numbers and are categories -> why."""

    def take(self, rows: NDArray[np.int64] | Sequence[int]) -> TableColumns:
        """Some of the rows, in the given order."""
        places = pa.array(rows)
        as_written = {name: values.take(places) for name, values in self.as_written.items()}
        return TableColumns(self.table.take(places), as_written, self.codes)

    def written(self, names: Iterable[str]) -> dict[str, pa.ChunkedArray]:
        """The text of some columns, as far as there is any."""
        return {name: self.as_written[name] for name in names if name in self.as_written}


def cast(table: pa.Table, types: Mapping[str, Literal["numeric", "categorical"]], *, who: str) -> pa.Table:
    """The table with some columns cast to numbers or to text.

    Raises:
        UserError: for a value that is not a number.
    """
    for position, name in enumerate(table.column_names):
        if name in types:
            table = table.set_column(position, name, _as_type(table[name], types[name], name, who=who))
    return table


def _as_type(values: pa.ChunkedArray, kind: str, name: str, *, who: str) -> pa.ChunkedArray:
    if kind == "categorical":
        return as_text(values, name)
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        return _numbers_of_text(values, name, who=who)
    tests = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_boolean, pa.types.is_null)
    if not any(test(values.type) for test in tests):
        problem = f"column '{name}' contains {values.type}; `types: {{{name}: numeric}}` needs numbers."
        raise UserError(who, problem, "Leave that out, or convert it in the file.")
    if pa.types.is_boolean(values.type):
        values = values.cast(pa.int8())
    return values.cast(pa.float64(), safe=False)


def _numbers_of_text(values: pa.ChunkedArray, name: str, *, who: str) -> pa.ChunkedArray:
    numbers = as_numbers(values)
    if numbers is None and values.null_count < len(values):
        row, value = first_not_a_number(values)
        raise UserError(
            who,
            f"column '{name}', row {row + 1:,}: '{value}' is not a number.",
            f"Correct it, leave it empty, or leave `types: {{{name}: numeric}}` out.",
        )
    return values.cast(pa.float64()) if numbers is None else numbers
