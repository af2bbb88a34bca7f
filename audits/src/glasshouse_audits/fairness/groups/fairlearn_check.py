"""The same group metrics by fairlearn on the same rows: the largest difference from ours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from glasshouse import Groups, Measurement, Predictions
from glasshouse.statistics import MISSING, count, group_rates, group_sums

from glasshouse_audits.fairness.groups.study import Study

ROWS = 2_000
"""fairlearn walks through rows group by group and metric by metric: the first rows suffice to compare."""

_MOST_CLASSES = 3
_RATES = (
    "selection_rate",
    "true_positive_rate",
    "false_positive_rate",
    "true_negative_rate",
    "false_negative_rate",
)

Comparison = tuple[Any, Any, dict[str, tuple[Callable[..., Any], dict[str, float]]]]
"""Targets, predictions, and metrics by name: fairlearn's, and our values by level where they are defined."""


def measure(predictions: Predictions, study: Study) -> list[Measurement]:
    """The largest difference over all attributes, for up to three classes or labels; none without attributes."""
    attributes = study.attributes if len(predictions) > 1 else ()  # fairlearn takes one row for a table
    found = [_largest_difference(predictions, study, name) for name in attributes]
    compared = sum(number for _, number in found)
    return [
        Measurement(
            name="fairlearn_largest_difference",
            value=max(largest for largest, _ in found) if compared else None,
            undefined=None if compared else "no group has a metric to compare",
            n=min(len(predictions), ROWS),
            split=predictions.split,
        )
    ]


def _largest_difference(predictions: Predictions, study: Study, name: str) -> tuple[float, int]:
    """Largest absolute difference by one attribute, and how many values were compared.

    Only where ours is defined: fairlearn gives 0 for a rate over no rows. Weights are left out on both sides.
    """
    kept = slice(0, ROWS)
    attribute = predictions.groups[name]
    codes = attribute.codes[kept]
    cut = Groups(name=name, levels=attribute.levels, codes=codes)
    labels = np.array([*attribute.levels, MISSING], dtype=object)[codes]
    compare = _regression if predictions.target.kind == "regression" else _classification
    return _compare(compare(predictions, cut, kept, study), labels)


def _classification(predictions: Predictions, attribute: Groups, kept: slice, study: Study) -> list[Comparison]:
    import fairlearn.metrics as theirs

    assert predictions.targets is not None
    targets, predicted = predictions.targets[kept], predictions.predicted[kept]
    comparisons: list[Comparison] = []
    for k, question in enumerate(study.questions[:_MOST_CLASSES]):
        if targets.ndim == 2:
            truth, decision = targets[:, k], predicted[:, k]
        else:
            truth, decision = targets == question.positive, predicted == question.positive
        truth, decision = truth.astype(int), decision.astype(int)
        table = count([attribute], truth, decision, classes=("no", "yes"))
        metrics = {
            name: (getattr(theirs, name), _known(table.groups, [e.value for e in group_rates(table, name)]))
            for name in _RATES
        }
        comparisons.append((truth, decision, metrics))
    return comparisons


def _regression(predictions: Predictions, attribute: Groups, kept: slice, _: Study) -> list[Comparison]:
    import fairlearn.metrics as theirs
    from sklearn.metrics import mean_absolute_error

    assert predictions.targets is not None
    targets, predicted = predictions.targets[kept], predictions.predicted[kept]
    sums = group_sums([attribute], targets, predicted)
    metrics = {
        "mean_prediction": (theirs.mean_prediction, _known(sums.groups, [e.value for e in sums.mean_prediction()])),
        "mean_absolute_error": (
            mean_absolute_error,
            _known(sums.groups, [e.value for e in sums.mean_absolute_error()]),
        ),
    }
    return [(targets, predicted, metrics)]


def _known(groups: Sequence[dict[str, str]], values: Sequence[float | None]) -> dict[str, float]:
    return {
        level: value
        for group, value in zip(groups, values, strict=True)
        for level in group.values()
        if value is not None
    }


def _compare(comparisons: list[Comparison], labels: Any) -> tuple[float, int]:
    from fairlearn.metrics import MetricFrame

    largest, compared = 0.0, 0
    for targets, predicted, metrics in comparisons:
        frame = MetricFrame(
            metrics={name: metric for name, (metric, _) in metrics.items()},
            y_true=targets,
            y_pred=predicted,
            sensitive_features=labels,
        ).by_group
        for name, (_, ours) in metrics.items():
            for level, value in ours.items():
                largest = max(largest, abs(value - float(frame[name][level])))
                compared += 1
    return largest, compared
