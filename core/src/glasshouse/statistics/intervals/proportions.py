"""Confidence intervals of one proportion in closed form, vectorised: all arguments broadcast.

Undefined (no rows) is NaN in the arrays and None with a reason in `Intervals.item`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from glasshouse.statistics.intervals.estimates import Floats, Intervals
from glasshouse.statistics.intervals.means import checked_level, normal_quantile


def wilson(hits: ArrayLike, total: ArrayLike, *, level: float = 0.95) -> Intervals:
    """Score interval of a proportion `hits / total`; in [0, 1], with an end of exactly 0 or 1 for no or only hits.

    Counts may be fractional (effective counts of weighted rows). Source: Wilson 1927, JASA 22:209; formula 3 of
    Newcombe 1998, Statistics in Medicine 17:857.

    Raises:
        ValueError: if hits are not within 0 and total, or the level is not within 0 and 1.
    """
    hits, total = _proportion(hits, total)
    z = normal_quantile(level)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = hits / total
        centre = (hits + z * z / 2) / (total + z * z)
        half = z / (total + z * z) * np.sqrt(hits * (1 - share) + z * z / 4)
    return _bounded(centre - half, centre + half, hits, total, level, "wilson")


def clopper_pearson(hits: ArrayLike, total: ArrayLike, *, level: float = 0.95) -> Intervals:
    """Exact interval of a proportion: coverage is never below `level`. In [0, 1].

    The ends are quantiles of beta distributions. Source: Clopper and Pearson 1934, Biometrika 26:404.

    Raises:
        ValueError: if hits are not within 0 and total, or the level is not within 0 and 1.
    """
    hits, total = _proportion(hits, total)
    # the ends are beta quantiles, which have no parameters for 0 or all hits: there the end is 0 or 1 (`_bounded`)
    tail = (1 - checked_level(level)) / 2
    misses = total - hits
    low = np.asarray(special.betaincinv(np.where(hits > 0, hits, 1.0), misses + 1, tail), dtype=np.float64)
    high = np.asarray(special.betainccinv(hits + 1, np.where(misses > 0, misses, 1.0), tail), dtype=np.float64)
    return _bounded(low, high, hits, total, level, "clopper_pearson")


def _proportion(hits: ArrayLike, total: ArrayLike) -> tuple[Floats, Floats]:
    k, n = np.broadcast_arrays(np.asarray(hits, dtype=np.float64), np.asarray(total, dtype=np.float64))
    if np.any((k < 0) | (k > n)):
        raise ValueError("hits of a proportion lie between 0 and its total")
    return k, n


def _bounded(low: Floats, high: Floats, hits: Floats, total: Floats, level: float, method: str) -> Intervals:
    """Clip to [0, 1] with exact ends: rounding would leave 1e-17 instead of 0 for no hits."""
    low = np.where(hits == 0, 0.0, np.clip(low, 0, 1))
    high = np.where(hits == total, 1.0, np.clip(high, 0, 1))
    empty = total == 0
    return Intervals(np.where(empty, np.nan, low), np.where(empty, np.nan, high), level, method)
