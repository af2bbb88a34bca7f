"""Columns of any kind as Arrow arrays, whose types say what the values are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from glasshouse.data.level_names import level_name, level_names
from glasshouse.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa

_NESTED = (list, tuple, dict, set, np.ndarray)


def as_arrow(values: Any, name: str, *, who: str = "") -> pa.Array | pa.ChunkedArray:
    """A 1-D column: Arrow, NumPy, pandas or a list; NaN and None are missing.

    Objects of several types become text. Categories, intervals and periods of pandas become text or dictionaries of
    text, which keep the order of ordered categories.

    Raises:
        UserError: for values that Arrow does not have, such as complex numbers.
    """
    import pyarrow as pa

    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        return values
    kind = str(getattr(values, "dtype", ""))
    if kind.startswith("Sparse"):
        values = values.sparse.to_dense()
    if kind == "category" and hasattr(values, "cat"):
        return _categories(values, name)
    try:
        found = pa.array(values if hasattr(values, "iloc") else np.asarray(values), from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
        found = _texts(values, name, who, error)
    except pa.ArrowNotImplementedError:
        raise _unsuitable(name, kind, who) from None
    if isinstance(found.type, pa.BaseExtensionType):
        chunks = found.chunks if isinstance(found, pa.ChunkedArray) else [found]
        return pa.array([level for chunk in chunks for level in level_names(chunk, name)], pa.string())
    return found


def as_text(values: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """A column as the names of its values, dictionary-encoded unless it is text.

    Raises:
        UserError: for values that have no name.
    """
    import pyarrow as pa

    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        return values
    if not pa.types.is_dictionary(values.type):
        try:
            values = values.dictionary_encode()
        except pa.ArrowNotImplementedError:
            return pa.chunked_array(
                [pa.array(level_names(chunk, name), pa.string()) for chunk in values.chunks], pa.string()
            )
    whole = values.unify_dictionaries().combine_chunks()
    levels = pa.array(level_names(whole.dictionary, name), pa.string())
    return pa.chunked_array([levels.take(whole.indices).dictionary_encode()])


def _categories(values: Any, name: str) -> pa.Array:
    import pyarrow as pa

    names = as_arrow(values.cat.categories.to_series(), name)
    names = level_names(names.combine_chunks() if isinstance(names, pa.ChunkedArray) else names, name)
    codes = values.cat.codes.to_numpy()
    return pa.DictionaryArray.from_arrays(
        pa.array(codes, mask=codes < 0), pa.array(names, pa.string()), ordered=bool(values.cat.ordered)
    )


def _texts(values: Any, name: str, who: str, error: Exception) -> pa.Array:
    """Objects of several types as the text that each is."""
    import pyarrow as pa

    objects = np.asarray(values, dtype=object)
    if objects.ndim != 1:
        raise _unsuitable(name, "lists", who) from error
    for value in objects:
        if isinstance(value, _NESTED) or str(value) == object.__repr__(value):
            raise _unsuitable(name, f"objects of class {type(value).__name__}", who) from error
    return pa.array([None if _absent(value) else level_name(value) for value in objects], pa.string())


def _absent(value: Any) -> bool:
    """Whether an object is None, NaN, NaT or pandas' NA, which equals nothing, not even itself."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, (float, np.floating)) and bool(np.isnan(value))


def _unsuitable(name: str, kind: str, who: str) -> UserError:
    expected = f"contains {kind}; expected text, numbers or true/false."
    return UserError(who, f"column '{name}' {expected}") if who else UserError(f"column '{name}'", expected)
