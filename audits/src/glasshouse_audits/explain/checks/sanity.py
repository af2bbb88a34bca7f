"""Does the explanation depend on what the model has learned? Similarity to itself while weights are drawn anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from glasshouse import Cell, Column, Figure, Measurement, Question, Table
from glasshouse.statistics import Estimate
from numpy.typing import NDArray

from glasshouse_audits.explain.checks.check_result import Asked, Checked, ask, cells, interval_columns
from glasshouse_audits.explain.checks.randomisation import cascade, layers, stages
from glasshouse_audits.explain.checks.similarity import TOP
from glasshouse_audits.explain.checks.similarity_report import STATISTICS, means, over_repeats, unknown
from glasshouse_audits.explain.explainers import Explained

if TYPE_CHECKING:
    from torch import nn

Floats = NDArray[np.float64]

_STAGES = 5
# Random weights agree with the learned ones by chance, for all rows alike: only other random weights tell how far.
_NETWORKS = 5


def sanity(based: Sequence[tuple[Explained, Floats | str]], asked: Asked, question: Question) -> Checked:
    """Similarity to explanations (n, d, k) of the `question` as the model's layers are randomised from the output on.

    The model leaves as it came, whatever happens.
    """
    model = question.model
    ordered = layers(model.module, lambda: question.scores(question.rows[:1]))
    after = stages(len(ordered), _STAGES)
    if not after:
        return Checked(notes=("The model has no layer with weights that could be randomised.",))
    found = [(one, _similarities(one, original, question, ordered, after, asked.seed)) for one, original in based]
    measurements: list[Measurement] = []
    table: list[tuple[Cell, ...]] = []
    drawn: list[tuple[Explained, list[Estimate]]] = []
    for output in range(len(asked.labels)):
        for one, similarities in found:
            told = _by_stage(similarities, len(after), output)
            if output == 0:
                drawn.append((one, [estimates[STATISTICS[0]] for estimates in told]))
            for count, estimates in zip(after, told, strict=True):
                parameters: dict[str, Cell] = {
                    "method": one.name,
                    "layers": "all" if count == len(ordered) else count,
                    "networks": _NETWORKS,
                }
                measurements += [
                    asked.measurement(
                        "similarity_when_randomised",
                        replace(estimate, n=len(question.rows)),
                        output,
                        **parameters,
                        statistic=statistic,
                    )
                    for statistic, estimate in estimates.items()
                ]
                table.append(asked.row(output, one.title, count, *(c for e in estimates.values() for c in cells(e))))
    description = (
        f"{len(question.rows)} rows are explained again while the weights of {len(ordered)} layers are drawn anew, "
        f"from the output to the input, {_NETWORKS} times; shown is the rank correlation with the explanation of the "
        "model as trained, with intervals over the random networks. An explanation that stays near 1 does not depend "
        "on what the model has learned."
    )
    return Checked(
        tuple(measurements),
        (_figure(drawn, after, description, asked),),
        (
            Table(
                title="Explanations of a model with random weights",
                columns=asked.columns(
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
    one: Explained, original: Floats | str, question: Question, ordered: list[nn.Module], after: list[int], seed: int
) -> Floats | str:
    """Means over rows (networks, stages, outputs, statistics), NaN where no row has any; or why they are not known."""
    if isinstance(original, str):
        return original

    def look() -> Floats | str:
        answer = ask(one, question)
        return answer if isinstance(answer, str) else means(original, answer)

    found = []
    for network in range(_NETWORKS):
        looked = cascade(question.model.module, ordered, after, look, seed=seed + network)
        for one_look in looked:
            if isinstance(one_look, str):
                return one_look
        found.append(looked)
    return np.array(found)


def _by_stage(similarities: Floats | str, stages: int, output: int) -> list[dict[str, Estimate]]:
    """Both similarities at each stage, means over random networks."""
    if isinstance(similarities, str):
        return [unknown(similarities) for _ in range(stages)]
    return [over_repeats(similarities[:, stage, output]) for stage in range(stages)]


def _figure(
    drawn: Sequence[tuple[Explained, list[Estimate]]], after: list[int], description: str, asked: Asked
) -> Figure:
    series = []
    for one, estimates in drawn:
        value, low, high = (list(column) for column in zip(*map(cells, estimates), strict=True))
        series.append(
            {"name": one.title, "x": [0, *after], "y": [1.0, *value], "low": [1.0, *low], "high": [1.0, *high]}
        )
    return Figure(
        kind="line",
        title=asked.heading("Explanations of a model with random weights", 0),
        description=description,
        data={
            "series": series,
            "x_label": "layers randomised, from the output on",
            "y_label": "rank correlation",
            "diagonal": False,
            "x_log": False,
        },
    )
