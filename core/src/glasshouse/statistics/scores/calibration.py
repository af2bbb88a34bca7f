"""Calibration of probabilities: reliability curve, expected calibration error, Brier score, log loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from glasshouse.statistics.intervals.estimates import Estimate, Floats, Intervals
from glasshouse.statistics.intervals.means import columns, mean
from glasshouse.statistics.intervals.proportions import wilson


@dataclass(frozen=True, eq=False)
class ReliabilityCurve:
    """Values for each bin of predicted probability, (bins,) each; an empty bin has NaN and a count of 0."""

    edges: Floats
    """(bins + 1,) ascending; a bin includes its upper edge, the first also its lower one."""
    counts: NDArray[np.int64]
    """Rows."""
    weights: Floats
    """Sums of weights; the counts without weights."""
    predicted: Floats
    """Mean predicted probability."""
    observed: Floats
    """Share of positives."""
    intervals: Intervals
    """Wilson intervals of `observed`; from effective counts with weights."""


def reliability_curve(
    targets: ArrayLike,
    probabilities: ArrayLike,
    *,
    bins: int = 10,
    strategy: Literal["uniform", "quantile"] = "uniform",
    weights: ArrayLike | None = None,
    level: float = 0.95,
) -> ReliabilityCurve:
    """Share of positives (targets 0 and 1) by predicted probability.

    `strategy`: bins of equal width, or of equal mass (quantiles of the rows; ties may make
    some of them equal, so there may be fewer bins). As scikit-learn's `calibration_curve`, but with empty bins.

    Raises:
        ValueError: if targets are not 0 and 1, probabilities not in [0, 1], or there is no bin.
    """
    y, p, w = columns(targets, probabilities, weights=weights)
    _check_binary(y, p)
    if bins < 1:
        raise ValueError(f"a reliability curve has at least one bin, got {bins}")
    edges = np.linspace(0, 1, bins + 1)
    if strategy == "quantile" and len(p):
        edges = np.unique(np.quantile(p, edges))
        if len(edges) == 1:
            edges = np.repeat(edges, 2)
    bin_of = np.searchsorted(edges[1:-1], p)

    def summed(values: Floats) -> Floats:
        return np.asarray(np.bincount(bin_of, weights=values, minlength=len(edges) - 1), dtype=np.float64)

    weight, squares = summed(w), summed(w * w)
    filled = np.where(weight > 0, weight, np.nan)
    observed = np.clip(summed(w * y) / filled, 0, 1)
    effective = np.divide(weight**2, squares, out=np.zeros_like(weight), where=squares > 0)
    intervals = wilson(np.nan_to_num(observed) * effective, effective, level=level)
    if weights is not None:
        intervals = intervals.from_effective_counts()
    return ReliabilityCurve(
        edges=edges,
        counts=np.bincount(bin_of, minlength=len(edges) - 1),
        weights=weight,
        predicted=summed(w * p) / filled,
        observed=observed,
        intervals=intervals,
    )


def expected_calibration_error(curve: ReliabilityCurve) -> Estimate:
    """Mean distance between predicted and observed over a curve's bins, weighted by their rows; in [0, 1], 0 is best.

    It grows with the number of bins and is biased upward in small samples (Naeini et al. 2015, AAAI; Roelofs et al.
    2022, AISTATS), so compare only curves with the same bins and similar numbers of rows.
    """
    n, total = int(curve.counts.sum()), float(curve.weights.sum())
    if total == 0:
        return Estimate(None, n, undefined="weights of 0" if n else "no rows")
    filled = curve.weights > 0
    distance = np.abs(curve.predicted[filled] - curve.observed[filled])
    return Estimate(float(np.sum(curve.weights[filled] * distance) / total), n)


def brier_score(
    targets: ArrayLike, probabilities: ArrayLike, *, weights: ArrayLike | None = None, level: float = 0.95
) -> Estimate:
    """Mean squared distance between probabilities and outcomes; smaller is better.

    Probabilities (n,) of class 1 with targets 0 and 1 give a score in [0, 1]; (n, K) with class codes the sum over
    the classes, in [0, 2] (Brier 1950, Monthly Weather Review 78:1). Student's t interval.

    Raises:
        ValueError: if targets are not classes of the probabilities, or these are not in [0, 1].
    """
    codes, p = _classes(targets, probabilities)
    if np.ndim(probabilities) == 1:
        return mean((p[:, 1] - codes) ** 2, weights=weights, level=level)
    happened = np.arange(p.shape[1]) == codes[:, None]
    return mean(np.sum((p - happened) ** 2, axis=1), weights=weights, level=level)


def log_loss(
    targets: ArrayLike, probabilities: ArrayLike, *, weights: ArrayLike | None = None, level: float = 0.95
) -> Estimate:
    """Mean negative logarithm of the probability of the true class, in nats; 0 is best. Student's t interval.

    Probabilities (n,) of class 1 with targets 0 and 1, or (n, K) with class codes. They are clipped to the
    resolution of their number type, as in scikit-learn: a wrong probability of 1 costs 36 in double precision, not
    infinity.

    Raises:
        ValueError: if targets are not classes of the probabilities, or these are not in [0, 1].
    """
    resolution = np.finfo(np.result_type(np.asarray(probabilities).dtype, np.float32)).eps
    codes, p = _classes(targets, probabilities)
    true = np.take_along_axis(p, codes[:, None], axis=1)[:, 0]
    return mean(-np.log(np.clip(true, resolution, 1 - resolution)), weights=weights, level=level)


def _classes(targets: ArrayLike, probabilities: ArrayLike) -> tuple[NDArray[np.intp], Floats]:
    """Class codes (n,) and probabilities (n, K), with a single column completed to two."""
    y, p = np.asarray(targets, dtype=np.float64), np.asarray(probabilities, dtype=np.float64)
    if p.ndim == 1:
        p = np.stack([1 - p, p], axis=1)
    if y.ndim != 1 or p.ndim != 2 or len(y) != len(p):
        raise ValueError(f"targets (n,) and probabilities (n,) or (n, K), got shapes {y.shape} and {p.shape}")
    if not np.all((p >= 0) & (p <= 1)):
        raise ValueError("probabilities lie in [0, 1]")
    if not np.all(np.isin(y, np.arange(p.shape[1]))):
        raise ValueError(f"targets are class codes from 0 to {p.shape[1] - 1}")
    return y.astype(np.intp), p


def _check_binary(targets: Floats, probabilities: Floats) -> None:
    if not np.all((targets == 0) | (targets == 1)):
        raise ValueError("targets of a reliability curve are 0 and 1")
    if not np.all((probabilities >= 0) & (probabilities <= 1)):
        raise ValueError("probabilities lie in [0, 1]")
