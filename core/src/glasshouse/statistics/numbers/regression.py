"""Error measures of predicted numbers, with intervals.

Bias and absolute error are means and have Student's t intervals. RMSE and R2 are smooth functions of two means; their
intervals are normal on the log scale of the mean squared error, or of its ratio to the variance, by the delta method
(van der Vaart 1998, Asymptotic Statistics, chapter 3), which keeps RMSE above 0 and R2 below 1: ``delta_log``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from glasshouse.statistics.intervals.estimates import Estimate, Floats, Interval
from glasshouse.statistics.intervals.means import columns, mean, normal_quantile, standard_error


def mean_error(
    targets: ArrayLike, predicted: ArrayLike, *, weights: ArrayLike | None = None, level: float = 0.95
) -> Estimate:
    """Bias: mean of prediction minus target, in the target's unit; above 0 the predictions are too high."""
    y, f, w = columns(targets, predicted, weights=weights)
    return mean(f - y, weights=w, level=level)


def mean_absolute_error(
    targets: ArrayLike, predicted: ArrayLike, *, weights: ArrayLike | None = None, level: float = 0.95
) -> Estimate:
    """Mean distance between prediction and target, in the target's unit; smaller is better."""
    y, f, w = columns(targets, predicted, weights=weights)
    return mean(np.abs(f - y), weights=w, level=level)


def root_mean_squared_error(
    targets: ArrayLike, predicted: ArrayLike, *, weights: ArrayLike | None = None, level: float = 0.95
) -> Estimate:
    """Root of the mean squared error, in the target's unit; smaller is better."""
    y, f, w = columns(targets, predicted, weights=weights)
    squared = (f - y) ** 2
    if w.sum() == 0:
        return _nothing(y)
    error = float(np.average(squared, weights=w))
    low, high = _log_interval(error, standard_error(squared - error, w), level)
    return Estimate(float(np.sqrt(error)), len(y), _interval(np.sqrt(low), np.sqrt(high), level))


def r2_score(
    targets: ArrayLike, predicted: ArrayLike, *, weights: ArrayLike | None = None, level: float = 0.95
) -> Estimate:
    """Share of the targets' variance that is explained: 1 is best, below 0 is worse than predicting their mean.

    Undefined if the targets are constant. With q = SSE / SST and R2 = 1 - q, each row contributes (residual^2 - q
    deviation^2) / variance to the variance of q; estimating the targets' mean has no first-order effect.
    """
    y, f, w = columns(targets, predicted, weights=weights)
    if w.sum() == 0:
        return _nothing(y)
    squared, deviation = (f - y) ** 2, (y - np.average(y, weights=w)) ** 2
    variance = float(np.average(deviation, weights=w))
    if variance == 0 or np.ptp(y[w > 0]) == 0:
        return Estimate(None, len(y), undefined="the targets do not vary")
    q = float(np.average(squared, weights=w)) / variance
    low, high = _log_interval(q, standard_error((squared - q * deviation) / variance, w), level)
    return Estimate(1 - q, len(y), _interval(1 - high, 1 - low, level))


def _log_interval(value: float, error: float, level: float) -> tuple[float, float]:
    """Normal interval of the logarithm, transformed back; NaN for a value of 0, which has no logarithm."""
    if value == 0 or np.isnan(error):
        return float("nan"), float("nan")
    # delta method: the standard error of log(x) is that of x divided by x
    factor = float(np.exp(normal_quantile(level) * error / value))
    return value / factor, value * factor


def _interval(low: float, high: float, level: float) -> Interval:
    if np.isfinite(low) and np.isfinite(high):
        return Interval(float(low), float(high), level, "delta_log")
    return Interval(None, None, level, "delta_log", undefined="a single row, or no error at all, has no spread")


def _nothing(rows: Floats) -> Estimate:
    return Estimate(None, len(rows), undefined="weights of 0" if len(rows) else "no rows")
