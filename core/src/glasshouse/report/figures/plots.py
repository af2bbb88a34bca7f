"""Figures on two axes: lines with bands, scatter plots and histograms, each with a legend of its series."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from markupsafe import Markup

from glasshouse.record.measurements import Figure
from glasshouse.report.figures.axes import WIDTH, x_axis, y_axis
from glasshouse.report.figures.scale import Scale, spanning
from glasshouse.report.figures.svg import CHARACTER, element, line, picture, shorten, text

_STYLES = 6  # colours, dashes and markers of series that the style sheet defines
_MAX_POINTS = 1500


def draw_line(figure: Figure, number: int) -> Markup:
    data, series = figure.data, figure.data["series"]
    legend, top = _legend(
        [one["name"] for one in series],
        16,
        lambda at, x, y: line(x, y, x + 22, y, f"series s{at}"),
    )
    xs = [value for one in series for value in one["x"]]
    ys = [value for one in series for key in ("y", "low", "high") for value in one.get(key) or ()]
    x, y, axes, height = _plot_area(data, xs, ys, top)
    parts = [*legend, *axes]
    if data.get("diagonal"):
        low, high = max(x.low, y.low), min(x.high, y.high)
        steps = [low * (high / low) ** (i / 40) if x.log else low + (high - low) * i / 40 for i in range(41)]
        parts.append(_path([(x(v), y(v)) for v in steps], "reference"))
    for position, one in enumerate(series):
        style = f"s{position % _STYLES}"
        if one.get("low") and one.get("high"):
            for run in _without_gaps(zip(one["x"], one["low"], one["high"], strict=True)):
                outline = [(x(a), y(c)) for a, _, c in run] + [(x(a), y(b)) for a, b, _ in reversed(run)]
                parts.append(_path(outline, f"band {style}", closed=True))
        points = [None if a is None or b is None else (x(a), y(b)) for a, b in zip(one["x"], one["y"], strict=True)]
        parts.append(_path(points, f"series {style}"))
        if len(points) <= 12:
            parts += [_marker(position % _STYLES, *point) for point in points if point is not None]
    return picture(number, figure.title, figure.description, WIDTH, height, *parts)


def draw_scatter(figure: Figure, number: int) -> Markup:
    data, series = figure.data, figure.data["series"]
    legend, top = _legend([one["name"] for one in series], 16, lambda at, x, y: _marker(at, x + 12, y))
    x, y, parts, height = _plot_area(
        data, [v for one in series for v in one["x"]], [v for one in series for v in one["y"]], top
    )
    for position, one in enumerate(series):
        pairs = [(a, b) for a, b in zip(one["x"], one["y"], strict=True) if a is not None and b is not None]
        every = -(-len(pairs) // _MAX_POINTS) or 1
        parts += [_marker(position % _STYLES, x(a), y(b)) for a, b in pairs[::every]]
    return picture(number, figure.title, figure.description, WIDTH, height, *legend, *parts)


def draw_histogram(figure: Figure, number: int) -> Markup:
    data, series, edges = figure.data, figure.data["series"], figure.data["edges"]
    legend, top = _legend(
        [one["name"] for one in series],
        16,
        lambda at, x, y: element("rect", x=x, y=y - 5, width=22, height=10, class_=f"area s{at}"),
    )
    x, y, parts, height = _plot_area(data, edges, [v for one in series for v in one["counts"]], top, include=[0.0])
    for position, one in enumerate(series):
        outline: list[tuple[float, float] | None] = []
        for left, right, count in zip(edges, edges[1:], one["counts"], strict=False):
            if count is None:
                outline.append(None)
                continue
            if not outline or outline[-1] is None:
                outline.append((x(left), y(0.0)))
            outline += [(x(left), y(count)), (x(right), y(count))]
        if outline and outline[-1] is not None:
            outline.append((outline[-1][0], y(0.0)))
        parts.append(_path(outline, f"area s{position % _STYLES}"))
    return picture(number, figure.title, figure.description, WIDTH, height, *legend, *parts)


def _legend(
    names: Sequence[str], top: float, sample: Callable[[int, float, float], Markup]
) -> tuple[list[Markup], float]:
    """A sample and the name of every series, on as many lines as needed, and the end of the legend."""
    parts, x, y = [], 4.0, top
    for position, name in enumerate(names):
        shown = shorten(name, WIDTH - 50)
        width = 30 + len(shown) * CHARACTER + 14
        if x > 4 and x + width > WIDTH:
            x, y = 4.0, y + 18
        parts += [sample(position % _STYLES, x, y - 4), text(shown, x + 28, y)]
        x += width
    return parts, y + 6 if names else top - 12


def _plot_area(
    data: Mapping[str, Any], xs: Sequence[float | None], ys: Sequence[float | None], top: float, **options: Any
) -> tuple[Scale, Scale, list[Markup], float]:
    """The two scales and axes of a plot below `top`, and the height of the whole figure."""
    highest = max((abs(v) for v in ys if v is not None), default=1.0)
    left = 48.0 if highest < 10000 else 64.0
    upper, bottom = top + 26, top + 26 + 220
    x = spanning(xs, left, WIDTH - 12, log=bool(data.get("x_log")))
    y = spanning(ys, bottom, upper, **options)
    axes = [*y_axis(y, left, WIDTH - 12, data.get("y_label", "")), *x_axis(x, upper, bottom, data.get("x_label", ""))]
    return x, y, axes, bottom + 40


def _without_gaps(points: Iterable[tuple[float | None, ...]]) -> Iterator[list[tuple[float, ...]]]:
    """Runs of consecutive points without a None."""
    for known, stretch in groupby(points, key=lambda point: None not in point):
        if known:
            yield [tuple(float(value) for value in point if value is not None) for point in stretch]


def _path(points: Sequence[tuple[float, float] | None], class_: str, *, closed: bool = False) -> Markup:
    """A line through the points with gaps at None; consecutive points on one pixel are drawn once."""
    steps: list[str] = []
    pen_down, last = False, ""
    for point in points:
        if point is None:
            pen_down = False
            continue
        here = f"{point[0]:.1f} {point[1]:.1f}"
        if pen_down and here == last:
            continue
        steps.append(f"{'L' if pen_down else 'M'}{here}")
        pen_down, last = True, here
    return element("path", d="".join(steps) + ("Z" if closed and steps else ""), class_=class_)


def _marker(style: int, x: float, y: float) -> Markup:
    """A circle, square, triangle, diamond, cross or plus, so that shape as well as colour identifies a series."""
    r = 3.6
    shapes = (
        f"M{x - r:.1f} {y:.1f}a{r} {r} 0 1 0 {2 * r} 0a{r} {r} 0 1 0 {-2 * r} 0Z",
        f"M{x - r:.1f} {y - r:.1f}h{2 * r}v{2 * r}h{-2 * r}Z",
        f"M{x:.1f} {y - r - 0.6:.1f}l{r + 0.6} {2 * r}h{-2 * r - 1.2}Z",
        f"M{x:.1f} {y - r - 1:.1f}l{r + 1} {r + 1}l{-r - 1} {r + 1}l{-r - 1} {-r - 1}Z",
        f"M{x - r:.1f} {y - r:.1f}l{2 * r} {2 * r}m0 {-2 * r}l{-2 * r} {2 * r}",
        f"M{x - r:.1f} {y:.1f}h{2 * r}m{-r} {-r}v{2 * r}",
    )
    return element("path", d=shapes[style], class_=f"marker s{style}")
