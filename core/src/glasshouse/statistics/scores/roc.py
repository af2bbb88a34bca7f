"""ROC curve, its area with an interval, and rates at a threshold; targets are 0 and 1, larger scores mean 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from glasshouse.statistics.intervals.estimates import Estimate, Floats
from glasshouse.statistics.intervals.proportions import clopper_pearson
from glasshouse.statistics.scores.area_interval import area_interval

_NO_POSITIVES = "no rows with target 1"
_NO_NEGATIVES = "no rows with target 0"


@dataclass(frozen=True, eq=False)
class RocCurve:
    """Rates when all scores >= threshold are called positive, from threshold infinity (0, 0) down to (1, 1).

    A rate over no rows is NaN throughout.
    """

    false_positive_rate: Floats
    true_positive_rate: Floats
    thresholds: Floats


@dataclass(frozen=True)
class OperatingPoint:
    """Both rates when all scores >= threshold are called positive.

    The intervals are Clopper-Pearson's and valid for a threshold that was chosen on other rows.
    """

    threshold: float
    true_positive_rate: Estimate
    false_positive_rate: Estimate


def roc_curve(targets: ArrayLike, scores: ArrayLike) -> RocCurve:
    """Every point of the ROC curve, one for each distinct score; scikit-learn's with ``drop_intermediate=False``.

    Raises:
        ValueError: if targets are not 0 and 1, or scores are NaN.
    """
    positive, negative = _split(targets, scores)
    values = np.concatenate([positive, negative])
    order = np.argsort(-values, kind="stable")
    descending = values[order]
    hits = np.cumsum(order < len(positive))
    # tied scores share one threshold: keep the last row of each run
    last = np.flatnonzero(np.append(descending[1:] != descending[:-1], True)) if len(values) else np.empty(0, np.intp)
    tp = np.append(0, hits[last])
    fp = np.append(0, last + 1 - hits[last])
    return RocCurve(
        false_positive_rate=fp / len(negative) if len(negative) else np.full(fp.shape, np.nan),
        true_positive_rate=tp / len(positive) if len(positive) else np.full(tp.shape, np.nan),
        thresholds=np.append(np.inf, descending[last]),
    )


def roc_auc(targets: ArrayLike, scores: ArrayLike, *, level: float = 0.95) -> Estimate:
    """Area under the ROC curve: the probability that a random 1 scores above a random 0; ties count half.

    In [0, 1], 0.5 is chance. The interval is a score interval with the variance of DeLong et al. 1988 from placements,
    in O(n log n) as in Sun and Xu 2014, averaged with the largest possible one: ``delong_score``; if the scores of the
    classes do not overlap, an exact one: ``perfect_separation``. Undefined below 5 rows of a class.

    Raises:
        ValueError: if targets are not 0 and 1, or scores are NaN.
    """
    positive, negative = _split(targets, scores)
    n = len(positive) + len(negative)
    if not len(positive) or not len(negative):
        return Estimate(None, n, undefined=_NO_NEGATIVES if len(positive) else _NO_POSITIVES)
    above, below = _placements(positive, negative), 1 - _placements(negative, positive)
    auc = float(above.mean())
    if min(len(positive), len(negative)) < 2:
        spreads = (0.0, 0.0)
    else:
        spreads = (float(above.var(ddof=1)), float(below.var(ddof=1)))
    return Estimate(auc, n, area_interval(auc, spreads, (len(positive), len(negative)), level=level))


def operating_point(targets: ArrayLike, scores: ArrayLike, threshold: float, *, level: float = 0.95) -> OperatingPoint:
    """Rates of ``scores >= threshold``.

    Raises:
        ValueError: if targets are not 0 and 1, or scores are NaN.
    """
    positive, negative = _split(targets, scores)
    return OperatingPoint(
        threshold=float(threshold),
        true_positive_rate=_share(positive >= threshold, _NO_POSITIVES, level),
        false_positive_rate=_share(negative >= threshold, _NO_NEGATIVES, level),
    )


def tpr_at_fpr(
    targets: ArrayLike, scores: ArrayLike, false_positive_rate: float, *, level: float = 0.95
) -> OperatingPoint:
    """The point of the ROC curve with the largest true positive rate whose false positive rate is at most that given.

    Its threshold is chosen on the same rows, which the intervals do not account for; for valid intervals choose it on
    some rows and compute `operating_point` on others. If no score may be called positive, the threshold is just above
    the largest one.

    Raises:
        ValueError: if the rate is not in [0, 1], targets are not 0 and 1, or scores are NaN.
    """
    if not 0 <= false_positive_rate <= 1:
        raise ValueError(f"a false positive rate lies in [0, 1], got {false_positive_rate}")
    curve = roc_curve(targets, scores)
    allowed = np.flatnonzero(curve.false_positive_rate <= false_positive_rate)
    threshold = curve.thresholds[allowed[-1]] if len(allowed) else np.inf
    if np.isinf(threshold):
        # no row is called positive; a finite threshold has the same effect and can be stored as JSON
        threshold = np.nextafter(curve.thresholds[1], np.inf) if len(curve.thresholds) > 1 else 0.0
    return operating_point(targets, scores, threshold, level=level)


def _split(targets: ArrayLike, scores: ArrayLike) -> tuple[Floats, Floats]:
    y, s = np.asarray(targets), np.asarray(scores, dtype=np.float64)
    if y.ndim != 1 or y.shape != s.shape:
        raise ValueError(f"targets and scores are two columns of one length, got shapes {y.shape} and {s.shape}")
    if np.any(np.isnan(s)):
        raise ValueError("scores must not be NaN")
    positive = y == 1
    if not np.all(positive | (y == 0)):
        raise ValueError("targets of a ROC curve are 0 and 1")
    return s[positive], s[~positive]


def _placements(of: Floats, among: Floats) -> Floats:
    """For each score, in ascending order, the share of the other class below it; ties count half."""
    ordered, queries = np.sort(among), np.sort(of)
    twice = np.searchsorted(ordered, queries, side="left") + np.searchsorted(ordered, queries, side="right")
    return np.asarray(twice / (2 * len(among)), dtype=np.float64)


def _share(hits: np.ndarray, reason: str, level: float) -> Estimate:
    if not len(hits):
        return Estimate(None, 0, undefined=reason)
    interval = clopper_pearson(int(hits.sum()), len(hits), level=level).item()
    return Estimate(float(hits.mean()), len(hits), interval)
