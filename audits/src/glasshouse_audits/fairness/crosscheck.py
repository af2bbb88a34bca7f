"""The same group metrics by fairlearn on the same rows: the largest difference from ours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from glasshouse import Groups, Predictions
from glasshouse.statistics import MISSING, count, group_rates

from glasshouse_audits.fairness.regression import by_group

ROWS = 5_000
"""fairlearn walks through rows group by group and metric by metric: the first rows suffice to compare."""


def largest_difference(predictions: Predictions, attribute: Groups, positives: Sequence[int]) -> tuple[float, int]:
    """Largest absolute difference between our and fairlearn's metrics by one attribute, and how many were compared.

    Only where ours is defined: fairlearn gives 0 for a rate over no rows. Weights are left out on both sides.
    """
    kept = slice(0, ROWS)
    codes = attribute.codes[kept]
    cut = Groups(name=attribute.name, levels=attribute.levels, codes=codes)
    labels = np.array([*attribute.levels, MISSING], dtype=object)[codes]
    if predictions.target.kind == "regression":
        return _compare(_regression(predictions, cut, kept), labels)
    return _compare(_classification(predictions, cut, kept, positives), labels)


Comparison = tuple[Callable[..., Any], Any, Any, dict[str, float]]
"""A metric of fairlearn's kind, its targets and predictions, and our value by level where it is defined."""


def _classification(
    predictions: Predictions, attribute: Groups, kept: slice, positives: Sequence[int]
) -> list[Comparison]:
    import fairlearn.metrics as theirs

    assert predictions.targets is not None
    targets, predicted = predictions.targets[kept], predictions.predicted[kept]
    table = count([attribute], targets, predicted, classes=predictions.target.classes)
    comparisons: list[Comparison] = []
    for positive in positives:
        truth, decision = (targets == positive).astype(int), (predicted == positive).astype(int)
        for name in (
            "selection_rate",
            "true_positive_rate",
            "false_positive_rate",
            "true_negative_rate",
            "false_negative_rate",
        ):
            ours = _known(table.groups, [e.value for e in group_rates(table, name, positive=positive)])
            comparisons.append((getattr(theirs, name), truth, decision, ours))
    return comparisons


def _regression(predictions: Predictions, attribute: Groups, kept: slice) -> list[Comparison]:
    import fairlearn.metrics as theirs
    from sklearn.metrics import mean_absolute_error

    assert predictions.targets is not None
    cut = Predictions(
        split=predictions.split,
        target=predictions.target,
        index=predictions.index[kept],
        scores=predictions.scores[kept],
        targets=predictions.targets[kept],
        losses=None,
    )
    groups = by_group(cut, [attribute])
    comparisons: list[Comparison] = []
    for name, metric in (("mean_prediction", theirs.mean_prediction), ("mean_absolute_error", mean_absolute_error)):
        ours = _known([group for group, _, _ in groups], [measures[name].value for _, _, measures in groups])
        comparisons.append((metric, cut.targets, cut.predicted, ours))
    return comparisons


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
    for metric, targets, predicted, ours in comparisons:
        frame = MetricFrame(metrics=metric, y_true=targets, y_pred=predicted, sensitive_features=labels).by_group
        for level, value in ours.items():
            largest = max(largest, abs(value - float(frame[level])))
            compared += 1
    return largest, compared
