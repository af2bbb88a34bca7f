"""Gaps between groups, by fairlearn's names, over the groups where the rate is defined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from glasshouse.statistics.counts.rates import RATES, rate
from glasshouse.statistics.counts.table import GroupCounts
from glasshouse.statistics.intervals.estimates import Estimate, Floats

GapKind = Literal["difference", "ratio"]
Method = Literal["between_groups", "to_overall"]

GAPS: dict[str, tuple[tuple[str, ...], GapKind]] = {
    "demographic_parity_difference": (("selection_rate",), "difference"),
    "demographic_parity_ratio": (("selection_rate",), "ratio"),
    "equal_opportunity_difference": (("true_positive_rate",), "difference"),
    "equal_opportunity_ratio": (("true_positive_rate",), "ratio"),
    "equalized_odds_difference": (("true_positive_rate", "false_positive_rate"), "difference"),
    "equalized_odds_ratio": (("true_positive_rate", "false_positive_rate"), "ratio"),
    "predictive_parity_difference": (("precision",), "difference"),
    "predictive_parity_ratio": (("precision",), "ratio"),
    "treatment_equality_difference": (("treatment_equality",), "difference"),
    "treatment_equality_ratio": (("treatment_equality",), "ratio"),
}
"""Named gaps and their rates, of which the worst is the gap. ``<rate>_difference`` and ``<rate>_ratio`` of any of
`RATES` are gaps as well."""


@dataclass(frozen=True)
class Gap:
    """A gap over the groups of a table; the groups as attribute -> level."""

    name: str
    value: float | None
    n: int
    """Rows that the deciding rate is over, in the groups compared."""
    highest: dict[str, str] | None = None
    """The group with the highest rate; of equalized odds, in the rate that decides."""
    lowest: dict[str, str] | None = None
    rate: str | None = None
    """The rate that decides."""
    left_out: tuple[dict[str, str], ...] = ()
    """Groups in which a rate is undefined."""
    undefined: str | None = None


def difference(values: Floats, *, overall: Floats | None = None) -> Floats:
    """Largest minus smallest along the last axis, NaN left out; or, given `overall`, the largest distance from it.

    0 is best. NaN where fewer than two groups are defined. The same along a bootstrap's replicates is biased upward
    and its interval never reaches 0: give `bootstrap_pairwise_differences` or `permutation_gap_test` as evidence.
    """
    if overall is not None:
        gaps = np.fmax.reduce(np.abs(values - np.asarray(overall)[..., None]), axis=-1)
    else:
        gaps = np.fmax.reduce(values, axis=-1) - np.fmin.reduce(values, axis=-1)
    return np.where(_comparable(values), gaps, np.nan)


def ratio(values: Floats, *, overall: Floats | None = None) -> Floats:
    """Smallest over largest along the last axis, NaN left out; or, given `overall`, the smallest of v/o and o/v.

    In [0, 1], 1 is best. NaN where fewer than two groups are defined, or all rates are 0.
    """
    if overall is not None:
        centre = np.broadcast_to(np.asarray(overall)[..., None], values.shape)
        small, large = np.minimum(values, centre), np.maximum(values, centre)
    else:
        small, large = np.fmin.reduce(values, axis=-1)[..., None], np.fmax.reduce(values, axis=-1)[..., None]
    ratios = np.divide(small, large, out=np.full(large.shape, np.nan), where=large > 0)
    return np.where(_comparable(values), np.fmin.reduce(ratios, axis=-1), np.nan)


def gap(table: GroupCounts, name: str, *, positive: int = 1, method: Method = "between_groups") -> Gap:
    """One of `GAPS`, or ``<rate>_difference`` or ``<rate>_ratio``, over the groups of a table.

    Undefined where fewer than two groups have the rate (fairlearn: 0), or a ratio's rates are all 0. Equalized odds
    take the worse of their two rates and are undefined where one of the two gaps is. `method` as in fairlearn.

    Raises:
        ValueError: if the name is not a gap, or the rate needs targets that the table lacks.
    """
    rates, kind = gap_rates(name)
    compared = difference if kind == "difference" else ratio
    found, all_rows = {}, table.cells.sum(axis=0)
    for each in rates:
        values = rate(table.cells, each, positive=positive).values
        overall = rate(all_rows, each, positive=positive).values if method == "to_overall" else None
        found[each] = (values, float(compared(values, overall=overall)))
    defined = np.all([np.isfinite(values) for values, _ in found.values()], axis=0)
    groups = table.groups
    left_out = tuple(group for group, known in zip(groups, defined, strict=True) if not known)
    for each, (values, value) in found.items():
        if np.isnan(value):
            few = np.isfinite(values).sum() < 2
            reason = f"fewer than two groups with a defined {each}" if few else f"{each} is 0 in every group"
            return Gap(name, None, _rows(table, each, positive), rate=each, left_out=left_out, undefined=reason)
    worst = max if kind == "difference" else min
    decides = worst(found, key=lambda each: found[each][1])
    values, value = found[decides]
    return Gap(
        name,
        value,
        _rows(table, decides, positive),
        highest=groups[int(np.nanargmax(values))],
        lowest=groups[int(np.nanargmin(values))],
        rate=decides,
        left_out=left_out,
    )


def gap_rates(name: str) -> tuple[tuple[str, ...], GapKind]:
    """The rates of a gap, and whether it is a difference or a ratio.

    Raises:
        ValueError: if the name is not a gap.
    """
    if name in GAPS:
        return GAPS[name]
    base, _, kind = name.rpartition("_")
    if base in RATES and kind == "difference":
        return (base,), "difference"
    if base in RATES and kind == "ratio":
        return (base,), "ratio"
    raise ValueError(f"'{name}' is not a gap; known: {', '.join(GAPS)}, and <rate>_difference or <rate>_ratio")


def impact_ratios(table: GroupCounts, *, positive: int = 1) -> tuple[Estimate, ...]:
    """Each group's selection rate over the highest one, in the table's order; 1 for the group selected most.

    Source: 6 RCNY 5-301 (NYC Local Law 144); the four-fifths rule, 29 CFR 1607.4 D, uses the same number.
    """
    rates = rate(table.cells, "selection_rate", positive=positive)
    highest = np.fmax.reduce(rates.values)
    estimates = []
    for k, value in enumerate(rates.values):
        n, reason = int(table.sizes[k]), rates.undefined(k)
        if reason is None and highest == 0:
            reason = "no group has a row selected"
        if reason is None:
            estimates.append(Estimate(float(value / highest), n))
        else:
            estimates.append(Estimate(None, n, undefined=reason))
    return tuple(estimates)


def _comparable(values: Floats) -> np.ndarray:
    return np.asarray(np.isfinite(values).sum(axis=-1) >= 2)


def _rows(table: GroupCounts, name: str, positive: int) -> int:
    found = rate(table.rows, name, positive=positive)
    return int(found.denominator.sum() if found.proportion else table.sizes.sum())
