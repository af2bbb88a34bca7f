"""Figures of the closed set of kinds as inline SVG or HTML, drawn from their data alone.

Colours are CSS custom properties, so that light, dark and print differ in the style sheet only, and nothing relies on
colour alone: series differ in dash and marker too, cells and bars carry their numbers. What is None is left open
and said in words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from markupsafe import Markup

from glasshouse.record.findings import Threshold
from glasshouse.record.measurements import Figure, FigureKind, Measurement
from glasshouse.report.formatting import show_count, show_number
from glasshouse.report.scale import Scale, spanning
from glasshouse.report.svg import CHARACTER, element, line, picture, shorten, text

WIDTH = 380.0  # of the drawing, which scales with its column; at a phone's width its text stays readable
_ROW = 26.0
_SERIES = 6  # styles in the style sheet
_MOST_POINTS = 1500
_SWARM = 36.0
_DOT = 3.2  # from dot to dot in a heap, less where there are many
_MOST_IN_A_HEAP = 60
_MOST_NUMBERED_CELLS = 144
NOT_MEASURED = "not measured"

_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")


def draw(figure: Figure, number: int) -> Markup:
    """The figure as markup; `number` makes its identifiers unique on the page."""
    return _DRAWN[figure.kind](figure, number)


# ---------------------------------------------------------------- labelled rows


def _gutter(labels: Sequence[str]) -> float:
    return min(150.0, max((len(label) for label in labels), default=0) * CHARACTER) + 10


def _bar(figure: Figure, number: int) -> Markup:
    labels = [str(label) for label in figure.data["labels"]]
    values: Sequence[float | None] = figure.data["values"]
    left = _gutter(labels)
    x = spanning(values, left, WIDTH - 52, include=[0.0])
    zero = x(0.0)
    parts = []
    for row, (label, value) in enumerate(zip(labels, values, strict=True)):
        y = 8 + row * _ROW
        parts.append(text(shorten(label, left - 10), left - 8, y + 15, anchor="end"))
        if value is None:
            parts.append(text(_reason(figure, row), zero + 5, y + 15, class_="label absent"))
            continue
        end = x(value)
        parts.append(
            element("rect", x=min(zero, end), y=y + 3, width=max(1.0, abs(end - zero)), height=_ROW - 10, class_="bar")
        )
        parts.append(text(show_number(value), max(zero, end) + 5, y + 15, class_="number"))
    bottom = 8 + len(labels) * _ROW
    parts.append(line(zero, 6, zero, bottom, "axis"))
    parts.append(text(figure.data.get("x_label", ""), left, bottom + 16, class_="axis-title"))
    return picture(number, figure.title, figure.description, WIDTH, bottom + 26, *parts)


def _dot_interval(figure: Figure, number: int) -> Markup:
    data = figure.data
    labels = [str(label) for label in data["labels"]]
    values: Sequence[float | None] = data["values"]
    nothing: list[float | None] = [None] * len(labels)
    low: list[float | None] = data.get("low") or nothing
    high: list[float | None] = data.get("high") or nothing
    counts: list[int | None] = data.get("n") or [None] * len(labels)
    reference = data.get("reference")
    left = _gutter(labels)
    right = WIDTH - (56 if data.get("n") else 14)
    x = spanning([*values, *low, *high], left, right, include=[] if reference is None else [reference])
    places, headings, bottom = _places(data.get("under") or [None] * len(labels), 22)
    parts = [*_x_axis(x, 20, bottom, data.get("x_label", ""))]
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
            parts.append(text(_reason(figure, row), left + 5, y + 4, class_="label absent"))
            continue
        if (lowest := low[row]) is not None and (highest := high[row]) is not None:
            parts.append(line(x(lowest), y, x(highest), y, "interval"))
            parts += [line(x(end), y - 4, x(end), y + 4, "interval") for end in (lowest, highest)]
        parts.append(element("circle", cx=x(value), cy=y, r=4.5, class_="dot"))
    return picture(number, figure.title, figure.description, WIDTH, bottom + 40, *parts)


def _places(headings: Sequence[str | None], top: float) -> tuple[list[float], list[tuple[str, float]], float]:
    """Heights of labelled rows and of the headings that they stand under, and where the last row ends."""
    places, found, y = [], [], top
    for row, heading in enumerate(headings):
        if heading is not None and (row == 0 or heading != headings[row - 1]):
            found.append((str(heading), y + _ROW / 2))
            y += _ROW
        places.append(y + _ROW / 2)
        y += _ROW
    return places, found, y


def _reason(figure: Figure, row: int) -> str:
    reasons = figure.data.get("undefined")
    return (reasons[row] if reasons else None) or NOT_MEASURED


# ---------------------------------------------------------------- axes and legends


def _x_axis(x: Scale, top: float, bottom: float, title: str) -> Iterator[Markup]:
    for tick in x.ticks():
        yield line(x(tick), top, x(tick), bottom, "grid")
        label = f"{tick:g}"
        # a long number at the right end would be cut off by the picture's edge
        centre = min(x(tick), WIDTH - len(label) * CHARACTER / 2)
        yield text(label, centre, bottom + 15, anchor="middle", class_="tick")
    yield line(x.start, bottom, x.end, bottom, "axis")
    yield text(title, (x.start + x.end) / 2, bottom + 32, anchor="middle", class_="axis-title")


def _y_axis(y: Scale, left: float, right: float, title: str) -> Iterator[Markup]:
    for tick in y.ticks():
        yield line(left, y(tick), right, y(tick), "grid")
        yield text(f"{tick:,.6g}", left - 6, y(tick) + 4, anchor="end", class_="tick")
    # above the axis and level, because turned text is hard to read
    yield text(title, 2, y.end - 10, class_="axis-title")


def _legend(
    names: Sequence[str], top: float, sample: Callable[[int, float, float], Markup]
) -> tuple[list[Markup], float]:
    """Sample and name of every series, in as many lines as it takes, and where the legend ends."""
    parts, x, y = [], 4.0, top
    for position, name in enumerate(names):
        shown = shorten(name, WIDTH - 50)
        width = 30 + len(shown) * CHARACTER + 14
        if x > 4 and x + width > WIDTH:
            x, y = 4.0, y + 18
        parts += [sample(position % _SERIES, x, y - 4), text(shown, x + 28, y)]
        x += width
    return parts, y + 6 if names else top - 12


def _frame(
    data: Mapping[str, Any], xs: Sequence[float | None], ys: Sequence[float | None], top: float, **options: Any
) -> tuple[Scale, Scale, list[Markup], float]:
    """Two scales with their axes on a plot below `top`, and where the whole ends."""
    highest = max((abs(v) for v in ys if v is not None), default=1.0)
    left = 48.0 if highest < 10000 else 64.0
    upper, bottom = top + 26, top + 26 + 220
    x = spanning(xs, left, WIDTH - 12, log=bool(data.get("x_log")))
    y = spanning(ys, bottom, upper, **options)
    axes = [*_y_axis(y, left, WIDTH - 12, data.get("y_label", "")), *_x_axis(x, upper, bottom, data.get("x_label", ""))]
    return x, y, axes, bottom + 40


# ---------------------------------------------------------------- series


def _line(figure: Figure, number: int) -> Markup:
    data, series = figure.data, figure.data["series"]
    legend, top = _legend(
        [one["name"] for one in series],
        16,
        lambda at, x, y: line(x, y, x + 22, y, f"series s{at}"),
    )
    xs = [value for one in series for value in one["x"]]
    ys = [value for one in series for key in ("y", "low", "high") for value in one.get(key) or ()]
    x, y, axes, height = _frame(data, xs, ys, top)
    parts = [*legend, *axes]
    if data.get("diagonal"):
        low, high = max(x.low, y.low), min(x.high, y.high)
        steps = [low * (high / low) ** (i / 40) if x.log else low + (high - low) * i / 40 for i in range(41)]
        parts.append(_path([(x(v), y(v)) for v in steps], "reference"))
    for position, one in enumerate(series):
        style = f"s{position % _SERIES}"
        if one.get("low") and one.get("high"):
            for run in _unbroken(zip(one["x"], one["low"], one["high"], strict=True)):
                outline = [(x(a), y(c)) for a, _, c in run] + [(x(a), y(b)) for a, b, _ in reversed(run)]
                parts.append(_path(outline, f"band {style}", closed=True))
        points = [None if a is None or b is None else (x(a), y(b)) for a, b in zip(one["x"], one["y"], strict=True)]
        parts.append(_path(points, f"series {style}"))
        if len(points) <= 12:
            parts += [_marker(position % _SERIES, *point) for point in points if point is not None]
    return picture(number, figure.title, figure.description, WIDTH, height, *parts)


def _unbroken(points: Iterable[tuple[float | None, ...]]) -> Iterator[list[tuple[float, ...]]]:
    """The stretches of points in which nothing is None."""
    for known, stretch in groupby(points, key=lambda point: None not in point):
        if known:
            yield [tuple(float(value) for value in point if value is not None) for point in stretch]


def _path(points: Sequence[tuple[float, float] | None], class_: str, *, closed: bool = False) -> Markup:
    """A line through the points, interrupted at None, without points that fall on the pixel of the one before."""
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
    """A circle, square, triangle, diamond, cross or plus: a series is known by shape as well as by colour."""
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


def _scatter(figure: Figure, number: int) -> Markup:
    data, series = figure.data, figure.data["series"]
    legend, top = _legend([one["name"] for one in series], 16, lambda at, x, y: _marker(at, x + 12, y))
    x, y, parts, height = _frame(
        data, [v for one in series for v in one["x"]], [v for one in series for v in one["y"]], top
    )
    for position, one in enumerate(series):
        pairs = [(a, b) for a, b in zip(one["x"], one["y"], strict=True) if a is not None and b is not None]
        every = -(-len(pairs) // _MOST_POINTS) or 1
        parts += [_marker(position % _SERIES, x(a), y(b)) for a, b in pairs[::every]]
    return picture(number, figure.title, figure.description, WIDTH, height, *legend, *parts)


def _beeswarm(figure: Figure, number: int) -> Markup:
    """Dots heaped around a line for every name: filled where the level is high, open where it is low."""
    data, swarms = figure.data, figure.data["swarms"]
    names = [str(one["name"]) for one in swarms]
    left, top = _gutter(names), 30.0
    most = max((sum(heap.values()) for one in swarms for heap in _heaps(one).values()), default=1) or 1
    each = -(-most // _MOST_IN_A_HEAP)  # points that a dot stands for
    x = spanning([v for one in swarms for v in one["x"]], left, WIDTH - 14, include=[0.0])
    bottom = top + len(swarms) * _SWARM
    counted = "" if each == 1 else f"; a dot is up to {each} rows"
    parts = [
        *_dots([(6.0, 10.0)], 0.0),
        text("low", 13, 14, class_="tick"),
        *_dots([(44.0, 10.0)], 0.5),
        text("middle", 51, 14, class_="tick"),
        *_dots([(100.0, 10.0)], 1.0),
        text(f"high {data.get('level_label', '')}{counted}", 107, 14, class_="tick"),
        *_x_axis(x, top, bottom, data.get("x_label", "")),
        line(x(0.0), top, x(0.0), bottom, "axis"),
    ]
    for row, (name, one) in enumerate(zip(names, swarms, strict=True)):
        middle = top + (row + 0.5) * _SWARM
        parts.append(text(shorten(name, left - 10), left - 8, middle + 4, anchor="end"))
        placed: dict[float | None, list[tuple[float, float]]] = {}
        for place, heap in _heaps(one).items():
            dots = [level for level, n in heap.items() for _ in range(-(-n // each))]
            apart = min(_DOT, (_SWARM - 8) / max(1, len(dots) - 1))
            for at, level in enumerate(dots):
                placed.setdefault(level, []).append((x(place), middle + (at - (len(dots) - 1) / 2) * apart))
        for level in sorted(placed, key=lambda level: -1.0 if level is None else level):
            parts += _dots(placed[level], level)
    return picture(number, figure.title, figure.description, WIDTH, bottom + 40, *parts)


def _heaps(swarm: Mapping[str, Any]) -> dict[float, dict[float | None, int]]:
    """Of each place on the axis the levels there, the lowest first, and how many points have each."""
    heaps: dict[float, dict[float | None, int]] = {}
    points = zip(swarm["x"], swarm["level"], swarm["n"], strict=True)
    for place, level, n in sorted(points, key=lambda point: (point[0], point[1] is not None, point[1] or 0.0)):
        heap = heaps.setdefault(place, {})
        heap[level] = heap.get(level, 0) + n
    return heaps


def _dots(points: Sequence[tuple[float, float]], level: float | None) -> Iterator[Markup]:
    """Round ends of lines without length: the shortest spelling of many dots."""
    path = "".join(f"M{x:.1f} {y:.1f}h0" for x, y in points)
    third = "middle" if level is None else ("low", "middle", "high")[min(2, int(level * 3))]
    yield element("path", d=path, class_=f"bee {third}")
    if third == "low":
        yield element("path", d=path, class_="bee hollow")


def _histogram(figure: Figure, number: int) -> Markup:
    data, series, edges = figure.data, figure.data["series"], figure.data["edges"]
    legend, top = _legend(
        [one["name"] for one in series],
        16,
        lambda at, x, y: element("rect", x=x, y=y - 5, width=22, height=10, class_=f"area s{at}"),
    )
    x, y, parts, height = _frame(data, edges, [v for one in series for v in one["counts"]], top, include=[0.0])
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
        parts.append(_path(outline, f"area s{position % _SERIES}"))
    return picture(number, figure.title, figure.description, WIDTH, height, *legend, *parts)


# ---------------------------------------------------------------- cells


def _heatmap(figure: Figure, number: int) -> Markup:
    """Shade grows with the value's size; below zero the hue changes and the number has its sign."""
    data = figure.data
    rows, columns = ([str(label) for label in data[key]] for key in ("rows", "columns"))
    left = min(_gutter(rows), 120.0) + 16
    width = (WIDTH - left - 6) / max(1, len(columns))
    tall = min(44.0, max(14.0, width))
    largest = max((abs(v) for row in data["values"] for v in row if v is not None), default=0.0) or 1.0
    longest = max((len(show_number(v)) for row in data["values"] for v in row), default=0)
    # numbers that run into each other cannot be read: the table behind has them
    fits = width >= 26 and (longest - 1) * CHARACTER <= width
    numbered = len(rows) * len(columns) <= _MOST_NUMBERED_CELLS and fits
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
            # five shades, so that the text on each is known to be readable
            shade = 0 if value == 0 else 1 + min(3, int(4 * abs(value) / largest * 0.9999))
            parts.append(element("rect", **cell, class_=f"cell {'negative' if value < 0 else 'positive'} k{shade}"))
            if numbered:
                parts.append(
                    text(
                        show_number(value), x + width / 2, y + tall / 2 + 4, anchor="middle", class_=f"on-cell k{shade}"
                    )
                )
    return picture(number, figure.title, figure.description, WIDTH, top + len(rows) * tall + 8, *parts)


