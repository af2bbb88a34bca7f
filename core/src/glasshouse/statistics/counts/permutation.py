"""Permutation tests: is a statistic more extreme than under randomly permuted labels?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from glasshouse.statistics.counts.gaps import difference, gap_rates, ratio
from glasshouse.statistics.counts.rates import effective_counts, rate
from glasshouse.statistics.counts.table import GroupCounts
from glasshouse.statistics.intervals.estimates import Floats

Alternative = Literal["greater", "less", "two-sided"]

_BLOCK = 2**21
"""Labels permuted at a time."""

MAX_GROUPS_IN_PAIRS = 64
"""With more groups there are too many pairs; groups are then compared with all rows."""

_EXACT_ROWS = 10**9
"""NumPy's multivariate hypergeometric distribution requires fewer rows than this."""


@dataclass(frozen=True, eq=False)
class PermutationTest:
    """A statistic and its null distribution under permuted labels; small p-values are evidence against the null."""

    observed: float | None
    p_value: float | None
    permutations: int
    null: Floats
    """(B,) the statistic under permuted labels."""
    undefined: str | None = None


def permutation_test(
    statistic: Callable[[NDArray[Any]], ArrayLike],
    labels: ArrayLike,
    *,
    rng: np.random.Generator,
    permutations: int = 999,
    alternative: Alternative = "greater",
) -> PermutationTest:
    """Test whether a statistic depends on labels, by permuting them among the n rows.

    p = (1 + b) / (1 + B), with b of B permutations at least as extreme, so that it is never 0 and the test keeps its
    significance level (Phipson and Smyth 2010, Statistical Applications in Genetics and Molecular Biology 9:39). Two-
    sided is twice the smaller side.

    Args:
        statistic: maps labels (b, n) to (b,): one number for each labelling.
        labels: (n,) the labels to permute.
    """
    given = np.asarray(labels)
    observed = float(np.asarray(statistic(given[None]), dtype=np.float64)[0])
    step = max(1, _BLOCK // max(1, len(given)))
    null: list[Floats] = []
    for start in range(0, permutations, step):
        size = min(step, permutations - start)
        shuffled = rng.permuted(np.tile(given, (size, 1)), axis=1)
        null.append(np.asarray(statistic(shuffled), dtype=np.float64))
    return _test(observed, np.concatenate(null), alternative)


def permutation_gap_test(
    table: GroupCounts,
    name: str,
    *,
    rng: np.random.Generator,
    positive: int = 1,
    permutations: int = 999,
    statistic: Literal["gap", "studentized"] = "gap",
) -> PermutationTest:
    """Test whether a gap (see `gap`) is larger than if the rate did not depend on the group.

    Group labels are permuted among the rows of the rate's denominator: for true positive rates those with the positive
    target, so that base rates may differ between groups. On the table this is a draw of each group's hits from the
    multivariate hypergeometric distribution, which is exact and takes the same time for any number of rows (from a
    billion rows on, its normal limit). The two rates of equalized odds have disjoint rows and are drawn independently.
    Undefined if the gap is undefined.

    With many groups the gap is usually between the smallest ones, whose rates vary most, and hides differences between
    large groups. The ``studentized`` statistic is the largest difference in units of its standard error under the null
    hypothesis: over all pairs of up to `MAX_GROUPS_IN_PAIRS` groups; with more, from each group to all rows.

    Raises:
        ValueError: if the table is weighted, the name is not a gap, or its rate is not a proportion, and for a
            billion rows or more, which NumPy's hypergeometric draws do not take.
    """
    if table.weighted:
        raise ValueError("rows of different weight are not exchangeable; test an unweighted table")
    rates, kind = gap_rates(name)
    if statistic == "studentized" and kind != "difference":
        raise ValueError(f"{name} is a ratio; the studentized statistic is one of differences")
    compared, worst = (difference, np.maximum) if kind == "difference" else (ratio, np.minimum)
    observed: list[float] = []
    null: list[Floats] = []
    for each in rates:
        found = rate(table.cells, each, positive=positive)
        if not found.proportion:
            raise ValueError(f"{each} is not a proportion; a permutation of its table is not defined")
        hits = _regrouped(found.denominator, int(found.numerator.sum()), rng, permutations)
        values = np.divide(hits, found.denominator, out=np.full(hits.shape, np.nan), where=found.denominator > 0)
        if np.isnan(compared(found.values)):
            observed, null = [np.nan], [np.full(permutations, np.nan)]
            break
        if statistic == "studentized":
            hits_of_all = int(found.numerator.sum())
            observed.append(float(_largest_in_errors(found.values, found.denominator, hits_of_all)))
            null.append(_largest_in_errors(values, found.denominator, hits_of_all))
        else:
            observed.append(float(compared(found.values)))
            null.append(compared(values))
    value = float(worst.reduce(observed))
    if np.isnan(value):
        reason = "fewer than two groups with a defined rate, or rates that are all 0"
        return PermutationTest(None, None, permutations, np.empty(0), reason)
    return _test(value, worst.reduce(null), "greater" if kind == "difference" else "less")


def weighted_gap_test(
    table: GroupCounts, name: str, *, rng: np.random.Generator, positive: int = 1, draws: int = 9999
) -> PermutationTest:
    """The studentized `permutation_gap_test` for weighted or clustered rows, by its normal limit.

    Such rows are not exchangeable. With effective counts (`effective_counts`) instead of rows, group rates under the
    null hypothesis vary around the pooled rate with variance p (1 - p) / n (Rao and Scott 1981, JASA 76:221); the
    largest difference in standard errors is compared with that of `draws` normal draws.

    Raises:
        ValueError: if the name is not a difference, or its rate is not a proportion.
    """
    rates, kind = gap_rates(name)
    if kind != "difference":
        raise ValueError(f"{name} is a ratio; the studentized statistic is one of differences")
    observed: list[float] = []
    null: list[Floats] = []
    for each in rates:
        if not rate(table.cells, each, positive=positive).proportion:
            raise ValueError(f"{each} is not a proportion, and its spread does not follow from its counts")
        hits, total = effective_counts(table, each, positive=positive)
        if np.sum(total > 0) < 2:
            return PermutationTest(None, None, draws, np.empty(0), "fewer than two groups with a defined rate")
        n = np.where(total > 0, total, 1.0)
        share = float(hits.sum() / total.sum())
        scattered = share + rng.normal(size=(draws, len(n))) * np.sqrt(share * (1 - share) / n)
        observed.append(float(_largest_in_errors(hits / n, total, hits.sum())))
        null.append(_largest_in_errors(scattered, total, hits.sum()))
    return _test(float(np.max(observed)), np.max(null, axis=0), "greater")


def _largest_in_errors(values: Floats, sizes: NDArray[Any], hits: float) -> Floats:
    """The largest difference of rates (..., G) in standard errors, which are the same for every permutation.

    A permutation leaves the sizes and the pooled rate unchanged.
    """
    kept = sizes > 0
    rates, n = values[..., kept], sizes[kept].astype(np.float64)
    pooled = hits / n.sum()
    if pooled in (0.0, 1.0):
        return np.zeros(values.shape[:-1])
    if len(n) <= MAX_GROUPS_IN_PAIRS:
        first, second = np.triu_indices(len(n), k=1)
        distance, spread = rates[..., first] - rates[..., second], 1 / n[first] + 1 / n[second]
    else:
        distance, spread = rates - pooled, 1 / n - 1 / n.sum()
    return np.asarray((np.abs(distance) / np.sqrt(pooled * (1 - pooled) * spread)).max(axis=-1))


def _regrouped(sizes: NDArray[np.int64], hits: int, rng: np.random.Generator, draws: int) -> NDArray[Any]:
    """(draws, G) hits of each group for hits on random rows, which are multivariate hypergeometric.

    From `_EXACT_ROWS` on, which NumPy does not support, its normal limit with the same mean and covariance.
    """
    total = int(sizes.sum())
    if total < _EXACT_ROWS:
        return rng.multivariate_hypergeometric(sizes, hits, size=draws)
    share = sizes / total
    noise = rng.normal(size=(draws, len(sizes))) * np.sqrt(share)
    # subtracting the sum gives the covariance share_i (delta_ij - share_j), so that hits add up to the total
    noise -= share * noise.sum(axis=1, keepdims=True)
    return np.asarray(hits * share + noise * np.sqrt(hits / (total - 1) * (total - hits)))


def _test(observed: float, null: Floats, alternative: Alternative) -> PermutationTest:
    # equal statistics may differ by rounding, and a tie counts as extreme
    slack = 1e-12 * max(1.0, abs(observed))
    above = (1 + int(np.sum(null >= observed - slack))) / (1 + len(null))
    below = (1 + int(np.sum(null <= observed + slack))) / (1 + len(null))
    p_value = {"greater": above, "less": below, "two-sided": min(1.0, 2 * min(above, below))}[alternative]
    return PermutationTest(observed, p_value, len(null), null)
