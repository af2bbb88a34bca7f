"""Intervals for the gap between the extreme groups.

A gap between the largest and the smallest of several rates is biased upward, and resampling it repeats the bias: a
bootstrap interval of it never reaches 0. Intervals that hold for all groups at once carry over to their extremes
without it: if every rate lies in its own interval, then the largest rate lies between the largest lower and the
largest upper end, and the smallest likewise, so that the gap lies between what these allow. With Bonferroni's
correction all hold together with at least the level asked for (Miller 1981, Simultaneous Statistical Inference, 1.6).
"""

from __future__ import annotations

import numpy as np
from glasshouse.statistics import GAPS, GroupCounts, Interval, group_rates


def gap_interval(table: GroupCounts, name: str, *, positive: int, level: float = 0.95) -> Interval | None:
    """Interval of one of `GAPS` over the groups of a table, from simultaneous Wilson intervals of their rates.

    Groups without the rate are left out, as they are from the gap. Conservative: coverage is at least `level`.
    None where fewer than two groups have the rate.
    """
    rates, kind = GAPS[name]
    estimates = [group_rates(table, each, positive=positive) for each in rates]
    tested = sum(estimate.value is not None for found in estimates for estimate in found)
    each_level = 1 - (1 - level) / max(1, tested)
    lows, highs, method = [], [], ""
    for each in rates:
        ends = [
            (interval.low, interval.high, interval.method)
            for estimate in group_rates(table, each, positive=positive, level=each_level)
            if (interval := estimate.interval) is not None and interval.low is not None and interval.high is not None
        ]
        if len(ends) < 2:
            return None
        low, high = np.array([end[0] for end in ends]), np.array([end[1] for end in ends])
        method = f"simultaneous_{ends[0][2]}"
        if kind == "difference":
            lows.append(max(0.0, low.max() - high.min()))
            highs.append(high.max() - low.min())
        else:
            lows.append(low.min() / high.max())
            highs.append(min(1.0, high.min() / low.max()) if low.max() > 0 else 1.0)
    worst = max if kind == "difference" else min
    return Interval(float(worst(lows)), float(worst(highs)), level, method)
