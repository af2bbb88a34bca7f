"""Bootstrap and permutation, on the count table where it carries all that the statistic needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from glasshouse.statistics.counts import Cells, GroupCounts
from glasshouse.statistics.estimates import Floats, Intervals


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """A statistic of shape (...) and its replicates (B, ...), NaN where a replicate leaves it undefined."""

    observed: Floats
    replicates: Floats
    method: str = "bootstrap_percentile"

    @property
    def excluded(self) -> Floats:
        """Share of the replicates in which the statistic is undefined, because a group vanished from them."""
        return np.asarray(np.isnan(self.replicates).mean(axis=0))

    def intervals(self, *, level: float = 0.95, most_excluded: float = 0.05) -> Intervals:
        """Percentile intervals over the replicates that define the statistic.

        Undefined where the share of excluded replicates is above `most_excluded`.
        """
        raise NotImplementedError


def bootstrap(
    table: GroupCounts, statistic: Callable[[Cells], ArrayLike], *, rng: np.random.Generator, replicates: int = 1000
) -> Bootstrap:
    """Nonparametric bootstrap over rows of any function of an unweighted table.

    `statistic` maps cells (b, G, K, K) to (b, ...), e.g. ``lambda cells: rate(cells, "precision").values``.
    """
    raise NotImplementedError


@dataclass(frozen=True, eq=False)
class PermutationTest:
    """A statistic against its distribution when labels mean nothing."""

    observed: float
    p_value: float
    permutations: int
    null: Floats


def permutation_test(
    statistic: Callable[[NDArray[Any]], ArrayLike],
    labels: ArrayLike,
    *,
    rng: np.random.Generator,
    permutations: int = 999,
    alternative: Literal["greater", "less", "two-sided"] = "greater",
) -> PermutationTest:
    """p = (1 + b) / (1 + B) with b permutations at least as extreme (Phipson and Smyth 2010).

    `statistic` maps labels (b, n) to (b,).
    """
    raise NotImplementedError


def permutation_gap_test(
    table: GroupCounts, name: str, *, rng: np.random.Generator, positive: int = 1, permutations: int = 999
) -> PermutationTest:
    """Is a gap larger than if groups did not matter? Group labels permuted among the rows that the rate is over."""
    raise NotImplementedError
