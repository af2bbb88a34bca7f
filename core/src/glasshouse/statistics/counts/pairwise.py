"""Differences and ratios of a rate for every pair of groups; unlike the gap between extremes they are unbiased."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from glasshouse.statistics.counts.clusters import UnitCounts
from glasshouse.statistics.counts.group_rates import group_rates
from glasshouse.statistics.counts.rates import effective_counts, rate
from glasshouse.statistics.counts.resampling import bootstrap
from glasshouse.statistics.counts.table import Cells, GroupCounts
from glasshouse.statistics.intervals.estimates import Estimate, Floats, Interval, Intervals
from glasshouse.statistics.intervals.two_proportions import katz, koopman, miettinen_nurminen, newcombe, score_test

DifferenceInterval = Literal["newcombe", "miettinen_nurminen"]
RatioInterval = Literal["koopman", "katz"]
_INTERVALS: Mapping[str, Callable[..., Intervals]] = {
    "newcombe": newcombe,
    "miettinen_nurminen": miettinen_nurminen,
    "koopman": koopman,
    "katz": katz,
}


@dataclass(frozen=True)
class Pairwise:
    """The difference or ratio of a rate between two groups; the groups as attribute -> level.

    The estimate's `n` is the sum of both groups' denominators.
    """

    first: dict[str, str]
    second: dict[str, str]
    estimate: Estimate


PairwiseDifference = Pairwise
"""A rate in the first group minus that in the second."""


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
    table: GroupCounts,
    name: str,
    *,
    positive: int = 1,
    level: float = 0.95,
    method: DifferenceInterval = "newcombe",
) -> tuple[PairwiseDifference, ...]:
    """A proportion's difference in every pair of groups, in the order of `pairs`, with an interval in closed form.

    Weighted tables use effective counts (see `group_rates`): method ``newcombe_effective``.

    Raises:
        ValueError: as `rate`, and for f1, balanced accuracy and count, which are not proportions.
    """
    intervals = _in_pairs(table, name, positive, _INTERVALS[method], level)
    return _described(table, name, positive, [intervals.item(k) for k in range(len(intervals.low))])


def group_pairwise_ratios(
    table: GroupCounts, name: str, *, positive: int = 1, level: float = 0.95, method: RatioInterval = "koopman"
) -> tuple[Pairwise, ...]:
    """A proportion's ratio in every pair of groups, first over second, in the order of `pairs`.

    Undefined if a rate is undefined or the second is 0. Weighted tables use effective counts.

    Raises:
        ValueError: as `group_pairwise_differences`.
    """
    intervals = _in_pairs(table, name, positive, _INTERVALS[method], level)
    return _described(table, name, positive, [intervals.item(k) for k in range(len(intervals.low))], kind="ratio")


def pairwise_p_values(table: GroupCounts, name: str, *, positive: int = 1) -> Floats:
    """Two-sided p-values of equal proportions in both groups of a pair (`score_test`), in the order of `pairs`.

    Not adjusted for multiple testing; see `holm` and `benjamini_hochberg`. NaN if a rate is undefined. Weighted tables
    use effective counts.

    Raises:
        ValueError: as `group_pairwise_differences`.
    """
    _require_proportion(table, name, positive)
    hits, total = effective_counts(table, name, positive=positive)
    first, second = pairs(len(table))
    return score_test(hits[first], total[first], hits[second], total[second])


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


def _in_pairs(
    table: GroupCounts, name: str, positive: int, method: Callable[..., Intervals], level: float
) -> Intervals:
    _require_proportion(table, name, positive)
    hits, total = effective_counts(table, name, positive=positive)
    first, second = pairs(len(table))
    intervals = method(hits[first], total[first], hits[second], total[second], level=level)
    return intervals.from_effective_counts() if table.weighted else intervals


def _require_proportion(table: GroupCounts, name: str, positive: int) -> None:
    if not rate(table.cells, name, positive=positive).proportion:
        raise ValueError(
            f"{name} is not a proportion and has no interval in closed form; use bootstrap_pairwise_differences"
        )


def _described(
    table: GroupCounts,
    name: str,
    positive: int,
    intervals: list[Interval],
    kind: Literal["difference", "ratio"] = "difference",
) -> tuple[Pairwise, ...]:
    rates, groups = group_rates(table, name, positive=positive), table.groups
    described = []
    for a, b, interval in zip(*pairs(len(table)), intervals, strict=True):
        one, other = rates[a], rates[b]
        n = (one.n or 0) + (other.n or 0)
        if one.value is None or other.value is None:
            estimate = Estimate(None, n, undefined=one.undefined or other.undefined)
        elif kind == "difference":
            estimate = Estimate(one.value - other.value, n, interval)
        elif other.value == 0:
            estimate = Estimate(None, n, undefined=f"{name} of the second group is 0")
        else:
            estimate = Estimate(one.value / other.value, n, interval)
        described.append(Pairwise(groups[a], groups[b], estimate))
    return tuple(described)
