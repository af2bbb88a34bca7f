"""Group fairness of decisions: everything is arithmetic on one count table."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from glasshouse import Measurement
from glasshouse.statistics import (
    GroupCounts,
    bootstrap_pairwise_differences,
    gap,
    group_pairwise_differences,
    group_rates,
    impact_ratios,
    permutation_gap_test,
)

from glasshouse_audits.fairness.simultaneous import gap_interval

RATES = (
    "selection_rate",
    "true_positive_rate",
    "false_positive_rate",
    "true_negative_rate",
    "false_negative_rate",
    "precision",
    "prevalence",
)
"""Rates about one class against the rest; accuracy and count stand beside them, once for all classes."""

DIFFERENCES = ("demographic_parity_difference", "equal_opportunity_difference", "equalized_odds_difference")
RATIOS = ("demographic_parity_ratio", "equalized_odds_ratio")
COMPARED = ("selection_rate", "true_positive_rate", "false_positive_rate")
"""The rates that are compared pair by pair."""

# Pairs grow with the square of the levels; beyond these nobody reads them.
MOST_LEVELS_IN_PAIRS = 12


def names(table: GroupCounts) -> tuple[str, ...]:
    """An attribute's or an intersection's names."""
    return tuple(attribute.name for attribute in table.attributes)


def available(table: GroupCounts, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Those of some rates or gaps that can be had: without targets only what looks at decisions alone."""
    if table.has_targets:
        return wanted
    return tuple(name for name in wanted if name == "selection_rate" or name.startswith("demographic_parity"))


def shared_rates(table: GroupCounts, split: str) -> Iterator[Measurement]:
    """Count and accuracy of every group: the same whichever class is looked at."""
    for group, size in zip(table.groups, table.sizes, strict=True):
        yield Measurement(name="count", value=float(size), n=int(size), group=group, split=split)
    if table.has_targets:
        for group, estimate in zip(table.groups, group_rates(table, "accuracy"), strict=True):
            yield Measurement(name="accuracy", group=group, split=split, **estimate.fields())


def class_rates(table: GroupCounts, split: str, positive: int, output: str | None) -> Iterator[Measurement]:
    """Rates of every group about one class, with Wilson intervals, and its impact ratio."""
    for name in available(table, RATES):
        for group, estimate in zip(table.groups, group_rates(table, name, positive=positive), strict=True):
            yield Measurement(name=name, group=group, output=output, split=split, **estimate.fields())
    for group, estimate in zip(table.groups, impact_ratios(table, positive=positive), strict=True):
        yield Measurement(name="impact_ratio", group=group, output=output, split=split, **estimate.fields())


def gaps(table: GroupCounts, split: str, positive: int, output: str | None) -> Iterator[Measurement]:
    """Gaps between the extreme groups, with simultaneous intervals."""
    for name in available(table, (*DIFFERENCES, *RATIOS)):
        found = gap(table, name, positive=positive)
        interval = gap_interval(table, name, positive=positive) if found.value is not None else None
        yield Measurement(
            name=name,
            value=found.value,
            undefined=found.undefined,
            low=interval.low if interval else None,
            high=interval.high if interval else None,
            level=interval.level if interval else None,
            interval_method=interval.method if interval else None,
            n=found.n,
            over=names(table),
            output=output,
            split=split,
        )


def chance(
    table: GroupCounts, split: str, positive: int, output: str | None, *, permutations: int, seed: int
) -> Iterator[Measurement]:
    """How often a gap as large arises if groups make no difference: permutation p-values, for unweighted rows."""
    if table.weighted:
        return
    rng = np.random.default_rng(seed)
    for name in available(table, DIFFERENCES):
        found = permutation_gap_test(table, name, rng=rng, positive=positive, permutations=permutations)
        yield Measurement(
            name=f"{name}_p_value",
            value=found.p_value,
            undefined=found.undefined,
            n=int(table.sizes.sum()),
            over=names(table),
            output=output,
            split=split,
        )


def pairwise(
    table: GroupCounts, split: str, positive: int, output: str | None, *, replicates: int, seed: int
) -> Iterator[Measurement]:
    """Differences between every two levels of one attribute, first minus second, with bootstrap intervals.

    The bootstrap is over rows, drawn as multinomial counts. Weighted rows get Newcombe's interval instead.
    """
    rng = np.random.default_rng(seed)
    for name in available(table, COMPARED):
        if table.weighted:
            found = group_pairwise_differences(table, name, positive=positive)
        else:
            found = bootstrap_pairwise_differences(table, name, rng=rng, positive=positive, replicates=replicates)
        for pair in found:
            (first,), (second,) = pair.first.values(), pair.second.values()
            yield Measurement(
                name=f"{name}_pairwise_difference",
                over=names(table),
                output=output,
                split=split,
                parameters={"first": first, "second": second},
                **pair.estimate.fields(),
            )
