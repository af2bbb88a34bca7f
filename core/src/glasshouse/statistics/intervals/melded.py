"""One-sided exact tests and limits of the ratio or difference of two proportions, by melding exact limits of each.

Clopper and Pearson's limits of one proportion, for all levels together, are a beta distribution: of (hits, misses + 1)
for lower limits, of (hits + 1, misses) for upper ones. A limit of a ratio or difference is the quantile of the ratio or
difference of two such independent variables, the lower of one and the upper of the other (Fay, Proschan and Brittain
2015, Biometrics 71:146). For equal proportions the test is Fisher's one-sided exact test; no case is known in which the
error exceeds its level, which holds for counts of any size. Below 0.5 % events the limits are those of two Poisson
counts. Counts may be fractional (effective counts), for which the error is about the level.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from glasshouse.statistics.intervals.estimates import Floats, Intervals
from glasshouse.statistics.intervals.means import checked_level

Scale = Literal["ratio", "difference"]

_NODES = 56
_DROP = 24.0
"""Logarithm of a density relative to its maximum at which integrals end: exp(-24) is 4e-11."""
_STEPS = 60
_CLOSE = 1e-9
WIDEST = {"ratio": 80.0, "difference": 1.0}
"""Largest absolute logarithm of a ratio, more than that of any two counts, and largest absolute difference."""


def melded(
    first_hits: ArrayLike,
    first_total: ArrayLike,
    second_hits: ArrayLike,
    second_total: ArrayLike,
    *,
    scale: Scale,
    level: float = 0.95,
) -> Intervals:
    """Interval of the ratio (first over second) or difference (first minus second) of two proportions.

    Never below its level in all cases examined, and so wider than score intervals. The upper end of a ratio to a
    proportion without hits is infinite: undefined, as in `koopman`.

    Raises:
        ValueError: if hits are not within 0 and total, or the level is not within 0 and 1.
    """
    alpha = (1 - checked_level(level)) / 2
    counts = (first_hits, first_total, second_hits, second_total)
    x, n, y, m = np.broadcast_arrays(*(np.asarray(value, float) for value in counts))
    if np.any((x < 0) | (x > n) | (y < 0) | (y > m)):
        raise ValueError("hits of a proportion lie between 0 and its total")
    usable = (n > 0) & (m > 0) & ((y > 0) | (scale == "difference"))
    x, n, y, m = np.where(usable, x, 0), np.where(usable, n, 1), np.where(usable, y, 1), np.where(usable, m, 1)
    low, high = lower_limits(x, n, y, m, alpha, scale=scale), upper_limits(x, n, y, m, alpha, scale=scale)
    low, high = np.where(usable, low, np.nan), np.where(usable, high, np.nan)
    reason = "no rows in one of the two" if scale == "difference" else "no hits in one of the two"
    return Intervals(low, high, level, "melded", reason)


def upper_limits(x: ArrayLike, n: ArrayLike, y: ArrayLike, m: ArrayLike, alpha: ArrayLike, *, scale: Scale) -> Floats:
    """Upper limits of x / n over or minus y / m, each with its one-sided error `alpha`; arguments broadcast.

    Totals are above 0. The limit of a ratio to a proportion without hits is infinite.
    """
    given = np.broadcast_arrays(*(np.asarray(value, float) for value in (x, n, y, m, alpha)))
    hits, total, other_hits, other_total, error = (value.ravel() for value in given)
    test = LowerTail(hits, total, other_hits, other_total, scale=scale)
    found = test.solved(error)
    if scale == "ratio":
        found = np.where(other_hits > 0, np.exp(found), np.inf)
    return np.asarray(found.reshape(given[0].shape))


def lower_limits(x: ArrayLike, n: ArrayLike, y: ArrayLike, m: ArrayLike, alpha: ArrayLike, *, scale: Scale) -> Floats:
    """Lower limits, as `upper_limits`; 0 for a ratio of no hits, NaN if neither has hits."""
    swapped = upper_limits(y, m, x, n, alpha, scale=scale)
    return 1 / swapped if scale == "ratio" else -swapped


class LowerTail:
    """T tests of whether the first proportion is lower than the second by more than a ratio or difference.

    Arguments are (T,) hits and totals of the first and of the second proportion.
    """

    def __init__(self, x: Floats, n: Floats, y: Floats, m: Floats, *, scale: Scale) -> None:
        self.scale = scale
        upper, lower = (x + 1, n - x), (y, m - y + 1)
        # The narrower of the two distributions is integrated over, because the tail of the other one is then smooth.
        self._over_first = _spread(*upper, scale) < _spread(*lower, scale)
        inner = [np.where(self._over_first, a, b) for a, b in zip(upper, lower, strict=True)]
        outer = [np.where(self._over_first, b, a) for a, b in zip(upper, lower, strict=True)]
        self._nodes, self._weights = _quadrature(*inner)
        self._outer: tuple[Floats, Floats] = (outer[0], outer[1])
        self._centre, self._error = _normal_approximation(x, n, y, m, scale=scale)

    def p_values(self, at: Floats) -> Floats:
        """(T,) p-values of the hypotheses that the logarithm of the ratio, or the difference, is at least `at` (T,)."""
        moved = np.exp(at)[:, None] if self.scale == "ratio" else at[:, None]
        first = self._over_first[:, None]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            if self.scale == "ratio":
                limit = np.where(first, self._nodes / moved, self._nodes * moved)
            else:
                limit = np.where(first, self._nodes - moved, self._nodes + moved)
        a, b = (each[:, None] for each in self._outer)
        # P(second <= limit) where the first is integrated over, P(first >= limit) where the second is
        tail = _beta_at_most(np.where(first, a, b), np.where(first, b, a), np.where(first, limit, 1 - limit))
        return np.asarray((tail * self._weights).sum(axis=1))

    def solved(self, alpha: Floats) -> Floats:
        """(T,) the values at which the p-values are `alpha`, by secants on the scale of normal quantiles."""
        wanted = special.ndtri(alpha)
        end = WIDEST[self.scale]
        low, high = np.full(len(alpha), -end), np.full(len(alpha), end)
        at = np.clip(self._centre - wanted * self._error, -end, end)
        before, score_before = np.full_like(at, np.nan), np.full_like(at, np.nan)
        with np.errstate(invalid="ignore", divide="ignore"):
            for _ in range(_STEPS):
                score = special.ndtri(np.clip(self.p_values(at), 0, 1)) - wanted
                # the p-value decreases: above 0 the solution is further up
                low, high = np.where(score > 0, at, low), np.where(score > 0, high, at)
                slope = np.where(np.isfinite(score_before), (score - score_before) / (at - before), -1 / self._error)
                step = at - score / slope
                inside = np.isfinite(step) & (step > low) & (step < high)
                after = np.where(inside, step, (low + high) / 2)
                before, score_before, at = at, score, after
                if np.all((np.abs(after - before) <= _CLOSE) | (high - low <= _CLOSE)):
                    break
        return at


def _normal_approximation(x: Floats, n: Floats, y: Floats, m: Floats, *, scale: Scale) -> tuple[Floats, Floats]:
    """About the logarithm of the ratio, or the difference, of two proportions, and its standard error."""
    p, q = (x + 0.5) / (n + 1), (y + 0.5) / (m + 1)
    if scale == "ratio":
        return np.log(p / q), np.sqrt((1 - p) / (n * p) + (1 - q) / (m * q))
    return p - q, np.sqrt(p * (1 - p) / n + q * (1 - q) / m)


def _spread(a: Floats, b: Floats, scale: Scale) -> Floats:
    """About the variance of a beta variable, or of its logarithm; 0 if it is constant."""
    some = (a > 0) & (b > 0)
    a, b = np.where(some, a, 1.0), np.where(some, b, 1.0)
    found = 1 / a - 1 / (a + b) if scale == "ratio" else a * b / (a + b) ** 3
    return np.where(some, found, 0.0)


def _quadrature(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """(T, K) nodes and weights of beta distributions: the trapezoidal rule on the logit scale.

    A distribution with a = 0 is the constant 0, with b = 0 the constant 1.
    """
    some = (a > 0) & (b > 0)
    safe_a, safe_b = np.where(some, a, 1.0), np.where(some, b, 1.0)
    centre, width = np.log(safe_a / safe_b), np.sqrt(2 * _DROP * (1 / safe_a + 1 / safe_b))
    # near its maximum the logarithm of the density falls like a parabola, far from it linearly, with slopes a and b
    left, right = centre - np.hypot(width, _DROP / safe_a), centre + np.hypot(width, _DROP / safe_b)
    t = left[:, None] + (right - left)[:, None] * np.linspace(0, 1, _NODES)
    logarithm = -safe_a[:, None] * np.logaddexp(0, -t) - safe_b[:, None] * np.logaddexp(0, t)
    weights = np.exp(logarithm - logarithm.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    nodes = np.where(some[:, None], special.expit(t), np.where(a > 0, 1.0, 0.0)[:, None])
    return nodes, weights


def _beta_at_most(a: Floats, b: Floats, limit: Floats) -> Floats:
    """P(B <= limit) of a beta variable, which is 0 for a = 0 and 1 for b = 0."""
    some = (a > 0) & (b > 0)
    inside = special.betainc(np.where(some, a, 1.0), np.where(some, b, 1.0), np.clip(limit, 0, 1))
    constant = np.where(a > 0, limit >= 1, limit >= 0)
    return np.where(some, inside, constant)
