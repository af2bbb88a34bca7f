"""Simultaneous intervals of all groups, and so of the gap between the extreme ones.

The gap between the largest and the smallest of several rates is biased upward, and resampling repeats the bias: a
bootstrap interval of it never includes 0. Here each end of the interval comes from exact one-sided tests
(`glasshouse.statistics.intervals.melded`), which hold for any counts, also of rare events in small groups:

- The end away from equality: the gap is the ratio or difference of one pair, whichever it is, so that the most extreme
  limit over all pairs, each at (1 - level) / 2, is a limit of it (Berger 1982, Technometrics 24:295).
- The end near equality: if all ratios of two rates are at least r, so is that of a rate to the mean of any others. The
  end is the smallest limit over comparisons of each group with all others together, and of all pairs, with Bonferroni's
  correction (Miller 1981, Simultaneous Statistical Inference, section 1.6). Pairs, of which there are many, get the
  share 2 / G of the error, and the G comparisons with all others the rest: these find a single group that differs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from glasshouse.statistics.counts.gaps import gap_rates
from glasshouse.statistics.counts.others import sums_of_others
from glasshouse.statistics.counts.permutation import MAX_GROUPS_IN_PAIRS
from glasshouse.statistics.counts.rates import effective_counts, rate
from glasshouse.statistics.counts.table import GroupCounts
from glasshouse.statistics.intervals.estimates import Floats, Interval, Intervals
from glasshouse.statistics.intervals.melded import WIDEST, LowerTail, Scale
from glasshouse.statistics.intervals.proportions import clopper_pearson

Indices = NDArray[np.intp]

_MOST_SOLVED = 12
"""Comparisons whose limits near equality are computed."""


def gap_interval(table: GroupCounts, name: str, *, positive: int = 1, level: float = 0.95) -> Interval | None:
    """Interval of a gap (see `gap`) over the groups of a table: ``simultaneous_melded``.

    Coverage is at least `level`, for any number of groups, sizes and rates. Weighted rows use effective counts, as in
    `group_rates`. Groups with an undefined rate are left out, as in the gap. Of more than `MAX_GROUPS_IN_PAIRS` groups,
    pairs are not compared; the end away from equality is then that of the groups' own intervals. None if fewer than two
    groups have a rate, or it is not a proportion.
    """
    rates, kind = gap_rates(name)
    ends = []
    for each in rates:
        if not rate(table.cells, each, positive=positive).proportion:
            return None
        hits, total = effective_counts(table, each, positive=positive)
        if (total > 0).sum() < 2:
            return None
        counts = Counts(hits[total > 0], total[total > 0])
        # of several rates, the near end is one of several tests, while the far end belongs to the rate that decides
        ends.append((counts.near_end(kind, (1 - level) / 2 / len(rates)), counts.far_end(kind, (1 - level) / 2)))
    near, far = zip(*ends, strict=True)
    if kind == "difference":
        return Interval(max(near), max(far), level, _method_name(table))
    return Interval(min(far), min(near), level, _method_name(table))


def impact_ratio_intervals(table: GroupCounts, *, positive: int = 1, level: float = 0.95) -> Intervals:
    """(G,) simultaneous intervals of all impact ratios (see `impact_ratios`); within 0 and 1.

    As `gap_interval`; each lower end has the share 1 / G of the error. NaN for a group without rows, and for all groups
    if no row is selected.
    """
    hits, total = effective_counts(table, "selection_rate", positive=positive)
    kept = np.flatnonzero(total > 0)
    low, high = np.full(len(total), np.nan), np.full(len(total), np.nan)
    method = _method_name(table)
    if not hits.any():
        return Intervals(low, high, level, method, "no group has a row selected")
    if len(kept) == 1:
        low[kept] = high[kept] = 1.0
        return Intervals(low, high, level, method)
    counts, alpha = Counts(hits[kept], total[kept]), (1 - level) / 2
    low[kept], high[kept] = counts.lowest_ratios(alpha), counts.highest_ratios(alpha)
    return Intervals(low, high, level, method)


@dataclass(frozen=True, eq=False)
class Counts:
    """Hits and totals, above 0, of G >= 2 groups."""

    hits: Floats
    total: Floats

    def __len__(self) -> int:
        return len(self.hits)

    def near_end(self, kind: Scale, alpha: float) -> float:
        """Upper limit of the smallest ratio, or lower limit of the largest difference, of two rates."""
        tests = self._tests(alpha, both=True)
        found = float(tests.smallest_upper_limits(kind, np.zeros(len(tests.alpha), np.intp), 1)[0])
        return min(1.0, found) if kind == "ratio" else max(0.0, -found)

    def far_end(self, kind: Scale, alpha: float) -> float:
        """Lower limit of the smallest ratio, or upper limit of the largest difference, of two rates."""
        if len(self) > MAX_GROUPS_IN_PAIRS:
            # the extreme rates lie in their own intervals, each at half of the error
            own = clopper_pearson(self.hits, self.total, level=1 - alpha)
            lowest, highest = float(own.low.min()), float(own.high.max())
            return lowest / highest if kind == "ratio" else highest - lowest
        pairs = self._pairs(alpha)
        found = float(pairs.smallest_lower_limits(kind, np.zeros(len(pairs.alpha), np.intp), 1)[0])
        return min(1.0, found) if kind == "ratio" else -found

    def highest_ratios(self, alpha: float) -> Floats:
        """(G,) upper limits of each rate over the highest one."""
        tests, groups = self._tests(alpha, both=False), np.arange(len(self))
        if len(self) == 2:
            groups = self._ordered_pairs[0]
        elif len(self) <= MAX_GROUPS_IN_PAIRS:
            groups = np.concatenate([groups, self._ordered_pairs[0]])
        return np.minimum(1.0, tests.smallest_upper_limits("ratio", groups, len(self)))

    def lowest_ratios(self, alpha: float) -> Floats:
        """(G,) lower limits of each rate over the highest one."""
        each = alpha / len(self)
        if len(self) > MAX_GROUPS_IN_PAIRS:
            own = clopper_pearson(self.hits, self.total, level=1 - each)
            return np.asarray(np.minimum(1.0, own.low / own.high.max()))
        found = self._pairs(each).smallest_lower_limits("ratio", self._ordered_pairs[0], len(self))
        return np.minimum(1.0, found)

    def _tests(self, alpha: float, *, both: bool) -> Comparisons:
        """The comparisons with Bonferroni's correction: with all others, then pairs with the share 2 / G of alpha."""
        groups = len(self)
        if groups > MAX_GROUPS_IN_PAIRS:
            return self._with_rest(alpha, both=both)
        pairs = self._pairs(alpha * (2 / groups) / (groups * (groups - 1) / 2))
        return pairs if groups == 2 else self._with_rest(alpha, both=both) + pairs

    @property
    def _ordered_pairs(self) -> tuple[Indices, Indices]:
        one, other = np.nonzero(~np.eye(len(self), dtype=bool))
        return one, other

    def _pairs(self, alpha: float) -> Comparisons:
        one, other = self._ordered_pairs
        error = np.full(len(one), alpha)
        return Comparisons(self.hits[one], self.total[one], self.hits[other], self.total[other], error)

    def _with_rest(self, alpha: float, *, both: bool) -> Comparisons:
        """Each of G >= 3 groups with all others together; `both`: and all others with each group.

        The sum of the others' hits varies no more than that of rows with their mean rate (Hoeffding 1956, Annals of
        Mathematical Statistics 27:713).
        """
        groups = len(self)
        share = 1.0 if groups > MAX_GROUPS_IN_PAIRS else 1 - 2 / groups
        rest_total = sums_of_others(self.total)
        rest = np.minimum(sums_of_others(self.hits), rest_total)
        each = np.full(groups, alpha * share / groups)
        lower = Comparisons(self.hits, self.total, rest, rest_total, each)
        return lower + Comparisons(rest, rest_total, self.hits, self.total, each) if both else lower


