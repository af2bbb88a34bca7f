"""The table that a data plugin returns, and the conversion of its columns to numbers or codes."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from glasshouse.data.arrow_columns import as_arrow
from glasshouse.data.level_names import EXACT_INTEGERS, level_names, level_order
from glasshouse.errors import UserError, did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, eq=False)
class Coded:
    """A categorical column: `codes` (n,) int32 into `levels`; -1 is a missing value."""

    codes: NDArray[np.int32]
    levels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, rows: Any) -> Coded:
        return Coded(self.codes[rows], self.levels)


_SAMPLE, _MIN_FOR_THREADS, _BLOCK = 10_000, 200_000, 65_536
"""Rows from which the levels of a text column are guessed, rows from which two threads are faster, and rows encoded at
a time."""

Column = NDArray[np.float64] | Coded
"""Numeric: float64 with NaN for missing. Categorical: `Coded`."""


@dataclass(frozen=True, kw_only=True)
class SensitiveColumn:
    """A sensitive attribute and the column that it is derived from.

    `edges` bin a numeric column: (40, 60) gives "under 40", "40 to under 60" and "60 and over".
    """

    name: str
    column: str
    edges: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for edge in self.edges:
            if (
                isinstance(edge, (bool, str))
                or not isinstance(edge, (int, float, np.number))
                or not math.isfinite(edge)
            ):
                raise _wrong_edges(self.column, f"received {edge!r}")
        if len(set(self.edges)) < len(self.edges):
            raise _wrong_edges(self.column, f"received {', '.join(f'{edge:g}' for edge in self.edges)}")

    @classmethod
    def binned(cls, name: str, bins: Mapping[str, Sequence[float]]) -> SensitiveColumn:
        """The attribute of a column, with its edges in `bins` if it has any.

        Raises:
            UserError: for edges that are not different finite numbers.
        """
        edges = bins.get(name, ())
        if name in bins and (isinstance(edges, (str, bytes)) or not hasattr(edges, "__iter__") or not len(edges)):
            raise _wrong_edges(name, f"received {edges!r}")
        return cls(name=name, column=name, edges=tuple(edges))


@dataclass(frozen=True, kw_only=True, eq=False)
class RawTable:
    """The result of `TabularDataModule.load`: a table before it is split and encoded.

    Columns may be any 1-D arrays, including Arrow arrays. Numbers stay numbers (NaN or null is missing); strings,
    booleans and objects (None is missing) become `Coded`.
    """

    columns: Mapping[str, Any]
    target: str
    """Name of the target column."""
    task: str | None = None
    """``binary``, ``multiclass`` or ``regression``; None: see `infer_task`."""
    classes: tuple[str, ...] = ()
    """The target's levels in the order of their codes; default: sorted. Binary: (negative, positive)."""
    favourable: str | None = None
    """The class that benefits the person."""
    features: tuple[str, ...] | None = None
    """Columns that the model receives; default: all except target, weights, clusters and the split column."""
    immutable: tuple[str, ...] = ()
    """Columns that a person cannot change."""
    sensitive: tuple[SensitiveColumn, ...] = ()
    weights: str | None = None
    """Column with the weight of each row in audits; training gives all rows the same weight."""
    clusters: str | None = None
    """Column that identifies clusters of dependent rows (a household, a patient)."""
    as_written: Mapping[str, Any] = field(default_factory=dict)
    """Text of columns of classes, groups and clusters, where `columns` has the numbers that it looks like."""
    split: NDArray[Any] | None = None
    """Predefined split: ``train``, ``validate`` or ``test`` of every row; ``validate`` may be missing."""
    source: str = ""
    licence: str = ""
    synthetic: bool = False
    notes: tuple[str, ...] = ()
    """How columns were read where that is not obvious, a sentence each."""

    def column(self, name: str, *, role: str, who: str) -> Column:
        """One column, numeric or coded; `role` is its purpose in error messages.

        Raises:
            UserError: if there is no such column.
        """
        return as_column(self.raw(name, role=role, who=who), name, who=who)

    def labels(self, name: str, *, who: str) -> Coded:
        """A column of classes, groups or clusters with the names of its values; text is as it is written.

        Raises:
            UserError: for values without a name, or another number of rows in `as_written`.
        """
        found = as_labels(self.as_written.get(name, self.columns[name]), name, who=who)
        if len(found) != len(self.columns[name]):
            rows = f"{len(found):,} rows as it is written, and {len(self.columns[name]):,} as numbers"
            raise UserError(who, f"column '{name}' has {rows}.", "Change both, or leave `as_written` out.")
        return found

    def raw(self, name: str, *, role: str, who: str) -> Any:
        """One column as it was given.

        Raises:
            UserError: if there is no such column.
        """
        if name not in self.columns:
            raise UserError(who, f"there is no column '{name}' ({role}).", did_you_mean(name, self.columns))
        return self.columns[name]


def _wrong_edges(column: str, received: str) -> UserError:
    return UserError(
        f"bins of '{column}'", f"expected different finite numbers, {received}.", f"E.g. `{{{column}: [30, 50]}}`."
    )