def _image(figure: Figure, number: int) -> Markup:
    shown = []
    for image in figure.data["images"]:
        encoded, label = image["png_base64"], image["label"]
        if _BASE64.fullmatch(encoded):
            seen = image.get("description")
            words = f"{label}: {seen}" if seen else label
            drawn = element("img", src=f"data:image/png;base64,{encoded}", alt=words)
        else:
            drawn = element("span", "not a readable image", class_="absent")
        shown.append(element("div", drawn, element("span", label, class_="caption"), class_="image"))
    return element("div", *shown, class_="images", role="group", aria_label=figure.title)


def _shaded_text(figure: Figure, number: int) -> Markup:
    """Words shaded by weight: solid underline pushes towards the output, dashed away from it."""
    shown = []
    for one in figure.data["texts"]:
        largest = max((abs(weight) for weight in one["weights"] if weight is not None), default=0.0) or 1.0
        words = []
        for token, weight in zip(one["tokens"], one["weights"], strict=True):
            strength = 0 if not weight else 1 + min(3, int(4 * abs(weight) / largest * 0.9999))
            sign = "negative" if weight is not None and weight < 0 else "positive"
            words += [element("span", token, class_=f"token {sign} k{strength}"), Markup(" ")]
        shown.append(element("p", element("b", one["label"]), Markup(" "), *words))
    return element("div", *shown, class_="shaded", role="group", aria_label=figure.title)


