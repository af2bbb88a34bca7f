"""Agreement of methods on the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from glasshouse import Cell, Column, Figure, Measurement, Table

from glasshouse_audits.explain.checks.check_result import (
    CheckContext,
    CheckResult,
    flat_attributions,
    interval_columns,
    value_and_interval,
)
from glasshouse_audits.explain.checks.similarity import TOP
from glasshouse_audits.explain.checks.similarity_report import STATISTICS, mean_similarities
from glasshouse_audits.explain.explainers import MethodExplanation


def agreement(explained: Sequence[MethodExplanation], context: CheckContext) -> CheckResult:
    """Rank correlation and top-k overlap of every two methods, means over rows; empty for a single method."""
    if len(explained) < 2:
        return CheckResult()
    measurements: list[Measurement] = []
    table: list[tuple[Cell, ...]] = []
    figures = []
    for output in range(len(context.labels)):
        values = [flat_attributions(one.explanation)[:, :, output] for one in explained]
        by_pair: dict[tuple[int, int], float | None] = {}
        for i, j in combinations(range(len(explained)), 2):
            first, second = explained[i], explained[j]
            found = mean_similarities(values[i], [values[j]])
            by_pair[i, j] = found[STATISTICS[0]].value
            for statistic, estimate in found.items():
                measurements.append(
                    context.measurement(
                        "method_agreement",
                        estimate,
                        output,
                        first=first.name,
                        second=second.name,
                        statistic=statistic,
                    )
                )
            table.append(
                context.row(
                    output, first.title, second.title, *(c for e in found.values() for c in value_and_interval(e))
                )
            )
        if output == 0:
            figures.append(_heatmap(explained, by_pair, context))
    return CheckResult(
        tuple(measurements),
        tuple(figures),
        (
            Table(
                title="Agreement of methods",
                columns=context.columns(
                    Column(name="first"),
                    Column(name="second"),
                    *interval_columns("rank correlation"),
                    *interval_columns(f"top {TOP} in common"),
                ),
                rows=tuple(table),
                description="Means over rows: Spearman's correlation of the two methods' attributions (1 is the same "
                f"order), and the share of the {TOP} largest attributions that they have in common.",
            ),
        ),
    )


def _heatmap(
    explained: Sequence[MethodExplanation], by_pair: dict[tuple[int, int], float | None], context: CheckContext
) -> Figure:
    names = [one.title for one in explained]
    many = range(len(names))
    return Figure(
        kind="heatmap",
        title=context.heading("Agreement of methods", 0),
        description="Spearman's rank correlation between the attributions of two methods, mean over rows: 1 is the "
        "same order, 0 is unrelated. Methods define attribution differently and need not agree.",
        data={
            "rows": names,
            "columns": names,
            "values": [[1.0 if i == j else by_pair[min(i, j), max(i, j)] for j in many] for i in many],
            "x_label": "method",
            "y_label": "method",
        },
    )
