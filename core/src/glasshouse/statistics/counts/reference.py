"""Comparison of each group with all rows, or with a reference group."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from glasshouse.statistics.counts.gaps import GapKind
from glasshouse.statistics.counts.group_rates import group_rates
from glasshouse.statistics.counts.others import sums_of_others
from glasshouse.statistics.counts.rates import effective_counts, rate
from glasshouse.statistics.counts.table import GroupCounts
from glasshouse.statistics.intervals.estimates import Estimate, Floats, Intervals
from glasshouse.statistics.intervals.two_proportions import koopman, miettinen_nurminen


def compared_with(
    table: GroupCounts,
    name: str,
    *,
    kind: GapKind = "difference",
    reference: Mapping[str, str] | None = None,
    positive: int = 1,
    level: float = 0.95,
) -> tuple[Estimate, ...]:
    """A rate in each group minus, or divided by, that of the reference group; without one, that of all rows.

    Intervals are not simultaneous. Against a reference group they are score intervals (Miettinen and Nurminen's,
    Koopman's). A comparison with all rows includes the group itself: its difference is (1 - w) times the difference
    from the other rows, with w its share of the denominator. The interval against the others is transformed with the
    observed share (``..._versus_rest``). Rates that are not proportions have no interval.

    Raises:
        ValueError: as `rate`, or if there is no such group.
    """
    found = rate(table.cells, name, positive=positive)
    values, estimates = found.values, group_rates(table, name, positive=positive)
    if reference is None:
        base = float(rate(table.cells.sum(axis=0), name, positive=positive).values)
        missing = "no rows that the rate is over"
    else:
        at = _group_index(table, reference)
        base, missing = float(values[at]), f"the reference group has none: {estimates[at].undefined}"
    intervals = None
    if found.proportion:
        of = _against_rest if reference is None else _against_group
        intervals = of(table, name, kind, positive, level, None if reference is None else at)
    compared = []
    for k, estimate in enumerate(estimates):
        if estimate.value is None or np.isnan(base):
            compared.append(Estimate(None, estimate.n, undefined=estimate.undefined or missing))
        elif kind == "ratio" and base == 0:
            compared.append(Estimate(None, estimate.n, undefined=f"{name} to compare with is 0"))
        else:
            value = estimate.value - base if kind == "difference" else estimate.value / base
            itself = reference is not None and k == at
            interval = None if intervals is None or itself else intervals.item(k)
            compared.append(Estimate(value, estimate.n, interval))
    return tuple(compared)


def _against_group(
    table: GroupCounts, name: str, kind: GapKind, positive: int, level: float, reference: int | None
) -> Intervals:
    hits, total = effective_counts(table, name, positive=positive)
    method = miettinen_nurminen if kind == "difference" else koopman
    found = method(hits, total, hits[reference], total[reference], level=level)
    return found.from_effective_counts() if table.weighted else found


def _against_rest(
    table: GroupCounts, name: str, kind: GapKind, positive: int, level: float, _: int | None
) -> Intervals:
    hits, total = effective_counts(table, name, positive=positive)
    found = rate(table.cells, name, positive=positive)
    numerator, weight = np.asarray(found.numerator, float), np.asarray(found.denominator, float)
    squares = np.asarray(rate(table.squares, name, positive=positive).denominator, float)
    rest_weight, rest_squares = _others(weight), _others(squares)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(weight > 0, weight / (weight + rest_weight), 0.0)
        rest_total = np.where(rest_squares > 0, rest_weight**2 / rest_squares, 0.0)
        rest_hits = np.where(rest_weight > 0, np.clip(_others(numerator) / rest_weight, 0, 1), 0.0) * rest_total
    method = miettinen_nurminen if kind == "difference" else koopman
    ends = method(hits, total, rest_hits, rest_total, level=level)
    if kind == "difference":
        low, high = (1 - share) * ends.low, (1 - share) * ends.high
    else:
        low, high = (each / (share * each + 1 - share) for each in (ends.low, ends.high))
    # a group with all rows equals all rows exactly
    whole = (weight > 0) & (rest_weight == 0)
    same = 0.0 if kind == "difference" else 1.0
    low, high = np.where(whole, same, low), np.where(whole, same, high)
    suffix = "_effective" if table.weighted else ""
    return Intervals(low, high, level, f"{ends.method}_versus_rest{suffix}", ends.reason)


def _others(values: Floats) -> Floats:
    """For each entry the sum of all others; total minus entry would leave rounding errors."""
    return sums_of_others(values)


def _group_index(table: GroupCounts, reference: Mapping[str, str]) -> int:
    groups = table.groups
    if dict(reference) not in groups:
        raise ValueError(f"the reference {dict(reference)} is not a group of the table")
    return groups.index(dict(reference))
