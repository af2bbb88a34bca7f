"""Confidence intervals in closed form, vectorised: every argument broadcasts against the others.

Undefined (no rows) is NaN in the arrays and None with a reason in `Intervals.item`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from glasshouse.statistics.intervals.estimates import Floats, Intervals


def wilson(hits: ArrayLike, total: ArrayLike, *, level: float = 0.95) -> Intervals:
    """Score interval of a proportion `hits / total`; in [0, 1], exactly 0 or 1 at the ends where hits are none or all.

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
    tail = (1 - _checked(level)) / 2
    misses = total - hits
    low = np.asarray(special.betaincinv(np.where(hits > 0, hits, 1.0), misses + 1, tail), dtype=np.float64)
    high = np.asarray(special.betainccinv(hits + 1, np.where(misses > 0, misses, 1.0), tail), dtype=np.float64)
    return _bounded(low, high, hits, total, level, "clopper_pearson")


def newcombe(
    first_hits: ArrayLike,
    first_total: ArrayLike,
    second_hits: ArrayLike,
    second_total: ArrayLike,
    *,
    level: float = 0.95,
) -> Intervals:
    """Interval of the difference of two independent proportions, first minus second; in [-1, 1].

    Hybrid of the two Wilson intervals ("square and add"). Source: method 10 of Newcombe 1998, Statistics in
    Medicine 17:873.

    Raises:
        ValueError: as `wilson`.
    """
    first, second = wilson(first_hits, first_total, level=level), wilson(second_hits, second_total, level=level)
    with np.errstate(invalid="ignore", divide="ignore"):
        p = np.divide(np.asarray(first_hits, float), np.asarray(first_total, float))
        q = np.divide(np.asarray(second_hits, float), np.asarray(second_total, float))
    low = p - q - np.hypot(p - first.low, second.high - q)
    high = p - q + np.hypot(first.high - p, q - second.low)
    return Intervals(np.clip(low, -1, 1), np.clip(high, -1, 1), level, "newcombe", "no rows in one of the two")


def normal_interval(value: ArrayLike, standard_error: ArrayLike, *, level: float = 0.95) -> Intervals:
    """`value` plus and minus a normal quantile of its standard error. NaN errors give undefined intervals."""
    centre, error = np.asarray(value, float), np.asarray(standard_error, float)
    half = normal_quantile(level) * error
    return Intervals(centre - half, centre + half, level, "normal", "no standard error")


def t_interval(
    value: ArrayLike, standard_error: ArrayLike, degrees_of_freedom: ArrayLike, *, level: float = 0.95
) -> Intervals:
    """`value` plus and minus a quantile of Student's t; undefined without degrees of freedom (a single row)."""
    centre, error = np.asarray(value, float), np.asarray(standard_error, float)
    freedom = np.asarray(degrees_of_freedom, float)
    quantile = special.stdtrit(np.where(freedom > 0, freedom, np.nan), (1 + _checked(level)) / 2)
    half = quantile * error
    return Intervals(centre - half, centre + half, level, "student_t", "fewer than two rows have no spread")


def normal_quantile(level: float) -> float:
    """z such that a standard normal lies within plus and minus z with probability `level`: 1.96 for 0.95."""
    return float(special.ndtri((1 + _checked(level)) / 2))


def _checked(level: float) -> float:
    if not 0 < level < 1:
        raise ValueError(f"a confidence level lies between 0 and 1, got {level}; 95 % is 0.95")
    return level


def _proportion(hits: ArrayLike, total: ArrayLike) -> tuple[Floats, Floats]:
    k, n = np.broadcast_arrays(np.asarray(hits, dtype=np.float64), np.asarray(total, dtype=np.float64))
    if np.any((k < 0) | (k > n)):
        raise ValueError("hits of a proportion lie between 0 and its total")
    return k, n


def _bounded(low: Floats, high: Floats, hits: Floats, total: Floats, level: float, method: str) -> Intervals:
    """The limiting cases exactly, so that rounding neither leaves [0, 1] nor misses its ends."""
    low = np.where(hits == 0, 0.0, np.clip(low, 0, 1))
    high = np.where(hits == total, 1.0, np.clip(high, 0, 1))
    empty = total == 0
    return Intervals(np.where(empty, np.nan, low), np.where(empty, np.nan, high), level, method)
