"""Sliding windows over consecutive series: starts, forward fill and standardisation, on arrays only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def window_starts(entity: NDArray[np.int64], part: NDArray[np.int64], *, span: int, stride: int) -> NDArray[np.int64]:
    """(w,) first rows of the windows whose `span` rows all belong to one entity and one split.

    Args:
        entity: (n,) entity of each row; the rows of an entity are consecutive.
        part: (n,) split of each row.
        span: rows per window, including the target row.
        stride: rows from one start to the next, counted from the first row of each entity and split.
    """
    n = len(entity)
    begins = np.ones(n, dtype=bool)
    begins[1:] = (np.diff(entity) != 0) | (np.diff(part) != 0)
    run = np.cumsum(begins)
    offset = np.arange(n) - np.flatnonzero(begins)[run - 1]
    last = np.arange(n) + span - 1
    inside = last < n
    inside[inside] = run[inside] == run[last[inside]]
    return np.flatnonzero(inside & (offset % stride == 0))


def forward_fill(values: NDArray[np.float64], entity: NDArray[np.int64]) -> NDArray[np.float64]:
    """Missing values replaced by the entity's last known value; NaN before the first."""
    known = np.isfinite(values)
    first = np.ones(len(values), dtype=bool)
    first[1:] = np.diff(entity) != 0
    source = np.maximum.accumulate(np.where(known | first, np.arange(len(values)), 0))
    return np.where(known[source], values[source], np.nan)


def standardise(values: NDArray[np.float64], train: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(n, f) standardised by mean and standard deviation of the training rows; missing values become 0, the mean.

    A column that is constant in the training rows, up to rounding, is centred but not scaled.
    """
    mean, scale = np.nanmean(values[train], axis=0), np.nanstd(values[train], axis=0)
    constant = scale <= train.sum() * np.finfo(np.float64).eps * np.abs(mean)
    scaled = (values - mean) / np.where(constant, 1.0, scale)
    return np.asarray(np.nan_to_num(scaled, nan=0.0), dtype=np.float32)
