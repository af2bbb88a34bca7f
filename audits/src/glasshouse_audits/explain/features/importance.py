"""Attributions summed up over rows: how far a feature moves the output, which way, and for whom."""

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
    """Mean over rows of one feature's |attribution| (n,), or of the attribution itself, with a 95 % interval.

    Student's t over rows knows how rows differ, sampling error included, as long as errors of rows are independent.
    Those of rows that share a design (n,), the same random coalitions, may all err the same way. Their part of the
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
    """Low, middle or high: the third that a feature's value lies in among the rows, 0, 0.5 or 1, (n, d).

    `rows` (n, width) are encoded; equal values lie in the same third. NaN where a feature is not `ordered` (d,) or has
    one value only; a feature of several columns has no order.
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
