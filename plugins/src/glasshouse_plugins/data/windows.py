"""Windows over series that lie one behind the other: where they start, and what is in them. Pure arithmetic."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def window_starts(entity: NDArray[np.int64], part: NDArray[np.int64], *, span: int, stride: int) -> NDArray[np.int64]:
    """(w,) rows at which windows start whose `span` rows are all of one entity and in one part.

    Args:
        entity: (n,) whose row it is; rows of one entity follow each other.
        part: (n,) the split of each row.
        span: rows of a window, the target's included.
        stride: rows from one start to the next, from the first row of each run of one entity and part.
    """
    n = len(entity)
    begins = np.ones(n, dtype=bool)
    begins[1:] = (np.diff(entity) != 0) | (np.diff(part) != 0)
    run = np.cumsum(begins)
    place = np.arange(n) - np.flatnonzero(begins)[run - 1]
    last = np.arange(n) + span - 1
    inside = last < n
    inside[inside] = run[inside] == run[last[inside]]
    return np.flatnonzero(inside & (place % stride == 0))


def filled_forward(values: NDArray[np.float64], entity: NDArray[np.int64]) -> NDArray[np.float64]:
    """Each number that is missing as the entity's last known one; NaN before the first."""
    known = np.isfinite(values)
    first = np.ones(len(values), dtype=bool)
    first[1:] = np.diff(entity) != 0
    since = np.maximum.accumulate(np.where(known | first, np.arange(len(values)), 0))
    return np.where(known[since], values[since], np.nan)


def standardised(values: NDArray[np.float64], train: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(n, f) less the mean of the training rows, over their standard deviation; missing numbers are the mean.

    A column that is constant among them, up to rounding, keeps its scale.
    """
    mean, scale = np.nanmean(values[train], axis=0), np.nanstd(values[train], axis=0)
    constant = scale <= train.sum() * np.finfo(np.float64).eps * np.abs(mean)
    scaled = (values - mean) / np.where(constant, 1.0, scale)
    return np.asarray(np.nan_to_num(scaled, nan=0.0), dtype=np.float32)
