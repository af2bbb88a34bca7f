"""Simultaneous intervals of all groups, and so of the gap between the extreme ones.

The gap between the largest and the smallest of several rates is biased upward, and resampling repeats the bias: a
bootstrap interval of it never includes 0. Simultaneous intervals of the differences of all pairs give an interval of
the largest difference without that bias: it lies between the largest lower and the largest upper end, whichever pair
it belongs to; likewise for ratios. Their joint coverage is at least `level` by Bonferroni's correction
(Miller 1981, Simultaneous Statistical Inference, section 1.6).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from glasshouse.statistics.counts.gaps import gap_rates
from glasshouse.statistics.counts.pairwise import pairs
from glasshouse.statistics.counts.permutation import MAX_GROUPS_IN_PAIRS
from glasshouse.statistics.counts.rates import effective_counts, rate
from glasshouse.statistics.counts.table import GroupCounts
from glasshouse.statistics.intervals.estimates import Floats, Interval, Intervals
from glasshouse.statistics.intervals.proportions import clopper_pearson, wilson
from glasshouse.statistics.intervals.two_proportions import koopman, miettinen_nurminen


def gap_interval(table: GroupCounts, name: str, *, positive: int = 1, level: float = 0.95) -> Interval | None:
    """Interval of a gap (see `gap`) over the groups of a table; coverage is at least about `level`.

    From score intervals of all pairs: ``simultaneous_miettinen_nurminen`` (differences), ``simultaneous_koopman``
    (ratios); for more than `MAX_GROUPS_IN_PAIRS` groups, from intervals of their rates:
    ``simultaneous_clopper_pearson``. Weighted rows use effective counts, as in `group_rates`. Groups with an undefined
    rate are left out, as in the gap. None if fewer than two groups have a rate, or it is not a proportion.
    """
    rates, kind = gap_rates(name)
    counts = []
    for each in rates:
        if not rate(table.cells, each, positive=positive).proportion:
            return None
        hits, total = effective_counts(table, each, positive=positive)
        if (total > 0).sum() < 2:
            return None
        counts.append((hits[total > 0], total[total > 0]))
    limits = _difference_limits if kind == "difference" else _ratio_limits
    ends, method = [], ""
    for hits, total in counts:
        low, high, method = limits(hits, total, 1 - (1 - level) / len(rates), weighted=table.weighted)
        ends.append((low, high))
    worst = max if kind == "difference" else min
    return Interval(worst(low for low, _ in ends), worst(high for _, high in ends), level, method)


def impact_ratio_intervals(table: GroupCounts, *, positive: int = 1, level: float = 0.95) -> Intervals:
    """(G,) simultaneous intervals of all impact ratios (see `impact_ratios`); within 0 and 1.

    A group's ratio to the highest rate is the smallest of its ratios to all rates: it lies between the smallest lower
    and the smallest upper end of Koopman's intervals over all pairs. For more than `MAX_GROUPS_IN_PAIRS` groups, from
    intervals of the single rates. NaN for a group without rows, and for all groups if no row is selected.
    """
    hits, total = effective_counts(table, "selection_rate", positive=positive)
    kept = np.flatnonzero(total > 0)
    low, high = np.full(len(total), np.nan), np.full(len(total), np.nan)
    if not hits.any():
        return Intervals(low, high, level, "simultaneous_koopman", "no group has a row selected")
    if len(kept) > MAX_GROUPS_IN_PAIRS:
        found, method = _rate_intervals(hits[kept], total[kept], level, weighted=table.weighted)
        low[kept] = found.low / found.high.max()
        high[kept] = np.minimum(1, found.high / found.low.max()) if found.low.max() > 0 else 1.0
        return Intervals(low, high, level, method)
    lower, upper = _pair_ratios(hits[kept], total[kept], level)
    low[kept], high[kept] = np.minimum(1, lower.min(axis=1)), np.minimum(1, upper.min(axis=1))
    return Intervals(low, high, level, _method_name("koopman", table.weighted))


def _difference_limits(hits: Floats, total: Floats, level: float, *, weighted: bool) -> tuple[float, float, str]:
    if len(hits) > MAX_GROUPS_IN_PAIRS:
        found, method = _rate_intervals(hits, total, level, weighted=weighted)
        return max(0.0, float(found.low.max() - found.high.min())), float(found.high.max() - found.low.min()), method
    first, second = pairs(len(hits))
    ends = miettinen_nurminen(
        hits[first], total[first], hits[second], total[second], level=1 - (1 - level) / len(first)
    )
    low = max(0.0, float(ends.low.max()), float(-ends.high.min()))
    high = max(float(ends.high.max()), float(-ends.low.min()))
    return low, high, _method_name("miettinen_nurminen", weighted)


def _ratio_limits(hits: Floats, total: Floats, level: float, *, weighted: bool) -> tuple[float, float, str]:
    if len(hits) > MAX_GROUPS_IN_PAIRS:
        found, method = _rate_intervals(hits, total, level, weighted=weighted)
        lowest, highest = float(found.low.min() / found.high.max()), found.low.max()
        return lowest, float(min(1.0, found.high.min() / highest)) if highest > 0 else 1.0, method
    lower, upper = _pair_ratios(hits, total, level)
    return float(min(1.0, lower.min())), float(min(1.0, upper.min())), _method_name("koopman", weighted)


def _pair_ratios(hits: Floats, total: Floats, level: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(G, G) simultaneous limits of the ratio of the rate of one group (axis 0) to that of another.

    A ratio to a rate without hits has no upper limit, a ratio of two such rates has no limits, and the ratio of a group
    to itself is 1.
    """
    first, second = pairs(len(hits))
    each = 1 - (1 - level) / max(1, len(first))
    lower, upper = np.ones((len(hits), len(hits))), np.ones((len(hits), len(hits)))
    swapped = hits[first] / total[first] > hits[second] / total[second]
    # smaller rate over larger rate, so that the denominator has hits unless both rates are 0
    first, second = np.where(swapped, second, first), np.where(swapped, first, second)
    ends = koopman(hits[first], total[first], hits[second], total[second], level=each)
    low, high = np.nan_to_num(ends.low, nan=0.0), np.where(np.isnan(ends.high), np.inf, ends.high)
    lower[first, second], upper[first, second] = low, high
    with np.errstate(divide="ignore"):
        lower[second, first], upper[second, first] = 1 / high, 1 / low
    return lower, upper


def _rate_intervals(hits: Floats, total: Floats, level: float, *, weighted: bool) -> tuple[Intervals, str]:
    """Simultaneous intervals of all rates: exact ones, or Wilson's for effective counts."""
    method = wilson if weighted else clopper_pearson
    found = method(hits, total, level=1 - (1 - level) / len(hits))
    return found, _method_name(found.method, weighted)


def _method_name(method: str, weighted: bool) -> str:
    return f"simultaneous_{method}" + ("_effective" if weighted else "")
