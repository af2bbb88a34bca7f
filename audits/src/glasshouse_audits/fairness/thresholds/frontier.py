"""The accuracy that is left when a rate may differ between groups by so much and no more."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from glasshouse_audits.fairness.thresholds.rules import Hull, Rule, Steps

Floats = NDArray[np.float64]

# More candidates for one threshold than these change no picture.
_MOST_THRESHOLDS = 2_000


def group_frontier(hulls: Sequence[Hull], tolerances: Sequence[float]) -> list[list[Rule]]:
    """For each tolerance the rules, one a group, that are right most often with rates no further apart than it.

    Each hull is concave, so within a window [a, a + tolerance] a group does best at its own optimum or at the window's
    end nearest to it; what all reach together is piecewise linear in a, with corners where an end meets a corner of a
    hull. fairlearn's `ThresholdOptimizer(tol=...)` looks for the same on a grid.

    Args:
        hulls: those of demographic parity or equal opportunity (`thresholds.hull`).
        tolerances: largest accepted differences of the rate, in [0, 1].
    """
    corners = np.unique(np.concatenate([one.x for one in hulls]))
    alone = np.array([one.x[int(np.argmax(one.y))] for one in hulls])
    found = []
    for tolerance in tolerances:
        starts = np.unique(np.clip(np.concatenate([corners, corners - tolerance]), 0.0, 1.0 - tolerance))
        places = [np.clip(best, starts, starts + tolerance) for best in alone]
        right = np.sum([one.at(place) for one, place in zip(hulls, places, strict=True)], axis=0)
        chosen = int(np.argmax(right))
        found.append([one.rule(float(place[chosen])) for one, place in zip(hulls, places, strict=True)])
    return found


def single_frontier(groups: Sequence[Steps], rate: str, tolerances: Sequence[float]) -> list[float]:
    """For each tolerance the one threshold for all that is right most often with rates no further apart than it.

    A tolerance can always be met: one that selects everyone or nobody has no difference.

    Args:
        groups: what thresholds do in each group.
        rate: ``demographic_parity`` (selection rates) or ``equal_opportunity`` (true positive rates).
        tolerances: largest accepted differences of the rate.
    """
    every = np.unique(np.concatenate([found.thresholds for found in groups]))[::-1]
    if len(every) > _MOST_THRESHOLDS:
        every = every[np.unique(np.linspace(0, len(every) - 1, _MOST_THRESHOLDS).astype(np.intp))]
    reached = [found.at(every) for found in groups]
    rates = [
        one.hits / one.positives
        if rate == "equal_opportunity"
        else (one.hits + one.false_alarms) / (one.positives + one.negatives)
        for one in reached
    ]
    apart = np.ptp(rates, axis=0)
    right = np.sum([one.correct for one in reached], axis=0)
    return [float(every[int(np.argmax(np.where(apart <= tolerance + 1e-12, right, -1.0)))]) for tolerance in tolerances]
