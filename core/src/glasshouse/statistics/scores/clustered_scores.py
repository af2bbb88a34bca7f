"""Means and areas under ROC curves of clustered rows, with variances between clusters.

The variance of an estimate is m / (m - 1) times the sum over its m clusters of their squared contributions to its
linearisation (Binder 1983, International Statistical Review 51:279), and quantiles are Student's with m - 1 degrees of
freedom.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from glasshouse.statistics.intervals.estimates import Estimate, Floats, Interval
from glasshouse.statistics.intervals.means import columns, t_interval
from glasshouse.statistics.scores.area_interval import FEWEST_ROWS, area_interval

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
    """As `roc_auc`, for clustered and weighted rows: ``delong_score_clustered``.

    A row contributes its placement minus the area (Obuchowski 1997, Biometrics 53:567); the numbers of rows are the
    effective ones of each class, and degrees of freedom at most the clusters less one. Undefined below 5 clusters with
    rows of a class.

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
    parts, variances, rows, counted = np.zeros(n), [], [], []
    for of, placements, total in ((positive, below, sums[1]), (~positive, above, sums[0])):
        parts[of] = w[of] * (placements - area) / total
        error, clusters_of_class = linearized_error(parts[of], np.asarray(clusters)[of])
        # the design effect: the variance between clusters over that of independent rows
        alone = np.sum(parts[of] ** 2)
        effect = error**2 * (1 - 1 / clusters_of_class) / alone if alone > 0 and clusters_of_class > 1 else 1.0
        variances.append(error**2)
        rows.append(total**2 / np.sum(w[of] ** 2) / max(effect, 1e-300))
        counted.append(clusters_of_class)
    error, m = linearized_error(parts, clusters)
    if min(counted) < FEWEST_ROWS:
        reason = f"fewer than {FEWEST_ROWS} clusters with rows of a class show no spread"
        return Estimate(area, n, Interval(None, None, level, "delong_score_clustered", undefined=reason))
    if area in (0.0, 1.0):
        # disjoint pairs of a positive and a negative from different clusters, some of which have rows of both
        pairs = float(min(*counted, m // 2))
        found = area_interval(area, (0.0, 0.0), (pairs, pairs), level=level, suffix="_clustered")
        return Estimate(area, n, found)
    # clusters with rows of both classes connect the classes' variances
    together = error**2 / max(sum(variances), 1e-300)
    spreads = (variances[0] * rows[0] * together, variances[1] * rows[1] * together)
    found = area_interval(area, spreads, (rows[0], rows[1]), level=level, suffix="_clustered", freedom=m - 1)
    return Estimate(area, n, found)


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
