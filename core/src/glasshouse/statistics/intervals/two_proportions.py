"""Two independent proportions: intervals of their difference and ratio, and the test that they are equal.

Score intervals are valid for small counts and for 0, where normal and bootstrap intervals collapse to a point.
Everything is vectorised; arguments broadcast, and counts may be fractional (effective counts of weighted rows).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from glasshouse.statistics.intervals.estimates import Floats, Intervals
from glasshouse.statistics.intervals.means import normal_quantile
from glasshouse.statistics.intervals.proportions import wilson

_NO_ROWS = "no rows in one of the two"
_NO_RATIO = "no hits in one of the two"

# Precision of limits, on the scale of differences and of logarithms of ratios; convergence takes far fewer steps.
_TOLERANCE = 1e-12
_STEPS = 60
_WIDEST_LOG_RATIO = 46.0  # exp(46) = 1e20, larger than any ratio of counts


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


def miettinen_nurminen(
    first_hits: ArrayLike,
    first_total: ArrayLike,
    second_hits: ArrayLike,
    second_total: ArrayLike,
    *,
    level: float = 0.95,
) -> Intervals:
    """Score interval of a difference of proportions, first minus second; in [-1, 1].

    The differences that a score test does not reject, with the variance under the tested difference times N / (N - 1).
    Source: Miettinen and Nurminen 1985, Statistics in Medicine 4:213.

    Raises:
        ValueError: if hits are not within 0 and total, or the level is not within 0 and 1.
    """
    x, n, y, m, usable = _counts(first_hits, first_total, second_hits, second_total)
    z = normal_quantile(level)
    observed = x / n - y / m

    def statistic(difference: Floats) -> Floats:
        return _standardized(observed - difference, _variance_at_difference(x, n, y, m, difference))

    ends = np.full_like(observed, 1.0)
    low, high = _crossings(statistic, -ends, observed, ends, z)
    low, high = np.where(observed <= -1, -1.0, low), np.where(observed >= 1, 1.0, high)
    return Intervals(
        np.where(usable, low, np.nan), np.where(usable, high, np.nan), level, "miettinen_nurminen", _NO_ROWS
    )


def koopman(
    first_hits: ArrayLike,
    first_total: ArrayLike,
    second_hits: ArrayLike,
    second_total: ArrayLike,
    *,
    level: float = 0.95,
) -> Intervals:
    """Score interval of a ratio of proportions, first over second; it starts at 0 if the first has no hits.

    Undefined if the second has no hits, because the ratio then has no upper limit. Source: Koopman 1984, Biometrics
    40:513.

    Raises:
        ValueError: as `miettinen_nurminen`.
    """
    x, n, y, m, usable = _counts(first_hits, first_total, second_hits, second_total)
    usable = usable & (y > 0)
    z = normal_quantile(level)

    def statistic(logarithm: Floats) -> Floats:
        ratio = np.exp(logarithm)
        return _standardized(x / n - ratio * (y / m), _variance_at_ratio(x, n, y, m, ratio))

    with np.errstate(divide="ignore", invalid="ignore"):
        centre = np.clip(np.log(x / n) - np.log(y / m), -_WIDEST_LOG_RATIO, _WIDEST_LOG_RATIO)
    centre = np.where(usable, centre, 0.0)
    ends = np.full_like(centre, _WIDEST_LOG_RATIO)
    low, high = _crossings(statistic, -ends, centre, ends, z)
    low, high = np.where(x > 0, np.exp(low), 0.0), np.exp(high)
    return Intervals(np.where(usable, low, np.nan), np.where(usable, high, np.nan), level, "koopman", _NO_RATIO)


def katz(
    first_hits: ArrayLike,
    first_total: ArrayLike,
    second_hits: ArrayLike,
    second_total: ArrayLike,
    *,
    level: float = 0.95,
) -> Intervals:
    """Normal interval of the logarithm of a ratio of proportions, transformed back; undefined without hits in both.

    Source: Katz, Baptista, Azen and Pike 1978, Biometrics 34:469.

    Raises:
        ValueError: as `miettinen_nurminen`.
    """
    x, n, y, m, usable = _counts(first_hits, first_total, second_hits, second_total)
    usable = usable & (x > 0) & (y > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = np.log(x / n) - np.log(y / m)
        half = normal_quantile(level) * np.sqrt(np.maximum(1 / x - 1 / n, 0) + np.maximum(1 / y - 1 / m, 0))
        low, high = np.exp(centre - half), np.exp(centre + half)
    return Intervals(np.where(usable, low, np.nan), np.where(usable, high, np.nan), level, "katz_log", _NO_RATIO)


def score_test(
    first_hits: ArrayLike, first_total: ArrayLike, second_hits: ArrayLike, second_total: ArrayLike
) -> Floats:
    """Two-sided p-value of the hypothesis that two proportions are equal; NaN if one has no rows.

    The test that corresponds to the intervals of `miettinen_nurminen`: Pearson's chi-squared of the fourfold table
    times (N - 1) / N (E. S. Pearson 1947; Campbell 2007, Statistics in Medicine 26:3661, recommends it for small
    counts). 1 if all rows, or none, are hits.

    Raises:
        ValueError: if hits are not within 0 and total.
    """
    x, n, y, m, usable = _counts(first_hits, first_total, second_hits, second_total)
    pooled = (x + y) / (n + m)
    variance = pooled * (1 - pooled) * (1 / n + 1 / m) * _correction(n + m)
    z = _standardized(x / n - y / m, variance)
    return np.where(usable, 2 * special.ndtr(-np.abs(z)), np.nan)


def _variance_at_difference(x: Floats, n: Floats, y: Floats, m: Floats, d: Floats) -> Floats:
    """Variance of the observed difference at the maximum likelihood proportions whose difference is `d`.

    They solve a cubic equation; its root in closed form is given in the appendix of Miettinen and Nurminen 1985.
    """
    total, hits = n + m, x + y
    c2 = ((n + 2 * m) * d - total - hits) / total
    c1 = ((m * d - total - 2 * y) * d + hits) / total
    c0 = y * d * (1 - d) / total
    q = c2**3 / 27 - c1 * c2 / 6 + c0 / 2
    p = np.where(q >= 0, 1.0, -1.0) * np.sqrt(np.maximum(c2 * c2 / 9 - c1 / 3, 0))
    cosine = np.divide(q, p**3, out=np.zeros_like(q), where=p != 0)
    second = 2 * p * np.cos((np.pi + np.arccos(np.clip(cosine, -1, 1))) / 3) - c2 / 3
    second = np.clip(second, np.maximum(0.0, -d), np.minimum(1.0, 1 - d))
    first = second + d
    return np.asarray((first * (1 - first) / n + second * (1 - second) / m) * _correction(total))


def _variance_at_ratio(x: Floats, n: Floats, y: Floats, m: Floats, ratio: Floats) -> Floats:
    """Variance of first - ratio * second at the maximum likelihood proportions of that ratio, roots of a quadratic."""
    a, b, c = (n + m) * ratio, -(n * ratio + x + m + y * ratio), x + y
    # 2c / (-b + root) instead of (-b - root) / 2a, which subtracts two nearly equal numbers
    second = 2 * c / (-b + np.sqrt(np.maximum(b * b - 4 * a * c, 0)))
    second = np.clip(second, 0.0, np.minimum(1.0, 1 / ratio))
    first = np.minimum(ratio * second, 1.0)
    return np.asarray(first * (1 - first) / n + ratio**2 * second * (1 - second) / m)


def _correction(total: Floats) -> Floats:
    return np.where(total > 1, total / np.maximum(total - 1, 1e-12), 1.0)


def _standardized(distance: Floats, variance: Floats) -> Floats:
    """Distance in standard deviations; with variance 0 it is infinite, or 0 if the distance is 0."""
    certain = np.where(np.abs(distance) < 1e-12, 0.0, np.copysign(np.inf, distance))
    return np.asarray(
        np.where(variance > 0, distance / np.sqrt(np.where(variance > 0, variance, 1)), certain), dtype=np.float64
    )


def _crossings(
    statistic: Callable[[Floats], Floats], low: Floats, centre: Floats, high: Floats, z: float
) -> tuple[Floats, Floats]:
    """Where a decreasing statistic equals z, between `low` and `centre`, and -z, between `centre` and `high`.

    Both roots at once, by Chandrupatla's method (1997, Advances in Engineering Software 28:145): inverse quadratic
    interpolation if it is safe, else bisection.
    """
    wanted = np.stack([np.full_like(centre, z), np.full_like(centre, -z)])
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        x1, x2 = np.stack([low, centre]), np.stack([centre, high])
        f1, f2 = statistic(x1) - wanted, statistic(x2) - wanted
        step = np.full_like(x1, 0.5)
        for _ in range(_STEPS):
            x = x1 + step * (x2 - x1)
            f = statistic(x) - wanted
            same = np.sign(f) == np.sign(f1)
            x3, f3 = np.where(same, x1, x2), np.where(same, f1, f2)
            x2, f2 = np.where(same, x2, x1), np.where(same, f2, f1)
            x1, f1 = x, f
            least = _TOLERANCE / np.abs(x2 - x1)
            if np.all((least > 0.5) | (f1 == 0)):
                break
            # Chandrupatla's criterion: interpolation is safe if the function is nearly quadratic on the bracket
            xi, phi = (x1 - x2) / (x3 - x2), (f1 - f2) / (f3 - f2)
            curved = f1 / (f2 - f1) * f3 / (f2 - f3) + (x3 - x1) / (x2 - x1) * f1 / (f3 - f1) * f2 / (f3 - f2)
            safe = (phi**2 < xi) & ((1 - phi) ** 2 < 1 - xi) & np.isfinite(curved)
            least = np.minimum(least, 0.5)
            step = np.clip(np.where(safe, curved, 0.5), least, 1 - least)
        found = np.where(np.abs(f1) <= np.abs(f2), x1, x2)
    return found[0], found[1]


def _counts(*values: ArrayLike) -> tuple[Floats, Floats, Floats, Floats, NDArray[np.bool_]]:
    """The four counts in one shape with totals of 0 replaced by 1, and whether both totals were above 0."""
    x, n, y, m = np.broadcast_arrays(*(np.asarray(value, dtype=np.float64) for value in values))
    if np.any((x < 0) | (x > n) | (y < 0) | (y > m)):
        raise ValueError("hits of a proportion lie between 0 and its total")
    usable = (n > 0) & (m > 0)
    return x, np.where(n > 0, n, 1.0), y, np.where(m > 0, m, 1.0), usable
