"""Names of values as classes, groups and clusters, the same whatever format the values come from, and their order."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from glasshouse.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa

EXACT_INTEGERS = 2**53
"""Up to this size every integer has a float64 of its own."""

_NUMBER = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*")
_INTERVAL = re.compile(r"[\[(]([^,\[\]()]+),([^,\[\]()]+)[\])]")


def level_name(value: Any) -> str | None:
    """The name of a value: text as it is, whole floats as integers, true and false; None is missing.

    >>> [level_name(value) for value in (1, 1.0, 0.5, "01", True, None)]
    ['1', '1', '0.5', '01', 'true', None]
    """
    if value is None or (isinstance(value, (float, np.floating)) and math.isnan(value)):
        return None
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (float, np.floating)) and float(value).is_integer() and abs(float(value)) < EXACT_INTEGERS:
        return str(int(value))
    return str(value)


def level_names(values: pa.Array, column: str) -> list[str | None]:
    """The names of the values of an Arrow array that is not dictionary-encoded; None is missing.

    Intervals are written as pandas writes them, ``(0, 30]``; periods as ``2020-01``; bytes are read as UTF-8.

    Raises:
        UserError: for values without a name (lists, structures, durations), and bytes that are not text.
    """
    import pyarrow as pa

    kind = values.type
    test = pa.types
    if isinstance(kind, pa.BaseExtensionType):
        return _of_extension(values, column)
    if test.is_float32(kind) or test.is_float16(kind):  # whose digits as float64 would be others
        return [None if value is None else level_name(np.float32(value)) for value in values.to_pylist()]
    if test.is_timestamp(kind):
        return [None if text is None else _without_zeros(text) for text in values.cast(pa.string()).to_pylist()]
    if test.is_binary(kind) or test.is_large_binary(kind) or test.is_fixed_size_binary(kind):
        try:
            return [None if value is None else value.decode() for value in values.to_pylist()]
        except UnicodeDecodeError:
            raise _nameless(column, "bytes that are not UTF-8 text") from None
    if test.is_nested(kind) or test.is_duration(kind):
        raise _nameless(column, str(kind))
    return [level_name(value) for value in values.to_pylist()]


def level_order(levels: Iterable[str]) -> list[str]:
    """Levels sorted numerically if all are numbers or all intervals such as ``(0, 30]``, else as text.

    >>> level_order(["10", "9", "1.5"]), level_order(["(100, 200]", "(30, 100]"])
    (['1.5', '9', '10'], ['(30, 100]', '(100, 200]'])
    """
    names = list(levels)
    keys = [_place(name) for name in names]
    if any(key is None for key in keys) or len({len(key) for key in keys if key is not None}) > 1:
        return sorted(names)
    return [name for _, name in sorted(zip(keys, names, strict=True))]


def number_of(name: str) -> float | None:
    """The number that a name is, as people write it; None for other text, such as "nan" and "1_000"."""
    return float(name) if _NUMBER.fullmatch(name) else None


def _place(name: str) -> tuple[float, ...] | None:
    number = number_of(name)
    if number is not None:
        return (number,)
    found = _INTERVAL.fullmatch(name)
    if found is None:
        return None
    ends = [{"-inf": -math.inf, "inf": math.inf}.get(end.strip(), number_of(end)) for end in found.groups()]
    return None if None in ends else tuple(end for end in ends if end is not None)


def _of_extension(values: pa.Array, column: str) -> list[str | None]:
    kind = values.type
    if kind.extension_name == "pandas.interval":
        first = "[" if kind.closed in ("left", "both") else "("
        last = "]" if kind.closed in ("right", "both") else ")"
        ends = values.storage.to_pylist()
        return [None if pair is None else f"{first}{pair['left']}, {pair['right']}{last}" for pair in ends]
    if kind.extension_name == "pandas.period":
        return [None if text == "NaT" else text for text in values.to_pandas().astype(str)]
    return level_names(values.storage, column)


def _without_zeros(time: str) -> str:
    """A time without the zeros that only say how finely its column counts."""
    return re.sub(r"\.(\d*?)0+(?=\D|$)", lambda found: f".{found[1]}" if found[1] else "", time)


def _nameless(column: str, found: str) -> UserError:
    return UserError(f"column '{column}'", f"contains {found}; expected text, numbers or true/false.")
