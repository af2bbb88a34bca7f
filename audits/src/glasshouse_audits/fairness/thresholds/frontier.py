"""The frontier of accuracy: the best decisions when a rate may differ between groups by at most a tolerance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from glasshouse_audits.fairness.thresholds.rules import Hull, Rule, ThresholdCurve

Floats = NDArray[np.float64]

# More candidate thresholds make no visible difference in the figure.
_MOST_THRESHOLDS = 2_000


def group_frontier(hulls: Sequence[Hull], tolerances: Sequence[float]) -> list[list[Rule]]:
    """For each tolerance the most accurate rules, one per group, whose rates differ by at most the tolerance.

    Each hull is concave, so within a window [a, a + tolerance] a group's best point is its own optimum or the window's
    end nearest to it. The total is piecewise linear in a, with corners where an end of the window meets a corner of a
    hull, so these starts suffice. fairlearn's `ThresholdOptimizer(tol=...)` searches the same on a grid.

    Args:
        hulls: those of demographic parity or equal opportunity (`thresholds.hull`).
        tolerances: largest accepted differences of the rate, in [0, 1].
    """
    corners = np.unique(np.concatenate([one.x for one in hulls]))
    optimum = np.array([one.x[int(np.argmax(one.y))] for one in hulls])
    found = []
    for tolerance in tolerances:
        starts = np.unique(np.clip(np.concatenate([corners, corners - tolerance]), 0.0, 1.0 - tolerance))
        places = [np.clip(best, starts, starts + tolerance) for best in optimum]
        right = np.sum([one.at(place) for one, place in zip(hulls, places, strict=True)], axis=0)
        chosen = int(np.argmax(right))
        found.append([one.rule(float(place[chosen])) for one, place in zip(hulls, places, strict=True)])
    return found


def single_frontier(groups: Sequence[ThresholdCurve], rate: str, tolerances: Sequence[float]) -> list[float]:
    """For each tolerance the most accurate single threshold with rates that differ by at most the tolerance.

    Every tolerance can be met: a threshold that selects everyone or nobody has a difference of 0.

    Args:
        groups: the threshold curve of each group.
        rate: ``demographic_parity`` (selection rates) or ``equal_opportunity`` (true positive rates).
        tolerances: largest accepted differences of the rate.
    """
    thresholds = np.unique(np.concatenate([found.thresholds for found in groups]))[::-1]
    if len(thresholds) > _MOST_THRESHOLDS:
        thresholds = thresholds[np.unique(np.linspace(0, len(thresholds) - 1, _MOST_THRESHOLDS).astype(np.intp))]
    reached = [found.at(thresholds) for found in groups]
    rates = [
        one.hits / one.positives
        if rate == "equal_opportunity"
        else (one.hits + one.false_alarms) / (one.positives + one.negatives)
        for one in reached
    ]
    gaps = np.ptp(rates, axis=0)
    right = np.sum([one.correct for one in reached], axis=0)
    return [
        float(thresholds[int(np.argmax(np.where(gaps <= tolerance + 1e-12, right, -1.0)))]) for tolerance in tolerances
    ]
