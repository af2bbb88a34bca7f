"""The data of a figure as a table, for screen readers and for readers who want the numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from glasshouse.record.measurements import Cell, Column, Figure, FigureKind, Table
from glasshouse.report.figures.labelled_rows import NOT_MEASURED

MAX_ROWS = 200

Rows = Sequence[tuple[Cell, ...]]


def table_behind(figure: Figure) -> Table:
    """The figure's data, at most `MAX_ROWS` rows; the description states what was left out.

    Of longer tables every k-th row is shown, of texts the words with the largest weights.
    """
    names, rows = _TABLES[figure.kind](figure.data)
    kept, thinned = rows, ""
    if len(rows) > MAX_ROWS and figure.kind == "shaded_text":
        each = max(1, MAX_ROWS // len(figure.data["texts"]))
        kept = _strongest(figure.data, each)
        thinned = f"The {each} words of each text with the largest weights; the record has all {len(rows)} words."
    elif len(rows) > MAX_ROWS:
        every = -(-len(rows) // MAX_ROWS)
        kept, thinned = rows[::every], f"Every {every}th row; the record has all {len(rows)} rows."
    return Table(
        title=figure.title,
        columns=tuple(Column(name=name) for name in names),
        rows=tuple(kept),
        description=thinned,
    )


def _bar(data: Mapping[str, Any]) -> tuple[list[str], Rows]:
    reasons = data.get("undefined") or [None] * len(data["labels"])
    rows = [
        (str(label), _known(value, reason))
        for label, value, reason in zip(data["labels"], data["values"], reasons, strict=True)
    ]
    return [data.get("y_label") or "label", data.get("x_label") or "value"], rows


def _dot_interval(data: Mapping[str, Any]) -> tuple[list[str], Rows]:
    size = len(data["labels"])
    reasons = data.get("undefined") or [None] * size
    further = [key for key in ("low", "high", "n") if data.get(key)]
    columns = [data[key] for key in further]
    headings = [(heading,) for heading in data["under"]] if data.get("under") else [()] * size
    rows = [
        (*under, str(label), _known(value, reason), *rest)
        for under, label, value, reason, *rest in zip(
            headings, data["labels"], data["values"], reasons, *columns, strict=True
        )
    ]
    names = [data.get("y_label") or "label", data.get("x_label") or "value", *further]
    return ["heading", *names] if data.get("under") else names, rows


def _series(data: Mapping[str, Any]) -> tuple[list[str], Rows]:
    bands = [key for key in ("low", "high") if any(one.get(key) for one in data["series"])]

    def rows() -> Iterator[tuple[Cell, ...]]:
        for one in data["series"]:
            nothing = [None] * len(one["x"])
            columns = [one.get(key) or nothing for key in bands]
            for values in zip(one["x"], one["y"], *columns, strict=True):
                yield (one["name"], *values)

    return ["series", data.get("x_label") or "x", data.get("y_label") or "y", *bands], list(rows())


def _histogram(data: Mapping[str, Any]) -> tuple[list[str], Rows]:
    edges = data["edges"]
    columns = [one["counts"] for one in data["series"]]
    rows = list(zip(edges[:-1], edges[1:], *columns, strict=True))
    return ["from", "to", *(one["name"] for one in data["series"])], rows


def _heatmap(data: Mapping[str, Any]) -> tuple[list[str], Rows]:
    corner = " / ".join(filter(None, (data.get("y_label"), data.get("x_label")))) or "row"
    rows = [(str(name), *values) for name, values in zip(data["rows"], data["values"], strict=True)]
    return [corner, *(str(name) for name in data["columns"])], rows


def _beeswarm(data: Mapping[str, Any]) -> tuple[list[str], Rows]:
    level_names = {None: "no order", 0.0: "low", 0.5: "middle", 1.0: "high"}
    rows = [
        (str(one["name"]), x, level_names.get(level, level), n)
        for one in data["swarms"]
        for x, level, n in zip(one["x"], one["level"], one["n"], strict=True)
    ]
    return ["name", data.get("x_label") or "x", data.get("level_label") or "level", "n"], rows


def _image(data: Mapping[str, Any]) -> tuple[list[str], Rows]:
    if not any(image.get("description") for image in data["images"]):
        return ["image"], [(image["label"],) for image in data["images"]]
    return ["image", "content"], [(image["label"], image.get("description")) for image in data["images"]]


def _shaded_text(data: Mapping[str, Any]) -> tuple[list[str], Rows]:
    rows = [
        (one["label"], token, weight)
        for one in data["texts"]
        for token, weight in zip(one["tokens"], one["weights"], strict=True)
    ]
    return ["text", "token", "weight"], rows


def _strongest(data: Mapping[str, Any], each: int) -> Rows:
    """The `each` tokens of every text with the largest absolute weights, in the order of the text."""
    rows: list[tuple[Cell, ...]] = []
    for one in data["texts"]:
        weighted = [(abs(weight or 0.0), -at) for at, weight in enumerate(one["weights"])]
        for at in sorted(-place for _, place in sorted(weighted, reverse=True)[:each]):
            rows.append((one["label"], one["tokens"][at], one["weights"][at]))
    return rows


def _known(value: float | None, reason: str | None) -> Cell:
    return (reason or NOT_MEASURED) if value is None else value


_TABLES: Mapping[FigureKind, Callable[[Mapping[str, Any]], tuple[list[str], Rows]]] = {
    "bar": _bar,
    "dot_interval": _dot_interval,
    "line": _series,
    "histogram": _histogram,
    "heatmap": _heatmap,
    "scatter": _series,
    "beeswarm": _beeswarm,
    "image": _image,
    "shaded_text": _shaded_text,
}
