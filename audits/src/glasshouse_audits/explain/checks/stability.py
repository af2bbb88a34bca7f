"""Stability of explanations under another seed or background, and sensitivity to small changes of the row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from glasshouse import Cell, Column, Figure, Question, Table
from glasshouse.statistics import Estimate
from numpy.typing import NDArray

from glasshouse_audits.explain.checks.check_result import (
    CheckContext,
    CheckResult,
    explain_again,
    flat_attributions,
    interval_columns,
    mean_of_defined,
    value_and_interval,
)
from glasshouse_audits.explain.checks.sensitivity import RADIUS, column_standard_deviations, max_sensitivity, neighbours
from glasshouse_audits.explain.checks.similarity import TOP
from glasshouse_audits.explain.checks.similarity_report import STATISTICS, mean_similarities, undefined_similarities
from glasshouse_audits.explain.explainers import MethodExplanation

if TYPE_CHECKING:
    from torch import Tensor

Floats = NDArray[np.float64]

# Further seeds, besides that of the explanation.
_SEEDS = 2
_SAMPLES = 5


def stability(explained: Sequence[MethodExplanation], context: CheckContext, rows: NDArray[np.intp]) -> CheckResult:
    """Similarity to explanations with another seed, half of the background, or one typical background row.

    Some `rows` are explained again with the original budget and tolerance.
    """
    subset = context.question_for(rows)
    measurements, table = [], []
    drawn: list[list[float | None]] = []
    for one in explained:
        drawn.append([])
        original = flat_attributions(one.explanation)[rows]
        for under, questions, undefined in _variations(one, subset):
            explanations = _explanations(one, questions) if questions else undefined
            for output in range(len(context.labels)):
                found = (
                    undefined_similarities(explanations)
                    if isinstance(explanations, str)
                    else mean_similarities(
                        original[:, :, output], [explanation[:, :, output] for explanation in explanations]
                    )
                )
                for statistic, estimate in found.items():
                    measurements.append(
                        context.measurement(
                            "stability", estimate, output, method=one.name, under=under, statistic=statistic
                        )
                    )
                if output == 0:
                    drawn[-1].append(found[STATISTICS[0]].value)
                table.append(
                    context.row(
                        output, one.title, under, *(cell for e in found.values() for cell in value_and_interval(e))
                    )
                )
    description = (
        f"{len(rows)} rows are explained again; the mean rank correlation with the original explanation is 1 for the "
        "same order of features. Another seed shows the noise of sampling, half of the background the noise of its "
        "rows. One typical background row instead of all is a different baseline, so the explanation may differ."
    )
    return CheckResult(
        tuple(measurements),
        (_heatmap([one.title for one in explained], drawn, description, context),),
        (
            Table(
                title="Stability",
                columns=context.columns(
                    Column(name="method"),
                    Column(name="under"),
                    *interval_columns("rank correlation"),
                    *interval_columns(f"top {TOP} in common"),
                ),
                rows=tuple(table),
                description=description,
            ),
        ),
    )


def sensitivity(
    with_originals: Sequence[tuple[MethodExplanation, Floats | str]],
    context: CheckContext,
    question: Question,
    *,
    samples: int = _SAMPLES,
) -> CheckResult:
    """Max-sensitivity of methods, given their original explanations (n, d, k) of the `question` or a reason."""
    spread = column_standard_deviations(question)
    measurements = []
    table: list[tuple[Cell, ...]] = []
    for one, original in with_originals:
        found = _max_sensitivity(one, original, question, spread, samples, context.seed)
        for output in range(len(context.labels)):
            estimate = (
                Estimate(None, 0, undefined=found)
                if isinstance(found, str)
                else mean_of_defined(found[:, output], "no explained row has an attribution")
            )
            measurements.append(
                context.measurement(
                    "max_sensitivity", estimate, output, method=one.name, radius=RADIUS, samples=samples
                )
            )
            table.append(context.row(output, one.title, *value_and_interval(estimate)))
    return CheckResult(
        tuple(measurements),
        (),
        (
            Table(
                title="Max-sensitivity",
                columns=context.columns(Column(name="method"), *interval_columns("max-sensitivity")),
                rows=tuple(table),
                description="How far the explanation moves, relative to its norm, when each numeric feature moves by "
                f"up to {RADIUS:g} standard deviations: the largest of {samples} random moves, mean over "
                f"{len(question.rows)} rows; 0 is best. For sampled methods it includes their noise.",
            ),
        ),
    )


def _heatmap(methods: list[str], values: list[list[float | None]], description: str, context: CheckContext) -> Figure:
    return Figure(
        kind="heatmap",
        title=context.heading("Stability", 0),
        description=description,
        data={
            "rows": methods,
            "columns": ["seed", "half", "typical row"],
            "values": values,
            "x_label": "what is varied",
            "y_label": "method",
        },
    )


def _variations(one: MethodExplanation, subset: Question) -> Iterator[tuple[str, list[Question], str]]:
    """Name of each variation, the questions that apply it, and the reason if there are none."""
    error = one.explanation.standard_error
    exact = error is not None and not error.any()
    yield (
        "another seed",
        [] if exact else [replace(subset, seed=subset.seed + 1 + i) for i in range(_SEEDS)],
        "the values are exact and use no random numbers",
    )
    b = len(subset.background)
    halves = [subset.background[: b // 2], subset.background[b // 2 :]] if b > 1 else []
    alone = "the background has a single row"
    yield "half of the background", [replace(subset, background=half) for half in halves], alone
    yield (
        "one typical background row",
        [replace(subset, background=typical_row(subset.background))] if b > 1 else [],
        alone,
    )


def typical_row(background: Tensor) -> Tensor:
    """The background row (1, ...) nearest to the mean row, in standard deviations of each number."""
    flattened = background.flatten(1).double()
    spread = flattened.std(dim=0, correction=0)
    apart = ((flattened - flattened.mean(dim=0)) / spread.where(spread > 0, 1.0)).square().sum(dim=1)
    return background[int(apart.argmin())].unsqueeze(0)


def _explanations(one: MethodExplanation, questions: Sequence[Question]) -> list[Floats] | str:
    """The method's explanations (n, d, k) of all questions, or the reason why one failed."""
    explanations = []
    for question in questions:
        explanation = explain_again(one, question)
        if isinstance(explanation, str):
            return explanation
        explanations.append(explanation)
    return explanations


def _max_sensitivity(
    one: MethodExplanation, original: Floats | str, question: Question, spread: Floats, samples: int, seed: int
) -> Floats | str:
    """Max-sensitivity (n, k), or the reason why it is undefined."""
    if isinstance(original, str):
        return original
    if not spread.any():
        return "no input is a number that can move slightly"

    moved = neighbours(question.rows, spread, samples=samples, seed=seed)
    explanations = _explanations(one, [replace(question, rows=rows) for rows in moved])
    return explanations if isinstance(explanations, str) else max_sensitivity(original, explanations)
