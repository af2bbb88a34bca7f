"""Calibration error over the bins of a reliability curve: estimates, intervals and a test.

The error of a bin is its mean prediction minus its share of positives. All quantities are about the population's errors
in the same bins, not about the limit of ever finer bins.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glasshouse.statistics.intervals.estimates import Estimate, Floats, Interval
from glasshouse.statistics.intervals.means import checked_level, normal_quantile
from glasshouse.statistics.scores.calibration import ReliabilityCurve, expected_calibration_error

METHOD = "folded_normal"
_SIMULATED = "simulated_bins"


class _Bins(NamedTuple):
    """The b bins with rows."""

    rows: NDArray[np.int64]
    hits: Floats
    predicted: Floats

    @property
    def shares(self) -> Floats:
        return np.asarray(self.rows / self.rows.sum())

    @property
    def observed(self) -> Floats:
        return np.asarray(self.hits / self.rows)


def calibration_error_interval(
    curve: ReliabilityCurve, *, rng: np.random.Generator, replicates: int = 1000, level: float = 0.95
) -> Interval:
    """Interval of a curve's expected calibration error (l1), for the population's value over the same bins.

    With d_b the observed and t_b the population's error of bin b and w_b its share of the rows, the estimate is sum w
    |d| and the value sum w |t|. They differ by at most E = sum w |d - t|, whose distribution is simulated: the estimate
    minus the (1 + level) / 2 quantile of E is a lower limit, whatever the errors are; it is cut off at 0. And the
    estimate is at least sum w sign(t) d, which is unbiased and normal, so that adding a normal quantile of its standard
    error gives an upper limit. Both allow for the random sizes of bins. Positives are drawn with the shares observed,
    two added to positives and to others, and with the predictions themselves, which makes a lower end above 0 a test of
    calibration (Bröcker and Smith 2007, Weather and Forecasting 22:651); the larger quantile counts.

    Coverage is at least `level`; it is larger for errors near 0. Undefined without rows, and for weighted curves (see
    `resampled_calibration_error`): ``simulated_bins``.
    """
    estimate = expected_calibration_error(curve).value
    if estimate is None or curve.intervals.method != "wilson":
        reason = "no rows" if estimate is None else "rows are weighted"
        return Interval(None, None, checked_level(level), _SIMULATED, undefined=reason)
    bins = _bins(curve)
    drawn = (bins.hits + 2) / (bins.rows + 4)
    largest = max(
        np.quantile(_differences(bins, share, rng, replicates) @ bins.shares, (1 + level) / 2)
        for share in (drawn, bins.predicted)
    )
    errors = np.abs(bins.predicted - bins.observed)
    of_sizes = max(0.0, float(bins.shares @ errors**2) - estimate**2) / bins.rows.sum()
    variance = float(bins.shares**2 @ (drawn * (1 - drawn) / bins.rows))
    z = normal_quantile(level)
    low = estimate - float(np.hypot(largest, z * np.sqrt(of_sizes)))
    return Interval(max(0.0, low), min(1.0, estimate + z * np.sqrt(variance + of_sizes)), level, _SIMULATED)


def resampled_calibration_error(
    deviations: Floats,
    covariance: Floats,
    total: float,
    *,
    rng: np.random.Generator,
    replicates: int = 1000,
    level: float = 0.95,
) -> Interval:
    """As `calibration_error_interval`, for weighted or clustered rows: ``folded_normal``.

    The deviations of the bins, weighted sums of prediction minus target, are taken to be normal with their estimated
    covariance, which for clusters contains that between bins.

    Args:
        deviations: (b,) of the bins; see `binned_deviations` and `clustered_deviations`.
        covariance: (b, b) of the deviations.
        total: sum of the weights of all rows, above 0.
    """
    centre, matrix = np.asarray(deviations, dtype=np.float64), np.asarray(covariance, dtype=np.float64)
    spread = _root(matrix)
    noise = np.abs(rng.normal(size=(replicates, len(centre))) @ spread.T).sum(axis=1) / total
    estimate = float(np.abs(centre).sum() / total)
    signs = np.where(centre < 0, -1.0, 1.0)
    variance = max(float(np.trace(matrix)), float(signs @ matrix @ signs)) / total**2
    low = max(0.0, estimate - float(np.quantile(noise, (1 + level) / 2)))
    return Interval(low, min(1.0, estimate + normal_quantile(level) * np.sqrt(variance)), level, METHOD)


def squared_calibration_error(curve: ReliabilityCurve, *, level: float = 0.95) -> Estimate:
    """Mean squared error of the bins, without the bias of their sampling errors; 0 is best, and below 0 is possible.

    sum w_b (d_b^2 - o_b (1 - o_b) / (n_b - 1)), with o_b the share of positives, over bins of two or more rows (Kumar,
    Liang and Ma 2019, NeurIPS, section 5). It is not cut off at 0, which would bias it again. Normal interval with the
    variance w_b^2 (4 d_b^2 s_b^2 + 2 s_b^4) of each bin. Undefined for weighted curves.
    """
    n = int(curve.counts.sum())
    several = curve.counts > 1
    if curve.intervals.method != "wilson":
        return Estimate(None, n, undefined="rows are weighted")
    if not several.any():
        return Estimate(None, n, undefined="no bin has two rows" if n else "no rows")
    rows, observed = curve.counts[several], curve.observed[several]
    share = rows / rows.sum()
    squared = (curve.predicted[several] - observed) ** 2 - observed * (1 - observed) / (rows - 1)
    drawn = (observed * rows + 2) / (rows + 4)
    variance = drawn * (1 - drawn) / rows
    error = np.sqrt(np.sum(share**2 * (4 * np.maximum(squared, 0) * variance + 2 * variance**2)))
    value, half = float(share @ squared), normal_quantile(level) * float(error)
    return Estimate(value, n, Interval(value - half, value + half, level, "normal"))


def calibration_p_value(curve: ReliabilityCurve, *, rng: np.random.Generator, replicates: int = 1000) -> Estimate:
    """P-value of the hypothesis that the scores are calibrated, in [0, 1]; small values are evidence against it.

    The statistic is that of `squared_calibration_error` (T-Cal: Lee, Huang, Hassani and Dobriban 2023, Journal of
    Machine Learning Research 24:335); its distribution under calibration is simulated by drawing each bin's positives
    with its mean prediction. p = (1 + b) / (1 + B) with b of B draws at least as large, so that the test keeps its
    level. Rows of one bin with different predictions vary less than the draws: the test is then conservative. Undefined
    for weighted curves.
    """
    n = int(curve.counts.sum())
    if curve.intervals.method != "wilson" or not n:
        return Estimate(None, n, undefined="rows are weighted" if n else "no rows")
    bins = _bins(curve)
    observed = _excess(bins, bins.hits)
    drawn = _excess(bins, rng.binomial(bins.rows, np.clip(bins.predicted, 0, 1), size=(replicates, len(bins.rows))))
    larger = int(np.sum(drawn >= observed - 1e-12))
    return Estimate((1 + larger) / (1 + replicates), n)


def normal_calibration_p_value(
    deviations: Floats, covariance: Floats, *, rng: np.random.Generator, replicates: int = 1000
) -> float:
    """As `calibration_p_value`, for weighted or clustered rows: the sum of squared deviations against normal draws."""
    centre = np.asarray(deviations, dtype=np.float64)
    drawn = rng.normal(size=(replicates, len(centre))) @ _root(np.asarray(covariance, dtype=np.float64)).T
    return float((1 + np.sum((drawn**2).sum(axis=1) >= (centre**2).sum())) / (1 + replicates))


def _bins(curve: ReliabilityCurve) -> _Bins:
    filled = np.flatnonzero(curve.counts)
    rows = curve.counts[filled]
    return _Bins(rows, np.rint(curve.observed[filled] * rows), np.clip(curve.predicted[filled], 0, 1))


def _differences(bins: _Bins, share: Floats, rng: np.random.Generator, replicates: int) -> Floats:
    """(replicates, b) distances of drawn shares of positives from the share that they are drawn with."""
    drawn = rng.binomial(bins.rows, share, size=(replicates, len(share)))
    return np.asarray(np.abs(drawn / bins.rows - share))


def _excess(bins: _Bins, hits: Floats | NDArray[np.int64]) -> Floats:
    """The debiased squared error for drawn positives (..., b); a bin of one row has no variance to subtract."""
    observed = hits / bins.rows
    bias = observed * (1 - observed) / np.maximum(bins.rows - 1, 1)
    return np.asarray(((observed - bins.predicted) ** 2 - bias) @ bins.shares)


def _root(covariance: Floats) -> Floats:
    """A matrix whose product with its transpose is the covariance, which may be singular because of empty bins."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0)))
