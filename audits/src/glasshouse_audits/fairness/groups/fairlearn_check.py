"""Comparison with fairlearn: the same group metrics on the same rows, and the largest difference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from glasshouse import Groups, Measurement, Predictions
from glasshouse.statistics import MISSING, count, group_rates, group_sums

from glasshouse_audits.fairness.groups.study import Study

ROWS = 2_000
"""Rows compared: fairlearn evaluates every metric group by group in Python, and the first rows suffice."""

_MAX_CLASSES = 3
_RATES = (
    "selection_rate",
    "true_positive_rate",
    "false_positive_rate",
    "true_negative_rate",
    "false_negative_rate",
)

Comparison = tuple[Any, Any, dict[str, tuple[Callable[..., Any], dict[str, float]]]]
"""Targets, predictions, and metrics by name: fairlearn's function, and our defined values by level."""


def measure(predictions: Predictions, study: Study) -> list[Measurement]:
    """The largest absolute difference over all attributes, for up to three classes or labels."""
    attributes = study.attributes if len(predictions) > 1 else ()  # fairlearn reads a single row as a table
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
    """Largest absolute difference for one attribute, and the number of values compared.

    Only values that we define are compared: fairlearn returns 0 for a rate over no rows. Neither side uses weights.
    """
    first_rows = slice(0, ROWS)
    attribute = predictions.groups[name]
    codes = attribute.codes[first_rows]
    first_groups = Groups(name=name, levels=attribute.levels, codes=codes)
    labels = np.array([*attribute.levels, MISSING], dtype=object)[codes]
    compare = _regression if predictions.target.kind == "regression" else _classification
    return _compare(compare(predictions, first_groups, first_rows, study), labels)


def _classification(predictions: Predictions, attribute: Groups, first_rows: slice, study: Study) -> list[Comparison]:
    import fairlearn.metrics as theirs

    assert predictions.targets is not None
    targets, predicted = predictions.targets[first_rows], predictions.predicted[first_rows]
    comparisons: list[Comparison] = []
    for k, positive_class in enumerate(study.positive_classes[:_MAX_CLASSES]):
        if targets.ndim == 2:
            truth, decision = targets[:, k], predicted[:, k]
        else:
            truth, decision = targets == positive_class.code, predicted == positive_class.code
        truth, decision = truth.astype(int), decision.astype(int)
        table = count([attribute], truth, decision, classes=("no", "yes"))
        metrics = {
            name: (getattr(theirs, name), _defined_values(table.groups, [e.value for e in group_rates(table, name)]))
            for name in _RATES
        }
        comparisons.append((truth, decision, metrics))
    return comparisons


def _regression(predictions: Predictions, attribute: Groups, first_rows: slice, _: Study) -> list[Comparison]:
    import fairlearn.metrics as theirs
    from sklearn.metrics import mean_absolute_error

    assert predictions.targets is not None
    targets, predicted = predictions.targets[first_rows], predictions.predicted[first_rows]
    sums = group_sums([attribute], targets, predicted)
    metrics = {
        "mean_prediction": (
            theirs.mean_prediction,
            _defined_values(sums.groups, [e.value for e in sums.mean_prediction()]),
        ),
        "mean_absolute_error": (
            mean_absolute_error,
            _defined_values(sums.groups, [e.value for e in sums.mean_absolute_error()]),
        ),
    }
    return [(targets, predicted, metrics)]


def _defined_values(groups: Sequence[dict[str, str]], values: Sequence[float | None]) -> dict[str, float]:
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