_DRAWN: Mapping[FigureKind, Callable[[Figure, int], Markup]] = {
    "bar": _bar,
    "dot_interval": _dot_interval,
    "line": _line,
    "histogram": _histogram,
    "heatmap": _heatmap,
    "scatter": _scatter,
    "beeswarm": _beeswarm,
    "image": _image,
    "shaded_text": _shaded_text,
}


# ---------------------------------------------------------------- beside a finding


def draw_threshold(measurement: Measurement, threshold: Threshold) -> Markup:
    """Value and interval against a threshold: an ornament beside the same in words, hidden from screen readers."""
    if measurement.value is None:
        return Markup("")
    low, high = measurement.low, measurement.high
    known = [number for number in (measurement.value, low, high, threshold.value) if number is not None]
    margin = 0.2 * (max(known) - min(known)) or 1.0
    x = Scale(min(known) - margin, max(known) + margin, 0, 180)
    limit = x(threshold.value)
    accepted = (limit, x.end) if threshold.bound in ("min", "above") else (x.start, limit)
    parts = [
        element("rect", x=x.start, y=6, width=x.end - x.start, height=20, class_="strip"),
        element("rect", x=accepted[0], y=6, width=accepted[1] - accepted[0], height=20, class_="accepted"),
        line(limit, 2, limit, 30, "limit"),
    ]
    if low is not None and high is not None:
        parts.append(line(x(low), 16, x(high), 16, "interval"))
        parts += [line(x(end), 12, x(end), 20, "interval") for end in (low, high)]
    parts.append(element("circle", cx=x(measurement.value), cy=16, r=4.5, class_="dot"))
    return element("svg", *parts, viewBox="0 0 180 32", class_="against", aria_hidden="true", focusable="false")
