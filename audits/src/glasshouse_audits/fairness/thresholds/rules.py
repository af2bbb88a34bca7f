"""Decision thresholds for each group that equalise a rate across groups at the smallest loss of accuracy.

Post-processing by Hardt, Price and Srebro 2016, "Equality of Opportunity in Supervised Learning", section 3: the
points that thresholds of one group reach, randomising between two of them included, form the upper hull of a curve; at
the optimum all groups have the same x. fairlearn's `ThresholdOptimizer` searches a grid; here the optimum is exact,
because it is one of the corners of the hulls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

CONSTRAINTS = ("demographic_parity", "equal_opportunity", "equalized_odds")
"""Equal selection rates, equal true positive rates, or equal true and false positive rates."""


@dataclass(frozen=True)
class Rule:
    """Decisions for one group: rows above `upper` are selected, rows between `lower` and `upper` with chance `share`.

    With probability `ignored` the score is not used, and a row is selected with chance `constant`. A single threshold
    is a rule with equal `upper` and `lower`; minus infinity selects everyone, infinity nobody.
    """

    upper: float
    lower: float
    share: float = 0.0
    ignored: float = 0.0
    constant: float = 0.0

    def probability(self, scores: ArrayLike) -> Floats:
        """The probability that each row is selected, in [0, 1]."""
        values = np.asarray(scores, dtype=np.float64)
        decided = np.where(values > self.upper, 1.0, np.where(values > self.lower, self.share, 0.0))
        return np.asarray(self.ignored * self.constant + (1 - self.ignored) * decided)


@dataclass(frozen=True, eq=False)
class ThresholdCurve:
    """Hits and false alarms at every threshold on one group's scores: (d + 1,) sums of weight above each threshold."""

    scores: Floats
    """(d,) the group's distinct scores, descending."""
    thresholds: Floats
    """(d + 1,) descending from infinity (nobody) to minus infinity (everyone), halfway between neighbouring scores."""
    hits: Floats
    """Weight of the positive rows selected."""
    false_alarms: Floats
    """Weight of the other rows selected."""

    @property
    def positives(self) -> float:
        """Weight of the positive rows."""
        return float(self.hits[-1])

    @property
    def negatives(self) -> float:
        """Weight of the other rows."""
        return float(self.false_alarms[-1])

    @property
    def correct(self) -> Floats:
        """Weight of the correct decisions at each threshold."""
        return self.hits + self.negatives - self.false_alarms

    def at(self, thresholds: Floats) -> ThresholdCurve:
        """The curve at other thresholds."""
        above = np.searchsorted(-self.scores, -thresholds, side="left")
        return replace(self, thresholds=thresholds, hits=self.hits[above], false_alarms=self.false_alarms[above])


@dataclass(frozen=True, eq=False)
class Hull:
    """The upper hull of a curve y(x) over thresholds: x (v,) ascends from 0 to 1, y is concave."""

    x: Floats
    y: Floats
    thresholds: Floats

    def at(self, x: ArrayLike) -> Floats:
        """Height at x in [0, 1], by randomising between the two neighbouring thresholds."""
        return np.asarray(np.interp(np.asarray(x, dtype=np.float64), self.x, self.y))

    def rule(self, x: float) -> Rule:
        """The rule that reaches x."""
        right = int(np.clip(np.searchsorted(self.x, x), 1, len(self.x) - 1))
        left = right - 1
        share = float(np.clip((x - self.x[left]) / (self.x[right] - self.x[left]), 0.0, 1.0))
        upper, lower = float(self.thresholds[left]), float(self.thresholds[right])
        if share in (0.0, 1.0):
            upper = lower = lower if share else upper
            share = 0.0
        return Rule(upper, lower, share)


def threshold_curve(scores: ArrayLike, positive: ArrayLike, weights: ArrayLike | None = None) -> ThresholdCurve:
    """The threshold curve of n scores, from one sort.

    Args:
        scores: (n,) finite; rows with larger scores are selected first.
        positive: (n,) whether the row belongs to the favourable class.
        weights: (n,) not negative; None weights each row with 1.
    """
    values, truth = np.asarray(scores, dtype=np.float64), np.asarray(positive, dtype=bool)
    weight = np.ones(len(values)) if weights is None else np.asarray(weights, dtype=np.float64)
    order = np.argsort(-values, kind="stable")
    descending = values[order]
    last = np.flatnonzero(np.append(descending[1:] != descending[:-1], True)) if len(values) else np.empty(0, np.intp)
    distinct = descending[last]
    between = (distinct[:-1] + distinct[1:]) / 2
    # Halfway between two neighbouring floats may round to the upper one, which "greater than" would then leave out.
    between = np.where(between < distinct[:-1], between, distinct[1:])
    hits = np.cumsum(np.where(truth, weight, 0.0)[order])[last]
    false_alarms = np.cumsum(np.where(truth, 0.0, weight)[order])[last]
    return ThresholdCurve(
        distinct,
        np.concatenate([[np.inf], between, [-np.inf] if len(distinct) else []]),
        np.append(0.0, hits),
        np.append(0.0, false_alarms),
    )


