"""Columns of CSV, Parquet and Arrow files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa
from glasshouse import UserError, did_you_mean
from pyarrow import csv, feather, ipc, parquet

_CSV = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz")
_PARQUET = (".parquet", ".pq")
_ARROW = (".arrow", ".feather")
TYPES = {"numeric": pa.float64(), "categorical": pa.string()}


@dataclass(frozen=True, kw_only=True)
class TableFile:
    """A CSV file with a header, a Parquet file, or an Arrow IPC file (Feather, version 2).

    In CSV files an empty cell, ``NA``, ``NaN``, ``null``, ``n/a`` and ``?`` are missing values, except in `texts`.

    Args:
        path: the file.
        who: name of the data in error messages.
        delimiter: column separator of a CSV file; None: tab for .tsv, else comma.
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
        endings = (*_CSV, *_PARQUET, *_ARROW)
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
        try:
            if self.path.name.endswith(_CSV):
                return self._read_csv(needed, types or {})
            table = (parquet if self.path.name.endswith(_PARQUET) else feather).read_table(self.path, columns=[*needed])
            return cast(table, types or {})
        except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
            raise self._unreadable(error) from error

    def _names(self) -> list[str]:
        if self.path.name.endswith(_CSV):
            return self._header()
        if self.path.name.endswith(_PARQUET):
            return list(parquet.read_schema(self.path).names)
        with pa.memory_map(str(self.path)) as file:
            return list(ipc.open_file(file).schema.names)

    def _unreadable(self, error: Exception) -> UserError:
        return UserError(self.who, f"{self.path} cannot be read: {str(error).splitlines()[0]}")

    def _parse_options(self) -> csv.ParseOptions:
        default = "\t" if ".tsv" in self.path.suffixes else ","
        return csv.ParseOptions(delimiter=self.delimiter or default, newlines_in_values=bool(self.texts))

    def _header(self) -> list[str]:
        with csv.open_csv(self.path, parse_options=self._parse_options()) as reader:
            return list(reader.schema.names)

    def _read_csv(self, needed: Sequence[str], types: Mapping[str, str]) -> pa.Table:
        texts = [name for name in needed if name in self.texts]
        options = csv.ConvertOptions(
            include_columns=[name for name in needed if name not in self.texts],
            column_types={name: TYPES[kind] for name, kind in types.items()},
            null_values=[*csv.ConvertOptions().null_values, "?"],
            strings_can_be_null=True,
        )
        table = csv.read_csv(self.path, parse_options=self._parse_options(), convert_options=options)
        if texts:  # null values apply to all columns of a pass, but "null" and "?" are ordinary words of a text
            options = csv.ConvertOptions(include_columns=texts, column_types=dict.fromkeys(texts, pa.string()))
            verbatim = csv.read_csv(self.path, parse_options=self._parse_options(), convert_options=options)
            for name in texts:
                table = table.append_column(name, verbatim[name])
        return table


def cast(table: pa.Table, types: Mapping[str, Literal["numeric", "categorical"]]) -> pa.Table:
    """The table with some columns cast to numbers or to text."""
    for position, name in enumerate(table.column_names):
        if name in types:
            table = table.set_column(position, name, table[name].cast(TYPES[types[name]]))
    return table
