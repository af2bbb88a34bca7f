"""Measures of scores and predicted numbers by group where rows come in clusters: intervals from those, not from rows.

They need the rows; from tables alone the values stand without intervals, which those of single rows would understate.
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
WITHOUT = "rows come in clusters, and the rows are not at hand"
NO_VARIANCE = "rows come in clusters, for which its variance is not worked out"

_RESOLUTION = float(np.finfo(np.float32).eps)


def without_intervals(measure: Measure, reason: str = WITHOUT) -> Measure:
    """The same values, their intervals undefined."""

    def stripped(level: float) -> list[Estimate]:
        nothing = Interval(None, None, level, "none", undefined=reason)
        return [replace(e, interval=None if e.value is None else nothing) for e in measure(level)]

    return stripped


def members(rows: Predictions, groups: Sequence[Mapping[str, str]]) -> list[Rows]:
    """(n,) which rows belong to each group."""
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
    """Mean score, and with targets (n,) of 0 and 1 AUC, log loss and Brier score, of each group."""
    inside = members(rows, groups)
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
    inside, predicted = members(rows, groups), rows.predicted
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
    """Intervals of the expected calibration error of each group; None for one without rows."""
    found: list[Interval | None] = []
    assert rows.clusters is not None
    for k in members(rows, groups):
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
