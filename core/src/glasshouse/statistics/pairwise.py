"""Differences of a rate between two groups, for every pair: unlike a max-min gap, unbiased and with fair intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glasshouse.statistics.counts import Cells, GroupCounts
from glasshouse.statistics.estimates import Estimate, Floats, Interval
from glasshouse.statistics.intervals import newcombe
from glasshouse.statistics.rates import effective_counts, group_rates, rate
from glasshouse.statistics.resampling import bootstrap
from glasshouse.statistics.units import UnitCounts


@dataclass(frozen=True)
class PairwiseDifference:
    """A rate in the first group minus that in the second; the groups as attribute -> level.

    The estimate's `n` is the rows of both groups together that the rate is over.
    """

    first: dict[str, str]
    second: dict[str, str]
    estimate: Estimate


def pairs(groups: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Indices of the first and of the second group of every pair, G (G - 1) / 2 each.

    >>> [index.tolist() for index in pairs(3)]
    [[0, 0, 1], [1, 2, 2]]
    """
    return np.triu_indices(groups, k=1)


def pairwise_differences(values: Floats) -> Floats:
    """(..., G) to (..., G (G - 1) / 2): first minus second of every pair, in the order of `pairs`."""
    first, second = pairs(values.shape[-1])
    return np.asarray(values[..., first] - values[..., second])


def group_pairwise_differences(
    table: GroupCounts, name: str, *, positive: int = 1, level: float = 0.95
) -> tuple[PairwiseDifference, ...]:
    """A proportion's difference in every pair of groups, in the order of `pairs`, with Newcombe's interval.

    Weighted tables take effective counts (see `group_rates`): method ``newcombe_effective``.

    Raises:
        ValueError: as `rate`, and for f1, balanced accuracy and count, which are no proportions.
    """
    if not rate(table.cells, name, positive=positive).proportion:
        raise ValueError(f"{name} is no proportion and has no Newcombe interval; use bootstrap_pairwise_differences")
    hits, total = effective_counts(table, name, positive=positive)
    first, second = pairs(len(table))
    intervals = newcombe(hits[first], total[first], hits[second], total[second], level=level)
    if table.weighted:
        intervals = intervals.from_effective_counts()
    return _described(table, name, positive, [intervals.item(k) for k in range(len(first))])


def bootstrap_pairwise_differences(
    source: GroupCounts | UnitCounts,
    name: str,
    *,
    rng: np.random.Generator,
    positive: int = 1,
    level: float = 0.95,
    replicates: int = 1000,
) -> tuple[PairwiseDifference, ...]:
    """Any rate's difference in every pair of groups, in the order of `pairs`, with bootstrap percentile intervals.

    Raises:
        ValueError: as `rate` and `bootstrap`.
    """

    def differences(cells: Cells) -> Floats:
        return pairwise_differences(rate(cells, name, positive=positive).values)

    table = source.table if isinstance(source, UnitCounts) else source
    intervals = bootstrap(source, differences, rng=rng, replicates=replicates).intervals(level=level)
    return _described(table, name, positive, [intervals.item(k) for k in range(len(intervals.low))])


def _described(
    table: GroupCounts, name: str, positive: int, intervals: list[Interval]
) -> tuple[PairwiseDifference, ...]:
    rates, groups = group_rates(table, name, positive=positive), table.groups
    described = []
    for a, b, interval in zip(*pairs(len(table)), intervals, strict=True):
        one, other = rates[a], rates[b]
        n = (one.n or 0) + (other.n or 0)
        if one.value is None or other.value is None:
            estimate = Estimate(None, n, undefined=one.undefined or other.undefined)
        else:
            estimate = Estimate(one.value - other.value, n, interval)
        described.append(PairwiseDifference(groups[a], groups[b], estimate))
    return tuple(described)
