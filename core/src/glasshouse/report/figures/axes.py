"""Parts that several kinds of figure share: the drawing's width, axes and the width of row labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from markupsafe import Markup

from glasshouse.report.figures.scale import Scale
from glasshouse.report.figures.svg import CHARACTER, line, text

WIDTH = 380.0
"""Of a drawing, in SVG units. It scales with its column; at this width text stays readable on a phone."""


def label_width(labels: Sequence[str]) -> float:
    return min(150.0, max((len(label) for label in labels), default=0) * CHARACTER) + 10


def x_axis(x: Scale, top: float, bottom: float, title: str) -> Iterator[Markup]:
    for tick in x.ticks():
        yield line(x(tick), top, x(tick), bottom, "grid")
        label = f"{tick:g}"
        # the edge of the drawing would cut off a long number at the right end
        centre = min(x(tick), WIDTH - len(label) * CHARACTER / 2)
        yield text(label, centre, bottom + 15, anchor="middle", class_="tick")
    yield line(x.start, bottom, x.end, bottom, "axis")
    yield text(title, (x.start + x.end) / 2, bottom + 32, anchor="middle", class_="axis-title")


def y_axis(y: Scale, left: float, right: float, title: str) -> Iterator[Markup]:
    for tick in y.ticks():
        yield line(left, y(tick), right, y(tick), "grid")
        yield text(f"{tick:,.6g}", left - 6, y(tick) + 4, anchor="end", class_="tick")
    # horizontal and above the axis, because rotated text is hard to read
    yield text(title, 2, y.end - 10, class_="axis-title")
