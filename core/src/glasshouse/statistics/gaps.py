"""Gaps between groups, by fairlearn's names, over the groups where the rate is defined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from glasshouse.statistics.counts import GroupCounts
from glasshouse.statistics.estimates import Estimate, Floats

GAPS: dict[str, tuple[tuple[str, ...], Literal["difference", "ratio"]]] = {
    "demographic_parity_difference": (("selection_rate",), "difference"),
    "demographic_parity_ratio": (("selection_rate",), "ratio"),
    "equal_opportunity_difference": (("true_positive_rate",), "difference"),
    "equal_opportunity_ratio": (("true_positive_rate",), "ratio"),
    "equalized_odds_difference": (("true_positive_rate", "false_positive_rate"), "difference"),
    "equalized_odds_ratio": (("true_positive_rate", "false_positive_rate"), "ratio"),
}
"""Named gaps: the rates they look at, and how. Any ``<rate>_difference`` or ``<rate>_ratio`` is a gap as well."""


@dataclass(frozen=True)
class Gap:
    """A gap over the groups of a table."""

    name: str
    value: float | None
    n: int
    """Rows of the groups compared."""
    highest: dict[str, str] | None
    """The group with the highest rate (of the rate that decides, in equalized odds)."""
    lowest: dict[str, str] | None
    left_out: tuple[dict[str, str], ...]
    """Groups in which a rate is undefined."""
    undefined: str | None = None


@dataclass(frozen=True)
class PairwiseDifference:
    """A rate in the first group minus that in the second."""

    first: dict[str, str]
    second: dict[str, str]
    estimate: Estimate


def difference(values: Floats, *, overall: Floats | None = None) -> Floats:
    """Largest minus smallest over the last axis, NaN left out; or, given `overall`, the largest distance from it.

    0 is best. NaN where fewer than two groups are defined (one with `overall`).
    """
    raise NotImplementedError


def ratio(values: Floats, *, overall: Floats | None = None) -> Floats:
    """Smallest over largest along the last axis, NaN left out; or, given `overall`, the smallest of v/o and o/v.

    In [0, 1], 1 is best. NaN where fewer than two groups are defined, or all are 0.
    """
    raise NotImplementedError


def pairs(groups: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the first and second of every pair of groups."""
    first, second = np.triu_indices(groups, k=1)
    return first, second


def pairwise_differences(values: Floats) -> Floats:
    """(..., G) to (..., G (G - 1) / 2): first minus second of every pair, in the order of `pairs`."""
    first, second = pairs(values.shape[-1])
    return np.asarray(values[..., first] - values[..., second])


def gap(
    table: GroupCounts,
    name: str,
    *,
    positive: int = 1,
    method: Literal["between_groups", "to_overall"] = "between_groups",
) -> Gap:
    """One of `GAPS`, or ``<rate>_difference`` or ``<rate>_ratio``, over the groups of a table."""
    raise NotImplementedError


def impact_ratios(table: GroupCounts, *, positive: int = 1) -> tuple[Estimate, ...]:
    """Each group's selection rate over the highest one (NYC Local Law 144; the four-fifths rule, 29 CFR 1607.4 D)."""
    raise NotImplementedError


def group_pairwise_differences(
    table: GroupCounts, name: str, *, positive: int = 1, level: float = 0.95
) -> tuple[PairwiseDifference, ...]:
    """A rate's difference in every pair of groups with Newcombe's interval."""
    raise NotImplementedError
