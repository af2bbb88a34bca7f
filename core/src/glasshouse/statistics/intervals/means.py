"""Means of per-row values with their intervals, and intervals from a standard error."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from glasshouse.statistics.intervals.estimates import Estimate, Floats, Intervals


def mean(values: ArrayLike, *, weights: ArrayLike | None = None, level: float = 0.95) -> Estimate:
    """Mean of n values with Student's t interval on n - 1 degrees of freedom.

    A weighted mean is a ratio of two sums. Its linearised variance is sum w^2 (x - mean)^2 / (sum w)^2 times
    n / (n - 1) (Cochran 1977, Sampling Techniques, 6.4), which for equal weights is the usual one.

    Raises:
        ValueError: if values are not one column of finite numbers, or weights are negative or of another length.
    """
    x, w = columns(values, weights=weights)
    if w.sum() == 0:
        return Estimate(None, len(x), undefined="weights of 0" if len(x) else "no rows")
    centre = float(np.average(x, weights=w))
    error = standard_error(x - centre, w)
    return Estimate(centre, len(x), t_interval(centre, error, len(x) - 1, level=level).item())


def standard_error(residuals: Floats, weights: Floats) -> float:
    """Standard error of a weighted mean whose rows deviate from it by `residuals`; NaN for a single row."""
    n = len(residuals)
    if n < 2:
        return float("nan")
    return float(np.sqrt(np.sum((weights * residuals) ** 2) * n / (n - 1)) / weights.sum())


def columns(*values: ArrayLike, weights: ArrayLike | None) -> tuple[Floats, ...]:
    """Columns of finite numbers of equal length, and last their weights (ones if None).

    Raises:
        ValueError: if lengths differ, or a number is not finite or a weight negative.
    """
    found = [np.asarray(value, dtype=np.float64) for value in values]
    found.append(np.ones(found[0].shape) if weights is None else np.asarray(weights, dtype=np.float64))
    if any(column.ndim != 1 or column.shape != found[0].shape for column in found):
        raise ValueError(
            f"columns must have equal length, got shapes {', '.join(str(column.shape) for column in found)}"
        )
    if not all(np.all(np.isfinite(column)) for column in found):
        raise ValueError("columns must be finite; got NaN or infinity")
    if np.any(found[-1] < 0):
        raise ValueError("weights must not be negative")
    return tuple(found)


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
    quantile = special.stdtrit(np.where(freedom > 0, freedom, np.nan), (1 + checked_level(level)) / 2)
    half = quantile * error
    return Intervals(centre - half, centre + half, level, "student_t", "fewer than two rows have no spread")


def normal_quantile(level: float) -> float:
    """z such that a standard normal lies within plus and minus z with probability `level`: 1.96 for 0.95."""
    return float(special.ndtri((1 + checked_level(level)) / 2))


def checked_level(level: float) -> float:
    """The level itself.

    Raises:
        ValueError: if it is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"a confidence level lies between 0 and 1, got {level}; 95 % is 0.95")
    return level
