"""The mean of per-row values with its interval."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from glasshouse.statistics.intervals.estimates import Estimate, Floats
from glasshouse.statistics.intervals.proportions import t_interval


def mean(values: ArrayLike, *, weights: ArrayLike | None = None, level: float = 0.95) -> Estimate:
    """Mean of n values with Student's t interval on n - 1 degrees of freedom.

    With weights the mean of a ratio of two sums, with its linearised variance, sum w^2 (x - mean)^2 / (sum w)^2
    times n / (n - 1) (Cochran 1977, Sampling Techniques, 6.4; equal weights give the usual one).

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
    """Columns of finite numbers of one length, and their weights (ones if None) last.

    Raises:
        ValueError: if one is not.
    """
    found = [np.asarray(value, dtype=np.float64) for value in values]
    found.append(np.ones(found[0].shape) if weights is None else np.asarray(weights, dtype=np.float64))
    if any(column.ndim != 1 or column.shape != found[0].shape for column in found):
        raise ValueError(f"columns have one length, got shapes {', '.join(str(column.shape) for column in found)}")
    if not all(np.all(np.isfinite(column)) for column in found):
        raise ValueError("columns hold finite numbers; NaN or infinity came")
    if np.any(found[-1] < 0):
        raise ValueError("weights are not negative")
    return tuple(found)
