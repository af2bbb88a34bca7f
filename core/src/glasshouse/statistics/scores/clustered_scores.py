"""Means and areas under ROC curves of clustered rows, with variances between clusters.

The variance of an estimate is m / (m - 1) times the sum over its m clusters of their squared contributions to its
linearisation (Binder 1983, International Statistical Review 51:279), and quantiles are Student's with m - 1 degrees of
freedom.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from glasshouse.statistics.intervals.estimates import Estimate, Floats, Interval
from glasshouse.statistics.intervals.means import columns, t_interval

_FEW = "a single cluster has no spread"


def clustered_mean(
    values: ArrayLike, clusters: ArrayLike, *, weights: ArrayLike | None = None, level: float = 0.95
) -> Estimate:
    """Mean of n numbers of clustered rows (n,), with Student's t interval: ``student_t_clustered``."""
    x, w = columns(values, weights=weights)
    if w.sum() == 0:
        return Estimate(None, len(x), undefined="weights of 0" if len(x) else "no rows")
    centre = float(np.average(x, weights=w))
    error, m = linearized_error(w * (x - centre) / w.sum(), clusters)
    found = t_interval(centre, error, m - 1, level=level).item()
    return Estimate(centre, len(x), Interval(found.low, found.high, level, "student_t_clustered", _few(found)))


def clustered_roc_auc(
    targets: ArrayLike,
    scores: ArrayLike,
    clusters: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    level: float = 0.95,
) -> Estimate:
    """As `roc_auc`, for clustered and weighted rows: ``delong_logit_clustered``.

    A row contributes its placement minus the area (Obuchowski 1997, Biometrics 53:567).

    Raises:
        ValueError: if targets are not 0 and 1, or numbers are not finite.
    """
    y, s, w = columns(targets, scores, weights=weights)
    if not np.all((y == 0) | (y == 1)):
        raise ValueError("targets of a ROC curve are 0 and 1")
    positive, n = y == 1, len(y)
    sums = np.array([w[~positive].sum(), w[positive].sum()])
    if not sums.all():
        which = "1" if not positive.any() else "0" if positive.all() else ""
        return Estimate(None, n, undefined=f"no rows with target {which}" if which else "weights of 0")
    below = _weight_below(s[positive], s[~positive], w[~positive]) / sums[0]
    above = 1 - _weight_below(s[~positive], s[positive], w[positive]) / sums[1]
    area = float(np.clip(np.average(below, weights=w[positive]), 0, 1))
    parts = np.empty(n)
    parts[positive] = w[positive] * (below - area) / sums[1]
    parts[~positive] = w[~positive] * (above - area) / sums[0]
    error, m = linearized_error(parts, clusters)
    method = "delong_logit_clustered"
    if m < 2 or not error > 0 or area in (0, 1):
        reason = _FEW if m < 2 else "scores without overlap or all tied show no variance"
        return Estimate(area, n, Interval(None, None, level, method, undefined=reason))
    half = float(special.stdtrit(m - 1, (1 + level) / 2)) * error / (area * (1 - area))
    centre = special.logit(area)
    ends = Interval(float(special.expit(centre - half)), float(special.expit(centre + half)), level, method)
    return Estimate(area, n, ends)


def linearized_error(parts: Floats, clusters: ArrayLike) -> tuple[float, int]:
    """Standard error of an estimate from the contribution (n,) of each row, and the number of clusters.

    sqrt(m / (m - 1) * sum of squares of the clusters' contributions); NaN for a single cluster.
    """
    _, place = np.unique(np.asarray(clusters), return_inverse=True)
    by_cluster = np.bincount(place, weights=parts)
    m = len(by_cluster)
    return (float(np.sqrt(np.sum(by_cluster**2) * m / (m - 1))) if m > 1 else float("nan")), m


def _few(interval: Interval) -> str | None:
    return _FEW if interval.low is None else None


def _weight_below(of: Floats, among: Floats, weights: Floats) -> Floats:
    """For each score the weight of the others below it; ties count half."""
    order = np.argsort(among, kind="stable")
    running = np.concatenate([[0.0], np.cumsum(weights[order])])
    ordered = among[order]
    first, last = (np.searchsorted(ordered, of, side=side) for side in ("left", "right"))
    return np.asarray((running[first] + running[last]) / 2, dtype=np.float64)
