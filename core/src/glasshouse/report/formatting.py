"""Numbers and names as text. Rounding never turns a value into 0, 1 or 100 %."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import datetime

from glasshouse.record.findings import Threshold
from glasshouse.record.measurements import Cell, Measurement
from glasshouse.record.seed_repeats import Spread

NOTHING = "–"

_SPEC = re.compile(r",?(\.\d{1,2})?[defg%]?")
_NAMES = {
    "roc_auc": "ROC AUC",
    "f1": "F1",
    "r2": "R²",
    "attack_roc_auc": "Attack ROC AUC",
    "attack_p_value": "Attack p-value",
    "shap": "SHAP",
}
_BOUND_WORDS = {"min": "at least", "max": "at most", "above": "more than", "below": "less than"}


def show_number(value: float | None) -> str:
    """A number with three decimals, fewer above 10, and more where rounding would give a whole number.

    >>> [show_number(x) for x in (0.25, 0.0036, 0.9997, 1, 0.9999999, 0.00002, 1234.5, None)]
    ['0.250', '0.0036', '0.9997', '1', '>0.9999', '2.0e-05', '1,234', '–']
    """
    if value is None:
        return NOTHING
    if float(value).is_integer():
        return f"{value:,.0f}" if abs(value) < 1e15 else f"{value:.3g}"
    size = abs(value)
    if size >= 10:
        text = f"{value:,.0f}" if size >= 1000 else f"{value:.{1 if size >= 100 else 2}f}"
        return repr(float(value)) if float(text.replace(",", "")) in (-100, 100) else text
    if size < 1e-4:
        return f"{value:.1e}"
    # three decimals; below 0.01 two significant digits
    enough = max(3, 1 - math.floor(math.log10(size)))
    for decimals in (enough, 4, 5):
        text = f"{value:.{decimals}f}"
        if not float(text).is_integer():
            return text
    if size < 1:
        return ">0.9999" if value > 0 else "<-0.9999"
    return repr(float(value))


def show_formatted(value: float, spec: str) -> str:
    """A number in a column's format, e.g. ``.1%``, with more digits where rounding would give 0, 1 or 100 %.

    An unsupported format, or one that does not fit the number, is ignored.

    >>> [show_formatted(x, ".1%") for x in (0.25, 0.9997, 0.99999, 1)]
    ['25.0%', '99.97%', '99.999%', '100.0%']
    """
    if not _SPEC.fullmatch(spec) or not spec:
        return show_number(value)
    try:
        text = format(value, spec)
    except ValueError:
        return show_number(value)
    kind = spec[-1]
    if kind not in "f%" or not _rounded_to_whole(value, text):
        return text
    given = re.search(r"\.(\d+)", spec)
    decimals = int(given.group(1)) if given else 6
    for more in range(decimals + 1, decimals + 4):
        longer = format(value, f"{',' if spec.startswith(',') else ''}.{more}{kind}")
        if not _rounded_to_whole(value, longer):
            return longer
    return show_number(value) if kind == "f" else f"{show_number(value * 100)}%"


def _rounded_to_whole(value: float, text: str) -> bool:
    """Whether `text` shows 0, 1 or 100 % although `value` differs from it."""
    percent = text.endswith("%")
    shown = float(text.rstrip("%").replace(",", "")) / (100 if percent else 1)
    return abs(shown) in (0.0, 1.0) and shown != value


def show_count(n: int | None) -> str:
    """A count with thousands separators."""
    return NOTHING if n is None else f"{n:,}"


def show_cell(cell: Cell, spec: str = "") -> str:
    """A table cell."""
    if cell is None:
        return NOTHING
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, str):
        return cell
    return show_formatted(cell, spec)


def show_interval(measurement: Measurement) -> str:
    """``0.612 to 0.811``, or one bound alone; empty without an interval."""
    low, high = measurement.low, measurement.high
    if low is None and high is None:
        return ""
    if low is None:
        return f"up to {show_number(high)}"
    return f"{show_number(low)} to {show_number(high)}" if high is not None else f"from {show_number(low)}"


def show_spread(spread: Spread) -> str:
    """``5 seeds: mean 0.71, standard deviation 0.02, 0.69 to 0.73``; with undefined values ``4 of 5 seeds: ...``."""
    defined = [value for value in spread.values if value is not None]
    seeds = f"{len(spread.values)} seeds"
    if len(defined) < len(spread.values):
        seeds = f"{len(defined)} of {seeds}"
    if spread.mean is None or spread.standard_deviation is None:
        return f"{seeds} with a value"
    middle = f"mean {show_number(spread.mean)}, standard deviation {show_number(spread.standard_deviation)}"
    return f"{seeds}: {middle}, {show_number(min(defined))} to {show_number(max(defined))}"


def show_level(measurement: Measurement) -> str:
    """``95 %``; empty without an interval."""
    return "" if measurement.level is None else f"{100 * measurement.level:.4g} %"


def show_threshold(threshold: Threshold) -> str:
    """``at least 0.8``."""
    value = threshold.value
    return (
        f"{_BOUND_WORDS[threshold.bound]} {value:g}"
        if value == round(value, 4)
        else (f"{_BOUND_WORDS[threshold.bound]} {show_number(value)}")
    )


def show_name(name: str) -> str:
    """The name of a metric, audit or option as text.

    >>> show_name("demographic_parity_ratio"), show_name("roc_auc")
    ('Demographic parity ratio', 'ROC AUC')
    """
    words = _NAMES.get(name) or name.replace("_", " ")
    return words[:1].upper() + words[1:]


def show_scope(measurement: Measurement) -> str:
    """What a measurement is computed for: its group, the attributes of a gap, its output and parameters."""
    parts = [f"{attribute}: {level}" for attribute, level in measurement.group.items()]
    if measurement.over:
        parts.append("between groups of " + " × ".join(measurement.over))
    if measurement.output is not None:
        parts.append(f"output: {measurement.output}")
    parts += [f"{name.replace('_', ' ')}: {show_cell(value, 'g')}" for name, value in measurement.parameters.items()]
    return ", ".join(parts) or "overall"


def show_time(created: str) -> str:
    """An ISO 8601 time as ``12 March 2026, 14:05 UTC``; a text of another form is returned as it is."""
    try:
        moment = datetime.fromisoformat(created)
    except ValueError:
        return created
    zone = moment.strftime("%z") or ""
    return f"{moment.day} {moment.strftime('%B %Y, %H:%M')} {'UTC' if zone in ('', '+0000') else zone}"


def show_list(items: Iterable[object]) -> str:
    """``a, b and c``."""
    words = [str(item) for item in items]
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))
