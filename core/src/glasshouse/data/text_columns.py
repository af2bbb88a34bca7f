"""Columns of text: which of them are numbers or dates, and which only look like numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from glasshouse.data.level_names import EXACT_INTEGERS

if TYPE_CHECKING:
    import pyarrow as pa

LEADING_ZEROS = "codes with leading zeros"
LARGE_INTEGERS = "integers beyond 2^53"

_CODE = r"^\s*[-+]?0[0-9]"
_LONG = r"^\s*[-+]?[0-9]{16,}\s*$"
_EXACT_DIGITS = 16
"""Shorter integers are exact as float64."""
_SAMPLE = 1_000
"""Rows that are tried first."""


def infer_type(text: pa.ChunkedArray) -> tuple[pa.ChunkedArray, str]:
    """A column of text as what all of its values are: integers, numbers, true/false, dates, else the text.

    Codes with leading zeros and integers beyond 2^53 stay text, because as numbers different ones would be equal; the
    second value is `LEADING_ZEROS` or `LARGE_INTEGERS` then, else empty.
    """
    import pyarrow as pa

    if text.null_count == len(text):
        return pa.chunked_array([pa.nulls(len(text))]), ""
    for kind in (pa.int64(), pa.float64()):
        numbers = _cast(text, kind)
        if numbers is not None:
            reason = code_like(text)
            return (text if reason else numbers), reason
    for kind in (pa.bool_(), pa.date32(), pa.timestamp("us"), pa.timestamp("us", "UTC")):
        values = _cast(text, kind)
        if values is not None:
            return values, ""
    return text, ""


def as_numbers(text: Any) -> Any | None:
    """An Arrow column of text as float64, spaces around numbers ignored; None if a value is not a number."""
    import pyarrow as pa

    return _cast(text, pa.float64())


def first_not_a_number(text: Any) -> tuple[int, str]:
    """The position and the value of the first text that is not a number; there must be one."""
    low, high = 0, len(text)
    while high - low > 1:
        middle = (low + high) // 2
        first = text[low:middle]
        found = first.null_count < len(first) and as_numbers(first) is None
        low, high = (low, middle) if found else (middle, high)
    return low, text[low].as_py()


def code_like(text: Any) -> str:
    """Why the numbers in a column of text are codes: `LEADING_ZEROS`, `LARGE_INTEGERS`, or empty if they are not."""
    import pyarrow.compute as pc

    starts = pc.utf8_slice_codeunits(text, 0, 1)
    suspect = text.filter(pc.fill_null(pc.is_in(starts, value_set=_strings("0", "-", "+", " ")), False))
    if pc.any(pc.match_substring_regex(suspect, _CODE)).as_py():
        return LEADING_ZEROS
    if (pc.max(pc.binary_length(text)).as_py() or 0) < _EXACT_DIGITS:
        return ""
    long = text.filter(pc.fill_null(pc.match_substring_regex(text, _LONG), False))
    if any(abs(int(number)) > EXACT_INTEGERS for number in long.unique().to_pylist()):
        return LARGE_INTEGERS
    return ""


def _strings(*values: str) -> pa.Array:
    import pyarrow as pa

    return pa.array(values, pa.string())


def _cast(text: Any, kind: pa.DataType) -> Any | None:
    """The values as another type, or None; spaces are removed only where the first values need that."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if text.null_count == len(text):
        return None
    try:
        text[:_SAMPLE].cast(kind)
        return text.cast(kind)
    except pa.ArrowInvalid:
        pass
    for part in (text[:_SAMPLE], text):
        try:
            found = pc.utf8_trim_whitespace(part).cast(kind)
        except pa.ArrowInvalid:
            return None
    return found
