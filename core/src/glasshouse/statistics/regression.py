"""Errors of predicted numbers, with intervals."""

from __future__ import annotations

from numpy.typing import ArrayLike

from glasshouse.statistics.estimates import Estimate


def mean_error(
    targets: ArrayLike, predicted: ArrayLike, *, weights: ArrayLike | None = None, level: float = 0.95
) -> Estimate:
    """Bias: mean of predicted minus target, in the target's unit; above 0 it predicts too much."""
    raise NotImplementedError


def mean_absolute_error(
    targets: ArrayLike, predicted: ArrayLike, *, weights: ArrayLike | None = None, level: float = 0.95
) -> Estimate:
    """Mean distance between prediction and target, in the target's unit; smaller is better."""
    raise NotImplementedError


def root_mean_squared_error(
    targets: ArrayLike, predicted: ArrayLike, *, weights: ArrayLike | None = None, level: float = 0.95
) -> Estimate:
    """Root of the mean squared error, in the target's unit; smaller is better."""
    raise NotImplementedError


def r2_score(
    targets: ArrayLike, predicted: ArrayLike, *, weights: ArrayLike | None = None, level: float = 0.95
) -> Estimate:
    """Share of the targets' variance that is predicted; 1 is best, below 0 is worse than their mean."""
    raise NotImplementedError