def hull(found: ThresholdCurve, constraint: str) -> Hull | None:
    """The hull for a constraint: x is the rate to equalise, y the weight of correct decisions.

    For equalized odds x is the false and y the true positive rate. None if a rate has an empty denominator.

    Raises:
        ValueError: for a constraint that is not one of `CONSTRAINTS`.
    """
    if constraint == "demographic_parity":
        part, whole, y = found.hits + found.false_alarms, found.positives + found.negatives, found.correct
    elif constraint == "equal_opportunity":
        part, whole, y = found.hits, found.positives, found.correct
    elif constraint == "equalized_odds":
        if not found.positives:
            return None
        part, whole, y = found.false_alarms, found.negatives, found.hits / found.positives
    else:
        raise ValueError(f"'{constraint}' is not a constraint; expected one of {', '.join(CONSTRAINTS)}")
    if not whole:
        return None
    corners = upper_hull(part / whole, y)
    return Hull((part / whole)[corners], y[corners], found.thresholds[corners])


def upper_hull(x: Floats, y: Floats) -> NDArray[np.intp]:
    """Positions of the corners of the upper hull of points with ascending x.

    A point on or below the line between its two neighbours is no corner. All such points are removed at once, until
    none is left: a few passes over the array instead of a loop over its points.
    """
    order = np.lexsort((y, x))
    highest = order[np.append(x[order][1:] != x[order][:-1], True)]
    kept = highest
    while len(kept) > 2:
        a, b = x[kept], y[kept]
        turn = (a[1:-1] - a[:-2]) * (b[2:] - b[:-2]) - (b[1:-1] - b[:-2]) * (a[2:] - a[:-2])
        corner = np.concatenate([[True], turn < 0, [True]])
        if corner.all():
            break
        kept = kept[corner]
    return np.asarray(kept)


def equal_rates(groups: Sequence[ThresholdCurve], constraint: str) -> list[Rule] | None:
    """The most accurate rules, one per group, that satisfy a constraint exactly on these rows.

    None if a group has no rows in the denominator of a rate.

    Raises:
        ValueError: for a constraint that is not one of `CONSTRAINTS`.
    """
    hulls = [hull(found, constraint) for found in groups]
    known = [one for one in hulls if one is not None]
    if len(known) < len(hulls) or not known:
        return None
    x = np.unique(np.concatenate([one.x for one in known]))
    if constraint != "equalized_odds":
        best = float(x[int(np.argmax(np.sum([one.at(x) for one in known], axis=0)))])
        return [one.rule(best) for one in known]
    x = np.union1d(x, _crossings(known, x))
    lowest = np.min([one.at(x) for one in known], axis=0)
    positives, negatives = sum(found.positives for found in groups), sum(found.negatives for found in groups)
    chosen = int(np.argmax(positives * lowest + negatives * (1 - x)))
    return [_lower_true_positive_rate(one, float(x[chosen]), float(lowest[chosen])) for one in known]


def _lower_true_positive_rate(one: Hull, x: float, y: float) -> Rule:
    """The rule at (x, y) below the hull: ignoring the score often enough lowers the true positive rate to y."""
    height = float(one.at(x))
    rule = one.rule(x)
    if height <= y or height <= x:
        return rule
    return replace(rule, ignored=(height - y) / (height - x), constant=x)


def _crossings(hulls: Sequence[Hull], x: Floats) -> Floats:
    """Where two hulls cross between neighbouring x: their minimum has a corner there that neither of them has."""
    heights = np.array([one.at(x) for one in hulls])
    found = []
    for first in range(len(hulls)):
        difference = heights[first] - heights[first + 1 :]
        left, right = difference[:, :-1], difference[:, 1:]
        row, column = np.nonzero(left * right < 0)
        share = left[row, column] / (left[row, column] - right[row, column])
        found.append(x[column] + share * (x[column + 1] - x[column]))
    return np.concatenate(found) if found else np.empty(0)


def best_threshold(groups: Sequence[ThresholdCurve]) -> float:
    """The single threshold for all groups with the highest accuracy on these rows."""
    thresholds = np.unique(np.concatenate([found.thresholds for found in groups]))[::-1]
    return float(thresholds[int(np.argmax(np.sum([found.at(thresholds).correct for found in groups], axis=0)))])