def as_column(values: Any, name: str, *, who: str) -> Column:
    """Any 1-D array as numeric float64 or `Coded`.

    Raises:
        UserError: for values that are neither numbers nor text.
    """
    import pyarrow as pa

    if isinstance(values, Coded):
        return values
    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        return _from_arrow(_chunked(values, name, who=who), name, who=who)
    if not hasattr(values, "dtype"):
        values = np.asarray(values)
    if isinstance(values, np.ndarray) and values.dtype.kind in "iuf" and not has_large_integers(values):
        return values.astype(np.float64, copy=False)
    return _from_arrow(_chunked(values, name, who=who), name, who=who)


def as_labels(values: Any, name: str, *, who: str) -> Coded:
    """Any 1-D array as levels with the names of its values, sorted; ordered categories keep their order.

    Raises:
        UserError: for values that have no name.
    """
    import pyarrow as pa

    column = values if isinstance(values, Coded) else _chunked(values, name, who=who)
    if isinstance(column, Coded):
        return column
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _named(column.dictionary_encode(), name)
    return cast(Coded, _from_arrow(column, name, who=who))


def has_large_integers(values: Any) -> bool:
    """Whether a column has integers beyond 2^53, some of which are one number as float64."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(values, np.ndarray):
        large = values.dtype.kind in "iu" and values.dtype.itemsize == 8 and len(values) > 0
        return large and max(-int(values.min()), int(values.max())) > EXACT_INTEGERS
    if not isinstance(values, (pa.Array, pa.ChunkedArray)):
        return False
    kind = values.type
    if not (pa.types.is_int64(kind) or pa.types.is_uint64(kind) or (pa.types.is_decimal(kind) and kind.scale <= 0)):
        return False
    ends = pc.min_max(values).as_py()
    return any(end is not None and abs(int(end)) > EXACT_INTEGERS for end in ends.values())


def _chunked(values: Any, name: str, *, who: str) -> pa.ChunkedArray:
    import pyarrow as pa

    found = as_arrow(values, name, who=who)
    return found if isinstance(found, pa.ChunkedArray) else pa.chunked_array([found])


def _named(encoded: pa.ChunkedArray, name: str) -> Coded:
    """A dictionary-encoded column as levels in order, with the names of its values."""
    whole = encoded.unify_dictionaries().combine_chunks()
    names = [level for level in level_names(whole.dictionary, name) if level is not None]
    order = names if whole.type.ordered else level_order(set(names))
    place = {level: code for code, level in enumerate(order)}
    new_code = np.array([*(place.get(n or "", -1) for n in level_names(whole.dictionary, name)), -1], dtype=np.int32)
    codes = whole.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return Coded(new_code[codes], tuple(order))


def _from_arrow(values: pa.ChunkedArray, name: str, *, who: str) -> Column:
    """An Arrow column as numeric float64 or `Coded`; levels are sorted, numerically if all are numbers.

    Raises:
        UserError: for other types (dates, lists, only missing values).
    """
    import pyarrow as pa

    kind = values.type
    if has_large_integers(values):
        return _named(values.dictionary_encode(), name)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return np.asarray(values.cast(pa.float64()).to_numpy(), dtype=np.float64)
    if pa.types.is_boolean(kind):
        codes = values.cast(pa.int32()).fill_null(-1).to_numpy()
        return Coded(codes.astype(np.int32), ("false", "true"))
    if isinstance(kind, pa.BaseExtensionType) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        names = [level for chunk in values.chunks for level in level_names(chunk, name)]
        values, kind = pa.chunked_array([pa.array(names, pa.string())]), pa.string()
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind)):
        raise UserError(
            who,
            f"column '{name}' contains {kind}; expected numbers, text or true/false.",
            "Leave it out with `drop:`, or convert it in the file.",
        )
    if not pa.types.is_dictionary(kind):
        if len(values) >= _MIN_FOR_THREADS and (coded := _encode_by_lookup(values)) is not None:
            return coded
        values = values.dictionary_encode()
    return _named(values, name)


def _encode_by_lookup(values: pa.ChunkedArray) -> Coded | None:
    """Text coded with the levels of its first rows; None if a later row has another level.

    A lookup is faster than dictionary encoding, and two threads share it. They write into one array block by block,
    because allocating and copying the codes of all rows takes as long as the lookup itself.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    known = pc.drop_null(values[:_SAMPLE].unique())
    levels = level_order(known.to_pylist())
    known, codes = pa.array(levels, known.type), np.empty(len(values), dtype=np.int32)

    def look_up(start: int, end: int) -> bool:
        for begin in range(start, end, _BLOCK):
            block = values[begin : min(begin + _BLOCK, end)]
            found = pc.index_in(block, value_set=known)
            if found.null_count > block.null_count:
                return False
            for chunk in found.chunks:
                codes[begin : begin + len(chunk)] = chunk.fill_null(-1).to_numpy(zero_copy_only=False)
                begin += len(chunk)
        return True

    half = len(values) // 2
    with ThreadPoolExecutor(max_workers=1) as thread:
        second = thread.submit(look_up, half, len(values))
        complete = look_up(0, half) and second.result()
    return Coded(codes, tuple(levels)) if complete else None


def fingerprint(columns: Mapping[str, Column]) -> str:
    """SHA-256 over names, types and values of all columns, in order of name."""
    digest = hashlib.sha256()
    for name in sorted(columns):
        column = columns[name]
        levels = column.levels if isinstance(column, Coded) else ()
        values = column.codes if isinstance(column, Coded) else column
        digest.update(repr((name, levels, str(values.dtype), len(values))).encode())
        digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()