@dataclass(frozen=True, eq=False)
class Comparisons:
    """T pairs of proportions, x of n and y of m, each with the one-sided error of its limit; `+` joins them."""

    x: Floats
    n: Floats
    y: Floats
    m: Floats
    alpha: Floats

    def __add__(self, other: Comparisons) -> Comparisons:
        return Comparisons(
            *(np.concatenate(pair) for pair in zip(self._columns, other._columns, strict=True)),
        )

    @property
    def _columns(self) -> tuple[Floats, ...]:
        return self.x, self.n, self.y, self.m, self.alpha

    def chosen(self, tests: Indices) -> Comparisons:
        """Some of them."""
        return Comparisons(*(column[tests] for column in self._columns))

    def solved(self, scale: Scale) -> Floats:
        """(T,) the upper limits, on the scale of `LowerTail`; its largest value for a ratio to no hits."""
        found = np.full(len(self.x), WIDEST[scale])
        some = np.flatnonzero(self.y > 0) if scale == "ratio" else np.arange(len(self.x))
        part = self.chosen(some)
        found[some] = LowerTail(part.x, part.n, part.y, part.m, scale=scale).solved(part.alpha)
        return found

    def approximate_limits(self, scale: Scale) -> Floats:
        """(T,) approximate upper limits, from the distances of both proportions to their own exact limits.

        Source: Donner and Zou 2012, Statistical Methods in Medical Research 21:347.
        """
        high, low = self._own_limits(self.alpha)
        p, q = np.maximum(self.x, 0.5) / self.n, np.maximum(self.y, 0.5) / self.m
        if scale == "ratio":
            p, q, high, low = np.log(p), np.log(q), np.log(high), np.log(np.maximum(low, 1e-300))
        return np.asarray(p - q + np.hypot(high - p, q - low))

    def separate_limits(self, scale: Scale) -> Floats:
        """(T,) upper limits from the exact limits of both proportions, each at half of the error."""
        high, low = self._own_limits(self.alpha / 2)
        with np.errstate(divide="ignore"):
            limits = np.log(high) - np.log(low) if scale == "ratio" else high - low
        return np.asarray(np.minimum(limits, WIDEST[scale]))

    def _own_limits(self, alpha: Floats) -> tuple[Floats, Floats]:
        """(T,) exact upper limits of x / n and exact lower limits of y / m."""
        high = special.betaincinv(self.x + 1, np.maximum(self.n - self.x, 1e-300), 1 - alpha)
        low = special.betaincinv(np.maximum(self.y, 1e-300), self.m - self.y + 1, alpha)
        return np.where(self.x < self.n, high, 1.0), np.where(self.y > 0, low, 0.0)

    def smallest_upper_limits(self, scale: Scale, group: Indices, groups: int) -> Floats:
        """(groups,) for each number in `group` (T,) the smallest upper limit of x / n over or minus y / m."""
        found = _smallest(self, scale, group, groups)
        return np.exp(found) if scale == "ratio" else found

    def smallest_lower_limits(self, scale: Scale, group: Indices, groups: int) -> Floats:
        """(groups,) the smallest lower limit: minus the largest upper limit of y / m over or minus x / n."""
        swapped = Comparisons(self.y, self.m, self.x, self.n, self.alpha)
        found = -_largest(swapped, scale, group, groups)
        if scale == "difference":
            return found
        return np.where(found > -WIDEST[scale], np.exp(found), 0.0)  # no hits: the limit is 0


