"""Beeswarm figures: stacks of dots for each feature, as SHAP's summary plot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from glasshouse.record.measurements import Figure
from glasshouse.report.figures.axes import WIDTH, label_width, x_axis
from glasshouse.report.figures.scale import spanning
from glasshouse.report.figures.svg import element, line, picture, shorten, text

_SWARM_HEIGHT = 36.0
_DOT_DISTANCE = 3.2  # between the dots of a stack; less for tall stacks
_MAX_STACK = 60


def draw_beeswarm(figure: Figure, number: int) -> Markup:
    """One swarm of dots for each name, filled for high feature values and hollow for low ones."""
    data, swarms = figure.data, figure.data["swarms"]
    names = [str(one["name"]) for one in swarms]
    left, top = label_width(names), 30.0
    most = max((sum(heap.values()) for one in swarms for heap in _stacks(one).values()), default=1) or 1
    each = -(-most // _MAX_STACK)  # points that one dot represents
    x = spanning([v for one in swarms for v in one["x"]], left, WIDTH - 14, include=[0.0])
    bottom = top + len(swarms) * _SWARM_HEIGHT
    counted = "" if each == 1 else f"; a dot is up to {each} rows"
    parts = [
        *_dots([(6.0, 10.0)], 0.0),
        text("low", 13, 14, class_="tick"),
        *_dots([(44.0, 10.0)], 0.5),
        text("middle", 51, 14, class_="tick"),
        *_dots([(100.0, 10.0)], 1.0),
        text(f"high {data.get('level_label', '')}{counted}", 107, 14, class_="tick"),
        *x_axis(x, top, bottom, data.get("x_label", "")),
        line(x(0.0), top, x(0.0), bottom, "axis"),
    ]
    for row, (name, one) in enumerate(zip(names, swarms, strict=True)):
        middle = top + (row + 0.5) * _SWARM_HEIGHT
        parts.append(text(shorten(name, left - 10), left - 8, middle + 4, anchor="end"))
        placed: dict[float | None, list[tuple[float, float]]] = {}
        for place, heap in _stacks(one).items():
            dots = [level for level, n in heap.items() for _ in range(-(-n // each))]
            apart = min(_DOT_DISTANCE, (_SWARM_HEIGHT - 8) / max(1, len(dots) - 1))
            for at, level in enumerate(dots):
                placed.setdefault(level, []).append((x(place), middle + (at - (len(dots) - 1) / 2) * apart))
        for level in sorted(placed, key=lambda level: -1.0 if level is None else level):
            parts += _dots(placed[level], level)
    return picture(number, figure.title, figure.description, WIDTH, bottom + 40, *parts)


def _stacks(swarm: Mapping[str, Any]) -> dict[float, dict[float | None, int]]:
    """Position on the axis -> level, lowest first -> number of points."""
    heaps: dict[float, dict[float | None, int]] = {}
    points = zip(swarm["x"], swarm["level"], swarm["n"], strict=True)
    for place, level, n in sorted(points, key=lambda point: (point[0], point[1] is not None, point[1] or 0.0)):
        heap = heaps.setdefault(place, {})
        heap[level] = heap.get(level, 0) + n
    return heaps


def _dots(points: Sequence[tuple[float, float]], level: float | None) -> Iterator[Markup]:
    """Dots as round caps of zero-length lines, the shortest markup for many dots."""
    path = "".join(f"M{x:.1f} {y:.1f}h0" for x, y in points)
    third = "middle" if level is None else ("low", "middle", "high")[min(2, int(level * 3))]
    yield element("path", d=path, class_=f"bee {third}")
    if third == "low":
        yield element("path", d=path, class_="bee hollow")
