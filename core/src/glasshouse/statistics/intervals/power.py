"""Power: the rows needed to detect a gap, and the smallest gap that given rows can detect."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from glasshouse.statistics.intervals.estimates import Floats

_STEPS = 60


def rows_needed(rate: ArrayLike, gap: ArrayLike, *, power: float = 0.8, level: float = 0.95) -> Floats:
    """Rows that each of two groups needs to detect a difference between their proportions with `power`.

    One proportion is `rate`, the other differs by `gap` in the direction of 1/2, which needs more rows. For the two-
    sided test at 1 - `level` of two groups of equal size; rounded up. NaN if no proportion differs by `gap`. Source:
    Fleiss, Levin and Paik 2003, Statistical Methods for Rates and Proportions, equation 4.14 (without correction for
    continuity).

    Raises:
        ValueError: if rate, power or level do not lie within 0 and 1, or the gap is not above 0 and below 1.
    """
    p, d = np.broadcast_arrays(np.asarray(rate, dtype=np.float64), np.asarray(gap, dtype=np.float64))
    _check(p, power, level)
    if np.any((d <= 0) | (d >= 1)):
        raise ValueError("the gap to be found lies between 0 and 1")
    possible = d <= np.maximum(p, 1 - p)
    other = np.clip(_other(p, d), 0, 1)
    pooled = (p + other) / 2
    alpha_part = special.ndtri((1 + level) / 2) * np.sqrt(2 * pooled * (1 - pooled))
    beta_part = special.ndtri(power) * np.sqrt(p * (1 - p) + other * (1 - other))
    return np.where(possible, np.ceil(((alpha_part + beta_part) / d) ** 2 - 1e-9), np.nan)


def detectable_gap(
    rate: ArrayLike, rows: ArrayLike, other_rows: ArrayLike, *, power: float = 0.8, level: float = 0.95
) -> Floats:
    """The smallest gap that the two-sided test detects with `power` between groups of these sizes.

    `rate` is that of the other group. NaN if the test would miss even the largest possible gap, from `rate` to the
    farther of 0 and 1. Source: Fleiss, Levin and Paik 2003, section 4.4 (unequal sizes), solved for the gap.

    Raises:
        ValueError: as `rows_needed`.
    """
    p, n, m = np.broadcast_arrays(*(np.asarray(value, dtype=np.float64) for value in (rate, rows, other_rows)))
    _check(p, power, level)
    usable = (n > 0) & (m > 0)
    n, m = np.where(usable, n, 1), np.where(usable, m, 1)

    def found(gap: Floats) -> Floats:
        other = np.clip(_other(p, gap), 0, 1)
        pooled = (n * other + m * p) / (n + m)
        if_equal = np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
        as_is = np.sqrt(other * (1 - other) / n + p * (1 - p) / m)
        return np.asarray(gap - special.ndtri((1 + level) / 2) * if_equal - special.ndtri(power) * as_is)

    # bisection: the power grows with the gap
    low, high = np.zeros_like(p), np.maximum(p, 1 - p)
    reachable = usable & (found(high) >= 0)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        enough = found(middle) >= 0
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return np.where(reachable, high, np.nan)


def _other(rate: Floats, gap: Floats) -> Floats:
    """The proportion at distance `gap` in the direction of 1/2, so that it stays in [0, 1]."""
    return np.where(rate <= 0.5, rate + gap, rate - gap)


def _check(rate: Floats, power: float, level: float) -> None:
    if np.any((rate < 0) | (rate > 1)):
        raise ValueError("a rate lies in [0, 1]")
    if not 0 < power < 1 or not 0 < level < 1:
        raise ValueError(f"power and level lie between 0 and 1, got {power} and {level}")
