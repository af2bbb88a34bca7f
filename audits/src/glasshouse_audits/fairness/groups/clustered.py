"""Measures of scores and predicted numbers by group for clustered rows: intervals from clusters instead of rows.

They require the rows. From tables alone the values have no intervals, because intervals of independent rows would be
too narrow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from glasshouse import Predictions
from glasshouse.statistics import (
    MISSING,
    Estimate,
    Interval,
    clustered_deviations,
    clustered_mean,
    clustered_roc_auc,
    resampled_calibration_error,
)
from numpy.typing import NDArray

from glasshouse_audits.fairness.groups.gaps import Measure

Floats = NDArray[np.float64]
Rows = NDArray[np.bool_]
NO_ROWS = "rows are clustered, and only tables are available"
NO_VARIANCE = "rows are clustered, and its variance is not implemented for clusters"

_RESOLUTION = float(np.finfo(np.float32).eps)


def without_intervals(measure: Measure, reason: str = NO_ROWS) -> Measure:
    """The same values with undefined intervals."""

    def without(level: float) -> list[Estimate]:
        nothing = Interval(None, None, level, "none", undefined=reason)
        return [replace(e, interval=None if e.value is None else nothing) for e in measure(level)]

    return without


def group_masks(rows: Predictions, groups: Sequence[Mapping[str, str]]) -> list[Rows]:
    """(n,) masks of the rows of each group."""
    found = []
    for group in groups:
        inside = np.ones(len(rows), dtype=bool)
        for name, level in group.items():
            attribute = rows.groups[name]
            known = attribute.levels.index(level) if level in attribute.levels else -1
            inside &= attribute.codes == (-1 if level == MISSING and MISSING not in attribute.levels else known)
        found.append(inside)
    return found


def score_measures(
    rows: Predictions, groups: Sequence[Mapping[str, str]], scores: Floats, targets: NDArray[np.int64] | None
) -> dict[str, Measure]:
    """Mean score of each group; with targets (n,) of 0 and 1 also AUC, log loss and Brier score."""
    inside = group_masks(rows, groups)
    found = {"mean_score": _means(rows, inside, scores)}
    if targets is not None:
        true = np.clip(np.where(targets == 1, scores, 1 - scores), _RESOLUTION, 1 - _RESOLUTION)
        found["roc_auc"] = _by_group(
            rows,
            inside,
            lambda k, clusters, weights, level: clustered_roc_auc(
                targets[k], scores[k], clusters, weights=weights, level=level
            ),
        )
        found["log_loss"] = _means(rows, inside, -np.log(true))
        found["brier_score"] = _means(rows, inside, (scores - targets) ** 2)
    return found


def number_measures(rows: Predictions, groups: Sequence[Mapping[str, str]]) -> dict[str, Measure]:
    """Means of predictions, targets and errors of each group."""
    inside, predicted = group_masks(rows, groups), rows.predicted
    found = {"mean_prediction": _means(rows, inside, predicted)}
    if rows.targets is not None:
        found["mean_target"] = _means(rows, inside, rows.targets)
        found["mean_error"] = _means(rows, inside, predicted - rows.targets)
        found["mean_absolute_error"] = _means(rows, inside, np.abs(predicted - rows.targets))
    return found


def calibration_intervals(
    rows: Predictions,
    groups: Sequence[Mapping[str, str]],
    scores: Floats,
    targets: NDArray[np.int64],
    *,
    rng: np.random.Generator,
    replicates: int,
) -> list[Interval | None]:
    """Intervals of the expected calibration error of each group; None for a group without rows."""
    found: list[Interval | None] = []
    assert rows.clusters is not None
    for k in group_masks(rows, groups):
        weights = None if rows.weights is None else rows.weights[k]
        parts = clustered_deviations(targets[k], scores[k], rows.clusters[k], weights=weights)
        found.append(resampled_calibration_error(*parts, rng=rng, replicates=replicates) if parts[2] > 0 else None)
    return found


def _means(rows: Predictions, inside: Sequence[Rows], values: Floats) -> Measure:
    return _by_group(
        rows,
        inside,
        lambda k, clusters, weights, level: clustered_mean(values[k], clusters, weights=weights, level=level),
    )


def _by_group(
    rows: Predictions,
    inside: Sequence[Rows],
    estimate: Callable[[Rows, NDArray[np.int64], Floats | None, float], Estimate],
) -> Measure:
    clusters, weights = rows.clusters, rows.weights
    assert clusters is not None

    def measure(level: float) -> list[Estimate]:
        return [estimate(k, clusters[k], None if weights is None else weights[k], level) for k in inside]

    return measure
