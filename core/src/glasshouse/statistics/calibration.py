"""Are probabilities frequencies? Reliability curve, expected calibration error, Brier score, log loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from numpy.typing import ArrayLike

from glasshouse.statistics.estimates import Estimate, Floats, Intervals


@dataclass(frozen=True, eq=False)
class ReliabilityCurve:
    """Per bin of predicted probability, (bins,) each; empty bins hold NaN and a count of 0."""

    edges: Floats
    counts: Floats
    predicted: Floats
    """Mean predicted probability."""
    observed: Floats
    """Share of positives."""
    intervals: Intervals
    """Wilson intervals of `observed`."""


def reliability_curve(
    targets: ArrayLike,
    probabilities: ArrayLike,
    *,
    bins: int = 10,
    strategy: Literal["uniform", "quantile"] = "uniform",
    weights: ArrayLike | None = None,
    level: float = 0.95,
) -> ReliabilityCurve:
    """Share of positives by predicted probability, in bins of equal width or equal mass."""
    raise NotImplementedError


def expected_calibration_error(curve: ReliabilityCurve) -> Estimate:
    """Mean distance between predicted and observed over a curve's bins; 0 is best, biased upward in small samples."""
    raise NotImplementedError


def brier_score(
    targets: ArrayLike, probabilities: ArrayLike, *, weights: ArrayLike | None = None, level: float = 0.95
) -> Estimate:
    """Mean squared distance of probabilities (n,) in [0, 1], or (n, K) in [0, 2]; smaller is better."""
    raise NotImplementedError


def log_loss(
    targets: ArrayLike, probabilities: ArrayLike, *, weights: ArrayLike | None = None, level: float = 0.95
) -> Estimate:
    """Mean negative log probability, in nats, of the true class; probabilities (n,) of class 1, or (n, K)."""
    raise NotImplementedError
