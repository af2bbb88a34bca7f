"""Tables and figures of the `fairness_what_if` audit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from glasshouse import Column, Figure, Groups, Predictions, Table
from glasshouse.statistics import gap, group_rates

from glasshouse_audits.fairness.thresholds.decisions import (
    GAPS,
    DecisionRule,
    Floats,
    accuracy_change,
    apply_rules,
    expected_accuracy,
    expected_counts,
    favourable_code,
    group_rows,
)
from glasshouse_audits.fairness.thresholds.frontier import group_frontier, single_frontier
from glasshouse_audits.fairness.thresholds.rules import Rule, ThresholdCurve, best_threshold, hull

_FRONTIERS = {"demographic_parity": "selection rates", "equal_opportunity": "true positive rates"}


def rule_table(rules: Sequence[DecisionRule], predictions: Predictions, attribute: Groups) -> Table:
    """Accuracy, its change and the gaps of each decision rule."""
    positive = favourable_code(predictions)
    rows = []
    for rule in rules:
        table = expected_counts(predictions, attribute, rule.selected)
        accuracy = group_rates(table.overall(), "accuracy", positive=positive)[0].value
        gaps = [gap(table, name, positive=positive).value for name in GAPS]
        rows.append((rule.title, accuracy, accuracy_change(rule, predictions).value, *gaps))
    return Table(
        title=f"Accuracy and gaps at other thresholds, by {attribute.name}",
        columns=(
            Column(name="thresholds"),
            Column(name="accuracy", format=".3f"),
            Column(name="change", format=".3f"),
            *(Column(name=name.removesuffix("_difference"), format=".3f") for name in GAPS),
        ),
        rows=tuple(rows),
        description="Each row is another way to decide: the model as it is, the single threshold with the highest "
        "accuracy, and a threshold for each group that equalises the named rates on other rows. The last three "
        "columns are the remaining differences between the extreme groups; 0 is equal.",
    )


def threshold_table(rules: Sequence[DecisionRule], groups: dict[str, ThresholdCurve], attribute: str) -> Table:
    """The chosen thresholds of each group."""
    rows = []
    for decision in rules:
        for level, rule in decision.rules.items():
            curve = groups.get(level)
            if curve is None or not len(curve.scores):
                continue
            lower = None if rule.upper == rule.lower else _threshold(rule.lower)
            rows.append(
                (
                    decision.title,
                    level,
                    _threshold(rule.upper),
                    lower,
                    None if lower is None else rule.share,
                    rule.ignored or None,
                    round(curve.positives + curve.negatives),
                )
            )
    return Table(
        title=f"Chosen thresholds, by {attribute}",
        columns=(
            Column(name="thresholds"),
            Column(name=attribute),
            Column(name="selected above", format=".3f"),
            Column(name="random above", format=".3f"),
            Column(name="share selected at random", format=".1%"),
            Column(name="score ignored", format=".1%"),
            Column(name="rows used to choose", format="d"),
        ),
        rows=tuple(rows),
        description="Thresholds on the score of the favourable class. Between 'random above' and 'selected above' the "
        "given share of rows is selected at random. Score ignored: the share of the group that is decided at random, "
        "at the false positive rate common to all groups, so that groups with better predictions have no advantage.",
        count_column="rows used to choose",
    )


def _threshold(value: float) -> float | str:
    if np.isfinite(value):
        return value
    return "nobody" if value > 0 else "everyone"


def frontier_figure(
    groups: dict[str, ThresholdCurve], predictions: Predictions, attribute: Groups, as_is: DecisionRule, points: int
) -> Iterator[Figure]:
    """Accuracy against the remaining difference between groups, both on the evaluated rows."""
    series = []
    for constraint, rate in _FRONTIERS.items():
        hulls = {level: found for level, curve in groups.items() if (found := hull(curve, constraint)) is not None}
        if len(hulls) < 2:
            continue
        unconstrained = np.ptp([one.x[int(np.argmax(one.y))] for one in hulls.values()])
        tolerances = np.linspace(0.0, float(unconstrained), points).tolist()
        metric = f"{constraint}_difference"
        overall = best_threshold([groups[level] for level in hulls])
        seen = [level for level, curve in groups.items() if len(curve.scores)]
        per_group = [
            dict.fromkeys(seen, Rule(overall, overall)) | dict(zip(hulls, rules, strict=True))
            for rules in group_frontier(list(hulls.values()), tolerances)
        ]
        single = [
            dict.fromkeys(group_rows(attribute), Rule(t, t))
            for t in single_frontier([groups[level] for level in hulls], constraint, tolerances)
        ]
        for how, candidates in (("a threshold per group", per_group), ("one threshold", single)):
            reached = [apply_rules("", rules, predictions, attribute).selected for rules in candidates]
            series.append(_series(f"{rate}, {how}", reached, predictions, attribute, metric))
        series.append(_series(f"{rate}, model as it is", [as_is.selected], predictions, attribute, metric))
    if series:
        yield Figure(
            kind="line",
            title=f"Accuracy against equality by {attribute.name}",
            description="Each point is the most accurate choice of thresholds whose named rates differed by no more "
            "than a given amount on other rows; it is drawn with its accuracy and its difference on the evaluated "
            "rows. Higher is more accurate, further left is more equal.",
            data={
                "series": series,
                "x_label": f"difference between groups of {attribute.name} in the named rates",
                "y_label": "accuracy",
                "diagonal": False,
                "x_log": False,
            },
        )


def _series(
    name: str, reached: Sequence[Floats], predictions: Predictions, attribute: Groups, metric: str
) -> dict[str, Any]:
    positive = favourable_code(predictions)
    tables = [expected_counts(predictions, attribute, selected) for selected in reached]
    return {
        "name": name,
        "x": [gap(table, metric, positive=positive).value for table in tables],
        "y": [expected_accuracy(selected, predictions) for selected in reached],
    }
