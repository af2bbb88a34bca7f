"""The interval of a mean squared error, or of its ratio to a variance, on the logarithmic scale."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy import special

from glasshouse.statistics.intervals.estimates import Interval
from glasshouse.statistics.intervals.means import checked_level

FEWEST_ROWS = 10
"""Rows below which the spread of squared errors cannot be estimated."""

METHOD = "delta_log"

_KURTOSIS = 9.0
"""That of Student's t with five degrees of freedom, the heaviest tails for which the interval is made."""
_PRIOR = 3.0
"""Rows that this kurtosis is worth, per root of the rows; by simulation, see `benchmarks/coverage.py`."""


def error_interval(
    value: float,
    error: float,
    rows: float,
    kurtoses: Sequence[float],
    *,
    level: float,
    back: Callable[[float], float],
) -> Interval:
    """Interval of `back` of a mean squared error: ``delta_log``, Student's t with rows - 1 degrees of freedom.

    The relative variance of a mean of n squared errors is (kurtosis - 1) / n (delta method: van der Vaart 1998,
    Asymptotic Statistics, chapter 3). In small samples of heavy tails the observed kurtosis is mostly too small; it is
    averaged with that of Student's t with five degrees of freedom, 9, which counts as 3 sqrt(n) rows. Coverage is at
    least 93 % for uniform, normal and t5 errors from 30 rows.

    For heavier tails no interval holds whatever the distribution is (Bahadur and Savage 1956, Annals of Mathematical
    Statistics 27:1115): it is undefined if a kurtosis is above 14 - 30 / sqrt(n), about the 95 % quantile of samples of
    n rows from t5.

    Args:
        value: the mean squared error, or its ratio to the targets' variance.
        error: its standard error.
        rows: their number, or effective number.
        kurtoses: of the errors about 0, and of whatever else is squared.
        level: of confidence.
        back: monotone, from `value` to the scale of the quantity.
    """
    checked_level(level)
    if not value > 0 or not np.isfinite(error):
        return _none(level, "a single row, or no error at all, has no spread")
    if rows < FEWEST_ROWS:
        return _none(level, f"fewer than {FEWEST_ROWS} rows do not show the spread of squared errors")
    if max(kurtoses) > heaviest_kurtosis(rows):
        return _none(level, "errors or targets with tails this heavy have no valid interval (Bahadur and Savage 1956)")
    relative, prior = (error / value) ** 2 * rows, _PRIOR * np.sqrt(rows)
    variance = (rows * relative + prior * (_KURTOSIS - 1)) / (rows + prior) / rows
    half = float(special.stdtrit(rows - 1, (1 + level) / 2) * np.sqrt(variance))
    with np.errstate(over="ignore"):
        low, high = sorted((float(back(value * np.exp(-half))), float(back(value * np.exp(half)))))
    if not np.isfinite(low) or not np.isfinite(high):
        return _none(level, "the error is too large for an interval")
    return Interval(low, high, level, METHOD)


def heaviest_kurtosis(rows: float) -> float:
    """The sample kurtosis above which tails are taken to be heavier than those of Student's t with five degrees."""
    return float(14 - 30 / np.sqrt(rows))


def _none(level: float, reason: str) -> Interval:
    return Interval(None, None, level, METHOD, undefined=reason)
