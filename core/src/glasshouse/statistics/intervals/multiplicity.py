"""Adjustment of p-values for multiple testing."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from glasshouse.statistics.intervals.estimates import Floats


def holm(p_values: ArrayLike) -> Floats:
    """Holm's step-down adjusted p-values: rejecting those <= alpha keeps the chance of any false rejection <= alpha.

    NaN stays NaN and is not counted as a test. Valid under any dependence. Source: Holm 1979, Scand. J. Statistics
    6:65.
    """
    p, defined, order = _ordered(p_values)
    # the k-th smallest p-value is compared with alpha / (m - k + 1); the maximum keeps the adjusted values monotone
    steps = np.arange(len(order), 0, -1)
    adjusted = np.maximum.accumulate(p[defined][order] * steps)
    return _restored(p, defined, order, adjusted)


def benjamini_hochberg(p_values: ArrayLike) -> Floats:
    """Step-up adjusted p-values: rejecting those <= q keeps the expected share of false rejections <= q.

    NaN stays NaN and is not counted as a test. Valid for independent or positively dependent tests. Source: Benjamini
    and Hochberg 1995, J. Royal Statistical Society B 57:289.
    """
    p, defined, order = _ordered(p_values)
    m = len(order)
    # the k-th smallest is compared with k q / m; the minimum from the right keeps the adjusted values monotone
    scaled = p[defined][order] * m / np.arange(1, m + 1)
    adjusted = np.minimum.accumulate(scaled[::-1])[::-1]
    return _restored(p, defined, order, adjusted)


def _ordered(p_values: ArrayLike) -> tuple[Floats, np.ndarray, np.ndarray]:
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or np.any((p < 0) | (p > 1)):
        raise ValueError("p-values are one column of numbers in [0, 1]")
    defined = ~np.isnan(p)
    return p, defined, np.argsort(p[defined], kind="stable")


def _restored(p: Floats, defined: np.ndarray, order: np.ndarray, adjusted: Floats) -> Floats:
    result = np.full_like(p, np.nan)
    placed = np.empty_like(adjusted)
    placed[order] = np.minimum(adjusted, 1.0)
    result[defined] = placed
    return result
