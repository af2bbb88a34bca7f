"""The mean of per-row values with its interval."""

from __future__ import annotations

from numpy.typing import ArrayLike

from glasshouse.statistics.estimates import Estimate


def mean(values: ArrayLike, *, weights: ArrayLike | None = None, level: float = 0.95) -> Estimate:
    """Mean of n values with Student's t interval; weighted, with the linearised variance."""
    raise NotImplementedError
