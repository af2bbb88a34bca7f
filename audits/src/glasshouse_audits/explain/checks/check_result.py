"""Input and output of the checks of explanations, and helpers for their tables and figures."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from glasshouse import Cell, Column, Explanation, Figure, Measurement, NotExplainableError, Question, Table, UserError
from glasshouse.statistics import Estimate, mean
from numpy.typing import NDArray

from glasshouse_audits.explain.checks.draws import uniforms
from glasshouse_audits.explain.explainers import MethodExplanation

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class CheckResult:
    """Measurements, figures, tables and notes of checks; results can be added."""

    measurements: tuple[Measurement, ...] = ()
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()

    def __add__(self, other: CheckResult) -> CheckResult:
        return CheckResult(
            self.measurements + other.measurements,
            self.figures + other.figures,
            self.tables + other.tables,
            self.notes + other.notes,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class CheckContext:
    """What was explained: the `question`, the names of its outputs (`labels`; None for a regression) and its split.

    `seed` determines all random draws of the checks.
    """

    question: Question
    labels: tuple[str | None, ...]
    split: str
    seed: int = 0

    def rows(self, most: int) -> NDArray[np.intp]:
        """Numbers of at most `most` rows, ascending; the selection does not depend on the order of the rows."""
        content = self.question.rows.flatten(1).numpy()
        keys = uniforms(content, 1, seed=self.seed, use="rows")[:, 0]
        return np.sort(np.argsort(keys, kind="stable")[:most])

    def question_for(self, rows: NDArray[np.intp]) -> Question:
        """The question for some of its rows."""
        return replace(self.question, rows=self.question.rows[rows])

    def measurement(self, name: str, estimate: Estimate, output: int, **parameters: Cell) -> Measurement:
        """A measurement of one output, given by its position in the question."""
        return Measurement(
            name=name, output=self.labels[output], split=self.split, parameters=parameters, **estimate.fields()
        )

    def score_name(self, output: int) -> str:
        """An output's score, in words."""
        label = self.labels[output]
        return "predicted value" if label is None else f"probability of {label}"

    def heading(self, title: str, output: int) -> str:
        """A title, with the output's name if there are several outputs."""
        return f"{title}: {self.labels[output]}" if len(self.labels) > 1 else title

    def columns(self, *columns: Column) -> tuple[Column, ...]:
        """A table's columns, with one for the output first if there are several outputs."""
        return (Column(name="output"), *columns) if len(self.labels) > 1 else columns

    def row(self, output: int, *cells: Cell) -> tuple[Cell, ...]:
        """A row for such `columns`."""
        return (self.labels[output], *cells) if len(self.labels) > 1 else cells


def flat_attributions(explanation: Explanation) -> Floats:
    """Attributions as (n, d, k), whatever the shape of one input."""
    values = explanation.values
    found: Floats = values.reshape(len(values), -1, values.shape[-1])
    return found


def explain_again(one: MethodExplanation, question: Question) -> Floats | str:
    """Attributions (n, d, k) of another question, or the reason why the method cannot explain it."""
    try:
        return flat_attributions(one.explain(question.for_one_explainer()))
    except (NotExplainableError, UserError) as error:
        return f"{one.title} cannot explain again: {error}".rstrip(".")


def mean_of_defined(values: Floats, undefined: str) -> Estimate:
    """Mean over the rows (n,) that are not NaN, with its interval; `undefined` is the reason if all are NaN."""
    known = values[~np.isnan(values)]
    return mean(known) if len(known) else Estimate(None, 0, undefined=undefined)


def clipped(estimate: Estimate, low: float, high: float) -> Estimate:
    """The estimate with its interval clipped to the range of the quantity."""
    interval = estimate.interval
    if interval is None or interval.low is None or interval.high is None:
        return estimate
    return replace(estimate, interval=replace(interval, low=max(low, interval.low), high=min(high, interval.high)))


def value_and_interval(estimate: Estimate) -> list[Cell]:
    """Value and both ends of the interval, as table cells."""
    interval = estimate.interval
    return [estimate.value, interval.low if interval else None, interval.high if interval else None]


def interval_columns(name: str, *, unit: str = "") -> list[Column]:
    """The columns for `value_and_interval`."""
    return [Column(name=f"{name}{part}", unit=unit, format=".4f") for part in ("", ", low", ", high")]


@dataclass
class DotFigure:
    """Collects the dots of a `dot_interval` figure."""

    labels: list[str] = field(default_factory=list)
    estimates: list[Estimate] = field(default_factory=list)

    def add(self, label: str, estimate: Estimate) -> None:
        """Add one dot."""
        self.labels.append(label)
        self.estimates.append(estimate)

    def figure(self, title: str, description: str, *, x_label: str, reference: float) -> Figure:
        """The figure; undefined dots carry their reason."""
        drawn = [value_and_interval(estimate) for estimate in self.estimates]
        return Figure(
            kind="dot_interval",
            title=title,
            description=description,
            data={
                "labels": self.labels,
                "values": [value for value, _, _ in drawn],
                "low": [low for _, low, _ in drawn],
                "high": [high for _, _, high in drawn],
                "n": [estimate.n for estimate in self.estimates],
                "undefined": [estimate.undefined for estimate in self.estimates],
                "x_label": x_label,
                "reference": reference,
            },
        )
