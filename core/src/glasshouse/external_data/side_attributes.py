"""Sensitive attributes that are not in the data: columns, frames or files with one row per row of the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasshouse.data.arrow_columns import as_arrow
from glasshouse.data.column_coding import code_sensitive
from glasshouse.data.csv_files import (
    check_columns_once,
    find_delimiter,
    is_csv,
    read_header,
    read_text,
    refuse_unreadable,
)
from glasshouse.data.data_info import SPLITS, DataInfo, Sensitive
from glasshouse.data.level_names import level_order
from glasshouse.data.raw_table import Coded, SensitiveColumn, as_column, as_labels
from glasshouse.data.text_columns import as_numbers, first_not_a_number
from glasshouse.errors import UserError
from glasshouse.external_data.ordered_loader import OrderedLoader

WHO = "`sensitive`"

Codes = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class SideAttributes:
    """Attributes of every row: `codes[split]` or, for all splits together, `codes[None]`, each (n, attributes)."""

    declared: tuple[Sensitive, ...]
    codes: Mapping[str | None, Codes]
    source: Any = None
    """Where they come from, as written to config.yaml: the path of a file, ``values``, or either by split."""

    def added_to(self, info: DataInfo) -> DataInfo:
        """`info` with these attributes."""
        return with_attributes(info, self.declared)

    @property
    def evaluation_sets(self) -> set[str]:
        """The names under which there are attributes and that are no splits."""
        return {name for name in self.codes if name is not None} - set(SPLITS)

    def of_split(self, split: str, order: OrderedLoader, *, judged: bool, set_name: str = "") -> Codes | None:
        """The codes of a split's rows in its order, (n, attributes); None where there are none for it.

        Columns of a split match its rows in the order of its data set; of several evaluation sets of the judged split,
        each may have columns under `set_name`. Columns for all splits match the data set that the splits are subsets
        of; where the splits are no subsets, the columns belong to the judged split.

        Raises:
            UserError: where the number of rows differs, or the order of the rows is not known.
        """
        whole = self.codes.get(None)
        if whole is None:
            name = set_name if judged and set_name in self.codes else split
            return None if name not in self.codes else _matched(self.codes[name], name, order.length)
        dataset, rows = order.origin
        if rows is not None and (dataset is not order.dataset or len(rows) != len(dataset)):
            return _matched(whole, split, len(dataset))[rows]
        return _matched(whole, split, order.length) if judged else None


def with_attributes(info: DataInfo, attributes: Sequence[Sensitive]) -> DataInfo:
    """`info` with these attributes; the model sees those that have the name of a feature."""
    seen = {feature.name for feature in info.features}
    return replace(info, sensitive=tuple(replace(a, seen_by_model=True) if a.name in seen else a for a in attributes))


def read_side_attributes(given: Any, bins: Mapping[str, Sequence[float]]) -> SideAttributes:
    """Columns, a frame or a file, for all splits or by split, as codes.

    Args:
        given: a mapping of an attribute's name to its values; a frame (pandas, Polars, PyArrow); the path of a CSV or
            Parquet file; or a mapping of ``train``, ``validate``, ``test``, or of names of evaluation sets, to any of
            these.
        bins: edges for columns of numbers: (40, 60) makes "under 40", "40 to under 60" and "60 and over".

    Raises:
        UserError: for a file that cannot be read, columns that differ between splits or in length, or values that
            cannot be grouped.
    """
    by_split = (
        isinstance(given, Mapping)
        and bool(given)
        and (set(given) <= set(SPLITS) or all(map(_is_table, given.values())))
    )
    tables = {split: _columns(values) for split, values in (given if by_split else {None: given}).items()}
    names = list(next(iter(tables.values())))
    for split, columns in tables.items():
        if set(columns) != set(names):
            raise UserError(WHO, f"split '{split}' has columns {', '.join(columns)}; others have {', '.join(names)}.")
    for name in bins:
        if name not in names:
            raise UserError("`bins`", f"there is no attribute '{name}'.", f"Known: {', '.join(names)}.")
    lengths = {split: _common_length(columns) for split, columns in tables.items()}
    coded = [
        _coded(SensitiveColumn.binned(name, bins), [columns[name] for columns in tables.values()]) for name in names
    ]
    together = np.stack([each.codes for each in coded], axis=1).astype(np.int64)
    ends = np.cumsum(list(lengths.values()))[:-1]
    return SideAttributes(
        declared=tuple(
            Sensitive(name=n, levels=c.levels, seen_by_model=None) for n, c in zip(names, coded, strict=True)
        ),
        codes=dict(zip(tables, np.split(together, ends), strict=True)),
        source={split: _source(values) for split, values in given.items()} if by_split else _source(given),
    )


def _is_table(values: Any) -> bool:
    """Whether it is columns by name, a frame or the path of a file, rather than the values of one column."""
    if isinstance(values, (str, Path)):
        return Path(values).suffix.lower() in (".csv", ".parquet", ".pq")
    return isinstance(values, Mapping) or hasattr(values, "columns") or hasattr(values, "column_names")


def _source(values: Any) -> str:
    return str(values) if isinstance(values, (str, Path)) else "values"


def _coded(declared: SensitiveColumn, parts: Sequence[Any]) -> Coded:
    """The values of all splits in one column, so that a level has one code throughout."""
    name = declared.name
    if declared.edges:
        return code_sensitive(declared, np.concatenate([_numbers(name, part) for part in parts]), who=WHO)
    coded = [as_labels(part, name, who=WHO) for part in parts]
    together = coded[0] if len(coded) == 1 else _joined(coded)
    return code_sensitive(declared, together, who=WHO)


def _numbers(name: str, values: Any) -> NDArray[np.float64]:
    """A column with edges as numbers; text from files is read as numbers.

    Raises:
        UserError: for other text, with its row and value.
    """
    import pyarrow as pa

    array = as_arrow(values, name, who=WHO)
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        found = as_numbers(array)
        if found is None and array.null_count < len(array):
            row, value = first_not_a_number(array)
            raise UserError(
                WHO,
                f"'{name}' has bins, and row {row + 1:,} is not a number: '{value}'.",
                "Correct it, or leave its bins out.",
            )
        array = array.cast(pa.float64()) if found is None else found
    column = as_column(array, name, who=WHO)
    if isinstance(column, Coded):
        raise UserError(WHO, f"'{name}' has bins, but contains {array.type}; expected numbers.")
    return column


def _joined(parts: Sequence[Coded]) -> Coded:
    if all(part.levels == parts[0].levels for part in parts):
        levels = parts[0].levels  # which may have an order of their own
    else:
        levels = tuple(level_order({level for part in parts for level in part.levels}))
    codes = [np.array([*map(levels.index, part.levels), -1], dtype=np.int32)[part.codes] for part in parts]
    return Coded(np.concatenate(codes), levels)


def _columns(values: Any) -> dict[str, Any]:
    """Name -> 1-D values of a mapping, a frame or a file.

    Raises:
        UserError: for anything else, or without a column.
    """
    if isinstance(values, (str, Path)):
        table = _read(Path(values))
    elif isinstance(values, Mapping):
        table = {str(name): _values(str(name), column) for name, column in values.items()}
    else:
        table = _from_frame(values)
    if not table:
        raise UserError(WHO, "there is no column.", "Give e.g. `sensitive={'sex': values}`.")
    return table


def _values(name: str, column: Any) -> Any:
    if isinstance(column, (str, bytes, Path)) or not hasattr(column, "__len__"):
        raise UserError(
            WHO,
            f"expected the values of '{name}', one for each row, received {type(column).__name__}.",
            "Give an array, or a file by itself: `sensitive='people.csv'`.",
        )
    return column


def _from_frame(frame: Any) -> dict[str, Any]:
    import narwhals as nw

    if nw.dependencies.is_pandas_dataframe(frame):
        names = [str(name) for name in frame.columns]
        check_columns_once(names, names, WHO)
        return {name: frame.iloc[:, k] for k, name in enumerate(names)}
    try:
        table = nw.from_native(frame, eager_only=True).to_arrow()
    except TypeError:
        raise UserError(
            WHO,
            f"expected columns by name, a frame or the path of a file, received {type(frame).__name__}.",
            "Give e.g. `sensitive={'sex': values}`.",
        ) from None
    return {name: table[name] for name in table.column_names}


def _read(path: Path) -> dict[str, Any]:
    """The columns of a file; those of CSV are text as it is written."""
    from pyarrow import feather, parquet

    suffix = path.suffix.lower()
    with refuse_unreadable(path, WHO):
        if is_csv(path):
            delimiter = find_delimiter(path, who=WHO)
            names = read_header(path, delimiter, who=WHO)
            check_columns_once(names, names, f"{WHO}: {path}")
            table = read_text(path, delimiter, names)
        elif suffix in (".parquet", ".pq"):
            table = parquet.read_table(path)
        elif suffix in (".arrow", ".feather"):
            table = feather.read_table(path)
        else:
            raise UserError(WHO, f"'{path}' is no CSV, Parquet or Arrow file.", "Convert it to one of them.")
    return {name: table[name] for name in table.column_names}


def _common_length(columns: Mapping[str, Any]) -> int:
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        raise UserError(WHO, "columns differ in length: " + ", ".join(f"{n} {k:,}" for n, k in lengths.items()) + ".")
    return next(iter(lengths.values()))


def _matched(codes: Codes, split: str, expected: int | None) -> Codes:
    if expected is not None and len(codes) != expected:
        raise UserError(
            WHO,
            f"has {len(codes):,} rows for split '{split}'; its data have {expected:,}.",
            "Give one value per row of the data, in the same order; by split: `sensitive={'test': ...}`.",
        )
    return codes
