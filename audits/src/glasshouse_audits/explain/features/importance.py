"""Attributions summarised over rows: how far a feature moves the output, up or down."""

from __future__ import annotations

import numpy as np
from glasshouse.statistics import Estimate, t_interval
from numpy.typing import NDArray

_METHOD = "student_t"


def mean_attribution(
    values: NDArray[np.float64],
    *,
    error: NDArray[np.float64] | None = None,
    design: NDArray[np.int64] | None = None,
    absolute: bool = True,
) -> Estimate:
    """Mean over rows of one feature's |attribution| (n,), or of the signed attribution, with a 95 % interval.

    Student's t over rows covers the variation between rows and the sampling error, if errors of rows are independent.
    Rows that share a design (n,), the same random coalitions, may all err in the same direction. Their part of the
    variance is bounded by (sum of `error`)^2 instead of the sum of `error`^2 in each design (Cauchy-Schwarz; taking
    absolute values makes no error larger).
    """
    moved = np.abs(values) if absolute else values
    n = len(moved)
    if not n:
        return Estimate(None, 0, undefined="no rows")
    centre = float(moved.mean())
    if n < 2:
        return Estimate(centre, n, t_interval(centre, np.nan, 0).item())
    variance = float(moved.var(ddof=1)) / n
    if error is not None and design is not None:
        _, number = np.unique(design, return_inverse=True)
        together, apart = (np.bincount(number, weights=w) for w in (error, error**2))
        variance += float((together**2 - apart).sum()) / n**2
    return Estimate(centre, n, t_interval(centre, np.sqrt(variance), n - 1).item())


def levels(rows: NDArray[np.float32], owner: NDArray[np.intp], ordered: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The third of each feature's value among the rows, (n, d): 0 is low, 0.5 middle, 1 high.

    `rows` (n, width) are encoded; equal values are in the same third. NaN if a feature is not `ordered` (d,) or has a
    single value; a feature of several columns has no order.
    """
    n, d = len(rows), len(ordered)
    found = np.full((n, d), np.nan)
    for feature in np.flatnonzero(ordered):
        columns = np.flatnonzero(owner == feature)
        if len(columns) != 1:
            continue
        value = rows[:, columns[0]]
        if np.ptp(value) == 0:
            continue
        sorted_values = np.sort(value)
        below = np.searchsorted(sorted_values, value, "left")
        up_to = np.searchsorted(sorted_values, value, "right")
        middle = (below + up_to) / (2 * n)
        found[:, feature] = np.where(middle < 1 / 3, 0.0, np.where(middle > 2 / 3, 1.0, 0.5))
    return found
