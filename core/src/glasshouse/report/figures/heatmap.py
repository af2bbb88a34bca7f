"""Heatmaps: shaded cells with their numbers."""

from __future__ import annotations

from markupsafe import Markup

from glasshouse.record.measurements import Figure
from glasshouse.report.figures.axes import WIDTH, label_width
from glasshouse.report.figures.svg import CHARACTER, element, picture, shorten, text
from glasshouse.report.formatting import show_number

_MAX_NUMBERED_CELLS = 144


def draw_heatmap(figure: Figure, number: int) -> Markup:
    """Cells are darker for larger absolute values; negative values have another hue and show their sign."""
    data = figure.data
    rows, columns = ([str(label) for label in data[key]] for key in ("rows", "columns"))
    left = min(label_width(rows), 120.0) + 16
    width = (WIDTH - left - 6) / max(1, len(columns))
    tall = min(44.0, max(14.0, width))
    largest = max((abs(v) for row in data["values"] for v in row if v is not None), default=0.0) or 1.0
    longest = max((len(show_number(v)) for row in data["values"] for v in row), default=0)
    # overlapping numbers are unreadable and left to the figure's table
    fits = width >= 26 and (longest - 1) * CHARACTER <= width
    numbered = len(rows) * len(columns) <= _MAX_NUMBERED_CELLS and fits
    top = 46.0
    parts = [
        text(data.get("x_label", ""), (left + WIDTH - 6) / 2, 14, anchor="middle", class_="axis-title"),
        text(data.get("y_label", ""), 2, 14, class_="axis-title"),
    ]
    if width >= 26:
        parts += [
            text(shorten(name, width - 2), left + (at + 0.5) * width, top - 8, anchor="middle", class_="tick")
            for at, name in enumerate(columns)
        ]
    for i, (name, values) in enumerate(zip(rows, data["values"], strict=True)):
        y = top + i * tall
        parts.append(text(shorten(name, left - 12), left - 8, y + tall / 2 + 4, anchor="end"))
        for j, value in enumerate(values):
            x = left + j * width
            cell = {"x": x + 1, "y": y + 1, "width": width - 2, "height": tall - 2}
            if value is None:
                parts.append(element("rect", **cell, class_="cell-absent"))
                parts.append(text("–", x + width / 2, y + tall / 2 + 4, anchor="middle", class_="tick"))
                continue
            # only five shades, so that the contrast of the text can be checked for each
            shade = 0 if value == 0 else 1 + min(3, int(4 * abs(value) / largest * 0.9999))
            parts.append(element("rect", **cell, class_=f"cell {'negative' if value < 0 else 'positive'} k{shade}"))
            if numbered:
                parts.append(
                    text(
                        show_number(value), x + width / 2, y + tall / 2 + 4, anchor="middle", class_=f"on-cell k{shade}"
                    )
                )
    return picture(number, figure.title, figure.description, WIDTH, top + len(rows) * tall + 8, *parts)
