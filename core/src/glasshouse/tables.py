"""Tables as data plugins hand them over: named NumPy columns, categories as codes; and how to read them from files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

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


_LOOKED_AT, _WORTH_TWO = 10_000, 200_000
"""Rows whose texts are looked up in all others, and rows from which on two threads are worth their while."""

Column = NDArray[np.float64] | Coded
"""Numeric: float64 with NaN for missing. Categorical: `Coded`."""


@dataclass(frozen=True, kw_only=True)
class SensitiveColumn:
    """A sensitive attribute and the column it is made from.

    `edges` bin a numeric column: (40, 60) makes "under 40", "40 to under 60" and "60 and over".
    """

    name: str
    column: str
    edges: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class RawTable:
    """What `TabularDataModule.load` returns: a table before it is split and encoded.

    Columns may be any 1-D arrays, Arrow's among them: numbers stay numbers (NaN or null is missing); strings, booleans
    and objects (None is missing) become `Coded`.
    """

    columns: Mapping[str, Any]
    target: str
    """Name of the target column."""
    task: str | None = None
    """``binary``, ``multiclass`` or ``regression``; None: see `infer_task`."""
    classes: tuple[str, ...] = ()
    """The target's levels in the order of their codes; default: sorted. Binary: (negative, positive)."""
    favourable: str | None = None
    """The class that is good for the person concerned."""
    features: tuple[str, ...] | None = None
    """Columns the model sees; default: all but the target."""
    immutable: tuple[str, ...] = ()
    """Columns that nobody can change about themselves."""
    sensitive: tuple[SensitiveColumn, ...] = ()
    weights: str | None = None
    """Column with what each row counts for in audits; training takes all rows alike."""
    clusters: str | None = None
    """Column that names what rows belong together (a household, a patient); they are not independent of each other."""
    split: NDArray[Any] | None = None
    """Given split: ``train``, ``validate`` or ``test`` for every row. Without ``validate``, it is cut from train."""
    source: str = ""
    licence: str = ""
    synthetic: bool = False

    def column(self, name: str, *, role: str, who: str) -> Column:
        """One column, numeric or coded; `role` says in the error what it is for.

        Raises:
            UserError: if there is no such column.
        """
        if name not in self.columns:
            raise UserError(who, f"there is no column '{name}' ({role}).", did_you_mean(name, self.columns))
        return as_column(self.columns[name], name, who=who)


def as_column(values: Any, name: str, *, who: str) -> Column:
    """Any 1-D array as numeric float64 or `Coded`.

    Raises:
        UserError: for values that are neither numbers nor text.
    """
    import pyarrow as pa

    if isinstance(values, Coded):
        return values
    if isinstance(values, pa.ChunkedArray):
        return _from_arrow(values, name, who=who)
    if isinstance(values, pa.Array):
        return _from_arrow(pa.chunked_array([values]), name, who=who)
    array = np.asarray(values)
    if array.dtype.kind in "iuf":
        return array.astype(np.float64, copy=False)
    try:
        return _from_arrow(pa.chunked_array([pa.array(array, from_pandas=True)]), name, who=who)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise UserError(who, f"column '{name}' is neither numbers nor text: {error}.") from error


def _from_arrow(values: pa.ChunkedArray, name: str, *, who: str) -> Column:
    """An Arrow column as numeric float64 or `Coded`; levels are sorted, as numbers where all are numbers.

    Raises:
        UserError: for other types (dates, lists, only missing values).
    """
    import pyarrow as pa

    kind = values.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return np.asarray(values.cast(pa.float64()).to_numpy(), dtype=np.float64)
    if pa.types.is_boolean(kind):
        codes = values.cast(pa.int32()).fill_null(-1).to_numpy()
        return Coded(codes.astype(np.int32), ("false", "true"))
    if pa.types.is_dictionary(kind) and not pa.types.is_string(kind.value_type):
        values, kind = values.cast(pa.string()), pa.string()
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind)):
        raise UserError(
            who,
            f"column '{name}' holds {kind}; expected numbers, text or true/false.",
            "Leave it out with `drop:`, or convert it in the file.",
        )
    encoded = encoded_text(values) if pa.types.is_string(kind) or pa.types.is_large_string(kind) else values
    whole = encoded.unify_dictionaries().combine_chunks()
    levels = np.asarray(whole.dictionary.to_pylist() if len(whole.dictionary) else [], dtype=object)
    order = sorted(range(len(levels)), key=_level_order(levels))
    new_code = np.full(len(levels) + 1, -1, dtype=np.int32)  # the last entry, reached by -1, is "missing"
    new_code[order] = np.arange(len(levels), dtype=np.int32)
    codes = whole.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    if order != list(range(len(levels))):
        codes = new_code[codes]
    return Coded(codes.astype(np.int32, copy=False), tuple(str(levels[i]) for i in order))


def encoded_text(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text as codes into a dictionary.

    Looking up what the first rows hold is faster than finding it again, and two threads share it; only where more
    turns up is the dictionary made from all rows.
    """
    import pyarrow.compute as pc

    if len(values) < _WORTH_TWO:
        return pc.dictionary_encode(values)
    known = pc.drop_null(values[:_LOOKED_AT].unique())
    known = known.take(pc.sort_indices(known))
    half = len(values) // 2
    with ThreadPoolExecutor(max_workers=2) as threads:
        parts = list(threads.map(lambda part: pc.index_in(part, value_set=known), (values[:half], values[half:])))
    if sum(part.null_count for part in parts) != values.null_count:
        return pc.dictionary_encode(values)
    return _as_dictionary([chunk for part in parts for chunk in part.chunks], known)


def _as_dictionary(codes: list[pa.Array], known: pa.Array) -> pa.ChunkedArray:
    import pyarrow as pa

    return pa.chunked_array([pa.DictionaryArray.from_arrays(chunk, known) for chunk in codes])


def _level_order(levels: NDArray[Any]) -> Any:
    try:
        numbers = [float(level) for level in levels]
    except ValueError:
        return lambda i: levels[i]
    return lambda i: (numbers[i], levels[i])


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