def _smallest(tests: Comparisons, scale: Scale, group: Indices, groups: int) -> Floats:
    """(groups,) the smallest upper limits, on the scale of `LowerTail`.

    Leaving a test out could only make a limit larger: only those with the smallest approximate limits are solved.
    """
    order = np.lexsort((tests.approximate_limits(scale), group))
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    rank = np.arange(len(order)) - np.repeat(starts, np.diff(np.append(starts, len(order))))
    some = order[rank < _MOST_SOLVED]
    best = np.full(groups, np.inf)
    np.minimum.at(best, group[some], tests.chosen(some).solved(scale))
    return best


def _largest(tests: Comparisons, scale: Scale, group: Indices, groups: int) -> Floats:
    """(groups,) the largest upper limits, on the scale of `LowerTail`.

    No limit exceeds that which both exact intervals, each at half of the error, allow.
    """
    largest_possible = tests.separate_limits(scale)
    first = _first_of(group, -largest_possible)
    best = np.full(groups, np.nan)
    best[group[first]] = tests.chosen(first).solved(scale)
    more = np.flatnonzero(largest_possible > best[group])
    np.maximum.at(best, group[more], tests.chosen(more).solved(scale))
    return best


def _first_of(group: Indices, value: Floats) -> Indices:
    """The index of the smallest value of each group that occurs."""
    order = np.lexsort((value, group))
    return np.asarray(order[np.flatnonzero(np.diff(group[order], prepend=-1))])


def _method_name(table: GroupCounts) -> str:
    return "simultaneous_melded" + ("_effective" if table.weighted else "")
