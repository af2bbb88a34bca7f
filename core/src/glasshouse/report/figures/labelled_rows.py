"""Figures with one labelled row for each value: bars, and dots with confidence intervals."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from glasshouse.record.measurements import Figure
from glasshouse.report.figures.axes import WIDTH, label_width, x_axis
from glasshouse.report.figures.scale import spanning
from glasshouse.report.figures.svg import element, line, picture, shorten, text
from glasshouse.report.formatting import show_count, show_number

NOT_MEASURED = "not measured"

_ROW_HEIGHT = 26.0


def draw_bar(figure: Figure, number: int) -> Markup:
    labels = [str(label) for label in figure.data["labels"]]
    values: Sequence[float | None] = figure.data["values"]
    left = label_width(labels)
    x = spanning(values, left, WIDTH - 52, include=[0.0])
    zero = x(0.0)
    parts = []
    for row, (label, value) in enumerate(zip(labels, values, strict=True)):
        y = 8 + row * _ROW_HEIGHT
        parts.append(text(shorten(label, left - 10), left - 8, y + 15, anchor="end"))
        if value is None:
            parts.append(text(_undefined_reason(figure, row), zero + 5, y + 15, class_="label absent"))
            continue
        end = x(value)
        bar = {"x": min(zero, end), "y": y + 3, "width": max(1.0, abs(end - zero)), "height": _ROW_HEIGHT - 10}
        parts.append(element("rect", **bar, class_="bar"))
        parts.append(text(show_number(value), max(zero, end) + 5, y + 15, class_="number"))
    bottom = 8 + len(labels) * _ROW_HEIGHT
    parts.append(line(zero, 6, zero, bottom, "axis"))
    parts.append(text(figure.data.get("x_label", ""), left, bottom + 16, class_="axis-title"))
    return picture(number, figure.title, figure.description, WIDTH, bottom + 26, *parts)


def draw_dot_interval(figure: Figure, number: int) -> Markup:
    data = figure.data
    labels = [str(label) for label in data["labels"]]
    values: Sequence[float | None] = data["values"]
    nothing: list[float | None] = [None] * len(labels)
    low: list[float | None] = data.get("low") or nothing
    high: list[float | None] = data.get("high") or nothing
    counts: list[int | None] = data.get("n") or [None] * len(labels)
    reference = data.get("reference")
    left = label_width(labels)
    right = WIDTH - (56 if data.get("n") else 14)
    x = spanning([*values, *low, *high], left, right, include=[] if reference is None else [reference])
    places, headings, bottom = _row_positions(data.get("under") or [None] * len(labels), 22)
    parts = [*x_axis(x, 20, bottom, data.get("x_label", ""))]
    parts += [text(shorten(name, WIDTH - 80), 2, y + 4, class_="heading") for name, y in headings]
    if data.get("n"):
        parts.append(text("n", WIDTH - 4, 14, anchor="end", class_="axis-title"))
    if reference is not None:
        parts.append(line(x(reference), 18, x(reference), bottom, "reference"))
        parts.append(text(show_number(reference), x(reference), 13, anchor="middle", class_="axis-title"))
    for row, (label, value) in enumerate(zip(labels, values, strict=True)):
        y = places[row]
        parts.append(text(shorten(label, left - 10), left - 8, y + 4, anchor="end"))
        if data.get("n"):
            parts.append(text(show_count(counts[row]), WIDTH - 4, y + 4, anchor="end", class_="number"))
        if value is None:
            parts.append(text(_undefined_reason(figure, row), left + 5, y + 4, class_="label absent"))
            continue
        if (lowest := low[row]) is not None and (highest := high[row]) is not None:
            parts.append(line(x(lowest), y, x(highest), y, "interval"))
            parts += [line(x(end), y - 4, x(end), y + 4, "interval") for end in (lowest, highest)]
        parts.append(element("circle", cx=x(value), cy=y, r=4.5, class_="dot"))
    return picture(number, figure.title, figure.description, WIDTH, bottom + 40, *parts)


def _row_positions(headings: Sequence[str | None], top: float) -> tuple[list[float], list[tuple[str, float]], float]:
    """Vertical positions of the rows and of the headings above them, and the end of the last row."""
    places, found, y = [], [], top
    for row, heading in enumerate(headings):
        if heading is not None and (row == 0 or heading != headings[row - 1]):
            found.append((str(heading), y + _ROW_HEIGHT / 2))
            y += _ROW_HEIGHT
        places.append(y + _ROW_HEIGHT / 2)
        y += _ROW_HEIGHT
    return places, found, y


def _undefined_reason(figure: Figure, row: int) -> str:
    reasons = figure.data.get("undefined")
    return (reasons[row] if reasons else None) or NOT_MEASURED
