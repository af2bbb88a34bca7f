"""Error measures of predicted numbers, with intervals.

Bias and absolute error are means and have Student's t intervals. RMSE and R2 are smooth functions of two means; their
intervals are made on the log scale of the mean squared error, or of its ratio to the variance, which keeps RMSE above 0
and R2 below 1 (``delta_log``, see `error_interval`); undefined for few rows and heavy tails.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from glasshouse.statistics.intervals.estimates import Estimate, Floats
from glasshouse.statistics.intervals.means import columns, mean, standard_error
from glasshouse.statistics.numbers.error_interval import error_interval


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
    kurtosis = _kurtosis(squared, w)
    spread = standard_error(squared - error, w)
    interval = error_interval(error, spread, _effective(w), [kurtosis], level=level, back=np.sqrt)
    return Estimate(float(np.sqrt(error)), len(y), interval)


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
    interval = error_interval(
        q,
        standard_error((squared - q * deviation) / variance, w),
        _effective(w),
        [_kurtosis(squared, w), _kurtosis(deviation, w)],
        level=level,
        back=lambda ratio: 1 - ratio,
    )
    return Estimate(1 - q, len(y), interval)


def _kurtosis(squared: Floats, weights: Floats) -> float:
    """Mean of the squares of squared distances over the square of their mean; at least 1, and 1 if all are 0."""
    second = float(np.average(squared, weights=weights))
    return float(np.average((squared / second) ** 2, weights=weights)) if second > 0 else 1.0


def _effective(weights: Floats) -> float:
    return float(weights.sum() ** 2 / np.sum(weights**2))


def _nothing(rows: Floats) -> Estimate:
    return Estimate(None, len(rows), undefined="weights of 0" if len(rows) else "no rows")
