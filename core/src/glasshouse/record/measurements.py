"""What an audit returns: measurements, tables and figures, without verdicts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

Cell = str | int | float | bool | None
Status = Literal["completed", "skipped", "error"]
FigureKind = Literal[
    "bar", "dot_interval", "line", "histogram", "heatmap", "scatter", "beeswarm", "image", "shaded_text"
]


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One number with everything that is needed to interpret it.

    A rate over an empty set has `value=None` and the reason in `undefined`; `n` is its denominator.

    Raises:
        ValueError: if value and `undefined` are both given or both missing, if a number is not finite,
            or if an interval lacks its method or level.
    """

    name: str
    """fairlearn's or scikit-learn's name of the metric: ``selection_rate``, ``roc_auc``."""
    value: float | None
    low: float | None = None
    high: float | None = None
    level: float | None = None
    """Confidence level of the interval, e.g. 0.95."""
    interval_method: str | None = None
    """The method of the interval: ``wilson``, ``bootstrap_percentile``, ``delong``."""
    n: int | None = None
    """The denominator: the number of rows that the value is computed from."""
    group: Mapping[str, str] = field(default_factory=dict)
    """The group, attribute -> level; empty for all rows."""
    over: tuple[str, ...] = ()
    """The attributes of a gap between groups."""
    output: str | None = None
    """The class or target that the value refers to."""
    split: str | None = None
    undefined: str | None = None
    """Why there is no value."""
    parameters: Mapping[str, Cell] = field(default_factory=dict)
    """Further parameters of the metric: ``{"false_positive_rate": 0.01}``, the two groups of a pairwise difference."""

    def __post_init__(self) -> None:
        if (self.value is None) == (self.undefined is None):
            raise ValueError(f"measurement '{self.name}': expected either a value or the reason in `undefined`")
        for number in (self.value, self.low, self.high):
            if number is not None and not math.isfinite(number):
                raise ValueError(f"measurement '{self.name}': {number} is not finite; use None and give the reason")
        if (self.low is not None or self.high is not None) and (self.interval_method is None or self.level is None):
            raise ValueError(f"measurement '{self.name}': an interval needs `interval_method` and `level`")

    @cached_property
    def id(self) -> str:
        """A stable identifier within one audit, made from everything except the numbers.

        >>> Measurement(name="selection_rate", value=0.5, group={"sex": "Female"}, split="test").id
        'selection_rate[sex=Female]@test'
        """
        parts = [f"{key}={value}" for key, value in sorted(self.group.items())]
        if self.over:
            parts.append("over=" + "+".join(self.over))
        if self.output is not None:
            parts.append(f"output={self.output}")
        parts += [f"{key}={value}" for key, value in sorted(self.parameters.items())]
        return self.name + (f"[{','.join(parts)}]" if parts else "") + (f"@{self.split}" if self.split else "")


@dataclass(frozen=True, kw_only=True)
class Column:
    """A table column; `format` is a Python format spec such as ``.3f``."""

    name: str
    unit: str = ""
    format: str = ""


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of plain cells."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    description: str = ""
    count_column: str | None = None
    """The column with each row's count; a report suppresses rows below the small-group limit."""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"table '{self.title}': a row has {len(row)} cells for {len(self.columns)} columns")


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A figure as data. `data` by kind (lists of plain numbers and strings; None is drawn as a gap):

    - bar: ``{"labels": [...], "values": [...], "x_label", "y_label"}`` (horizontal bars, in the given order)
    - dot_interval: ``{"labels", "values", "low", "high", "n", "under"?, "x_label", "reference": number | None}``
      (`under` is the heading above each label)
    - line: ``{"series": [{"name", "x", "y", "low"?, "high"?}], "x_label", "y_label", "diagonal": bool,
      "x_log": bool}``
    - histogram: ``{"edges": [...], "series": [{"name", "counts"}], "x_label", "y_label"}``
    - heatmap: ``{"rows": [...], "columns": [...], "values": [[...]], "x_label", "y_label"}``
    - scatter: ``{"series": [{"name", "x", "y"}], "x_label", "y_label"}``
    - beeswarm: ``{"swarms": [{"name", "x": [...], "n": [...], "level": [...]}], "x_label", "level_label"}`` (for each
      name `n` points at `x`; `level`: low (0), middle (0.5) or high (1) feature value, or None)
    - image: ``{"images": [{"label", "png_base64", "description"?}]}`` (`description` is the content in words)
    - shaded_text: ``{"texts": [{"label", "tokens": [...], "weights": [...]}]}``
    """

    kind: FigureKind
    title: str
    description: str
    """What it shows and how to read it, in one or two sentences; also the text for screen readers."""
    data: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Section:
    """Tables and figures under one title, added to the record by a plugin."""

    title: str
    text: str = ""
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AuditResult:
    """The result of one audit. `status` is ``completed`` unless it was skipped or ended in an error."""

    name: str
    family: str
    status: Status = "completed"
    reason: str | None = None
    """Why it was skipped, or the error."""
    seconds: float = 0.0
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Its options, defaults included."""
    measurements: Sequence[Measurement] = ()
    tables: Sequence[Table] = ()
    figures: Sequence[Figure] = ()
    notes: Sequence[str] = ()
    """Sentences that a reader needs to interpret the numbers: what was left out, what a method assumes."""

    def timed(self, seconds: float) -> AuditResult:
        """The same result with its duration."""
        return replace(self, seconds=seconds)


def measurement_id(audit: str, measurement: Measurement) -> str:
    """The identifier of a measurement within a record: ``fairness/selection_rate[sex=Female]@test``."""
    return f"{audit}/{measurement.id}"
