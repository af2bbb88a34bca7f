"""Dates as numbers and categories that a model can read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
from glasshouse import UserError

DateOption = Literal["days", "parts"]
"""``days``: days since 1970-01-01, fractions of a day included; ``parts``: year, month, weekday and, of times, hour."""

_DAY = 86_400
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def columns_of_date(name: str, values: pa.ChunkedArray, option: DateOption) -> Mapping[str, pa.ChunkedArray]:
    """The features that stand for a date.

    Args:
        name: the column's name, which begins those of the features: ``NAME_days``, or ``NAME_year``, ``NAME_month``,
            ``NAME_weekday`` and ``NAME_hour``.
        values: dates or times; null stays null.
        option: which features.

    Returns:
        Feature -> values: numbers for days, year and hour, text for month (``01`` to ``12``) and weekday.
    """
    times = values.cast(pa.timestamp("s", tz=getattr(values.type, "tz", None)), safe=False)
    if option == "days":
        return {f"{name}_days": pc.divide(times.cast(pa.int64()).cast(pa.float64()), _DAY)}
    month = pc.utf8_lpad(pc.cast(pc.month(times), pa.string()), 2, "0")
    weekdays = pa.chunked_array([pa.array(_WEEKDAYS)])
    parts = {
        f"{name}_year": pc.year(times),
        f"{name}_month": month,
        f"{name}_weekday": weekdays.take(pc.day_of_week(times)),
    }
    if pa.types.is_timestamp(values.type) and (pc.max(pc.hour(times)).as_py() or 0) > 0:
        parts[f"{name}_hour"] = pc.hour(times)
    return parts


def read_dates(name: str, values: pa.ChunkedArray, date_format: str | None, *, who: str) -> pa.ChunkedArray:
    """A column as dates.

    Args:
        name: of the column, for messages.
        values: dates, times, or text.
        date_format: of text, as for ``strptime``: ``%d.%m.%Y``; None for dates.
        who: the data's name.

    Raises:
        UserError: for text without a format, or that does not have it, or values that are no dates.
    """
    if pa.types.is_date(values.type) or pa.types.is_timestamp(values.type):
        return values
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        raise UserError(who, f"`dates` names '{name}', which contains {values.type}; expected dates.")
    example = f"Set its format, e.g. `date_formats: {{{name}: '%d.%m.%Y'}}`."
    if date_format is None:
        raise UserError(who, f"`dates` names '{name}', which contains text.", example)
    dates = pc.strptime(values, format=date_format, unit="s", error_is_null=True)
    wrong = pc.and_(pc.is_null(dates), pc.is_valid(values))
    if pc.any(wrong).as_py():
        row = pc.index(wrong, True).as_py()
        raise UserError(
            who, f"'{values[row]}' in row {row + 1:,} of '{name}' is not in the format {date_format}.", example
        )
    return dates
