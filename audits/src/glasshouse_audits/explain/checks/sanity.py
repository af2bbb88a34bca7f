"""Sanity check: similarity of an explanation to itself while the model's weights are randomised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from glasshouse import Cell, Column, Figure, Measurement, Question, Table
from glasshouse.statistics import Estimate
from numpy.typing import NDArray

from glasshouse_audits.explain.checks.check_result import (
    CheckContext,
    CheckResult,
    explain_again,
    interval_columns,
    value_and_interval,
)
from glasshouse_audits.explain.checks.randomisation import cascade, layers, stages
from glasshouse_audits.explain.checks.similarity import TOP
from glasshouse_audits.explain.checks.similarity_report import (
    STATISTICS,
    mean_over_repeats,
    similarities_by_output,
    undefined_similarities,
)
from glasshouse_audits.explain.explainers import MethodExplanation

if TYPE_CHECKING:
    from torch import nn

Floats = NDArray[np.float64]

_STAGES = 5
# One random network may resemble the trained one by chance, for all rows alike, so several are used.
_NETWORKS = 5


def sanity(
    with_originals: Sequence[tuple[MethodExplanation, Floats | str]], context: CheckContext, question: Question
) -> CheckResult:
    """Similarity to the original explanations (n, d, k) as the model's layers are randomised, from the output on.

    The model's weights are restored, also after an error.
    """
    model = question.model
    ordered = layers(model.module, lambda: question.scores(question.rows[:1]))
    after = stages(len(ordered), _STAGES)
    if not after:
        return CheckResult(notes=("The model has no layer with weights that could be randomised.",))
    found = [
        (one, _similarities(one, original, question, ordered, after, context.seed)) for one, original in with_originals
    ]
    measurements: list[Measurement] = []
    table: list[tuple[Cell, ...]] = []
    drawn: list[tuple[MethodExplanation, list[Estimate]]] = []
    for output in range(len(context.labels)):
        for one, similarities in found:
            by_stage = _by_stage(similarities, len(after), output)
            if output == 0:
                drawn.append((one, [estimates[STATISTICS[0]] for estimates in by_stage]))
            for count, estimates in zip(after, by_stage, strict=True):
                parameters: dict[str, Cell] = {
                    "method": one.name,
                    "layers": "all" if count == len(ordered) else count,
                    "networks": _NETWORKS,
                }
                measurements += [
                    context.measurement(
                        "similarity_when_randomised",
                        replace(estimate, n=len(question.rows)),
                        output,
                        **parameters,
                        statistic=statistic,
                    )
                    for statistic, estimate in estimates.items()
                ]
                table.append(
                    context.row(
                        output, one.title, count, *(c for e in estimates.values() for c in value_and_interval(e))
                    )
                )
    description = (
        f"{len(question.rows)} rows are explained again while the weights of {len(ordered)} layers are randomised from "
        f"the output to the input, {_NETWORKS} times. The rank correlation is with the explanation of the trained "
        "model; intervals are over the random networks. If it stays near 1, the explanation does not depend on what "
        "the model has learned."
    )
    return CheckResult(
        tuple(measurements),
        (_figure(drawn, after, description, context),),
        (
            Table(
                title="Explanations of a model with random weights",
                columns=context.columns(
                    Column(name="method"),
                    Column(name="layers randomised", format="d"),
                    *interval_columns("rank correlation"),
                    *interval_columns(f"top {TOP} in common"),
                ),
                rows=tuple(table),
                description=description,
            ),
        ),
    )


def _similarities(
    one: MethodExplanation,
    original: Floats | str,
    question: Question,
    ordered: list[nn.Module],
    after: list[int],
    seed: int,
) -> Floats | str:
    """Means over rows (networks, stages, outputs, statistics), NaN if undefined; or the reason why there are none."""
    if isinstance(original, str):
        return original

    def explain_randomised() -> Floats | str:
        explanation = explain_again(one, question)
        return explanation if isinstance(explanation, str) else similarities_by_output(original, explanation)

    found = []
    for network in range(_NETWORKS):
        explanations = cascade(question.model.module, ordered, after, explain_randomised, seed=seed + network)
        for explanation in explanations:
            if isinstance(explanation, str):
                return explanation
        found.append(explanations)
    return np.array(found)


def _by_stage(similarities: Floats | str, stages: int, output: int) -> list[dict[str, Estimate]]:
    """Both similarities at each stage, means over random networks."""
    if isinstance(similarities, str):
        return [undefined_similarities(similarities) for _ in range(stages)]
    return [mean_over_repeats(similarities[:, stage, output]) for stage in range(stages)]


def _figure(
    drawn: Sequence[tuple[MethodExplanation, list[Estimate]]], after: list[int], description: str, context: CheckContext
) -> Figure:
    series = []
    for one, estimates in drawn:
        value, low, high = (list(column) for column in zip(*map(value_and_interval, estimates), strict=True))
        series.append(
            {"name": one.title, "x": [0, *after], "y": [1.0, *value], "low": [1.0, *low], "high": [1.0, *high]}
        )
    return Figure(
        kind="line",
        title=context.heading("Explanations of a model with random weights", 0),
        description=description,
        data={
            "series": series,
            "x_label": "layers randomised, from the output on",
            "y_label": "rank correlation",
            "diagonal": False,
            "x_log": False,
        },
    )
