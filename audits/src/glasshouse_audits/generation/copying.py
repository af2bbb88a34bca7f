"""Statistics of memorisation, from distances to the nearest training rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from glasshouse.statistics import Estimate, Interval, PermutationTest, permutation_test, wilson
from numpy.typing import NDArray
from scipy import stats

from glasshouse_audits.generation.distances import Matrix, nearest

Floats = NDArray[np.float64]

PERCENTILE = 0.01
"""Generated examples closer to a training row than this quantile of held-out rows' distances count as close."""


@dataclass(frozen=True, eq=False)
class Distances:
    """Distances to the nearest training row: of generated examples, of held-out rows, of training rows to others."""

    generated: Floats
    held_out: Floats
    training: Floats


def ratio_of_medians(a: Floats, b: Floats, *, rng: np.random.Generator, replicates: int = 1000) -> Estimate:
    """Median of `a` over that of `b`, with the percentile interval of resampling both (Efron and Tibshirani 1993)."""
    if not np.median(b) > 0:
        return Estimate(None, len(a), undefined="at least half of the held-out rows are copies of training rows")
    draws = np.empty(replicates)
    for replicate in range(replicates):
        first, second = np.median(rng.choice(a, len(a))), np.median(rng.choice(b, len(b)))
        draws[replicate] = first / second if second > 0 else np.inf
    low, high = np.quantile(draws, [0.025, 0.975], method="nearest")
    known = Interval(float(low), float(high), 0.95, "bootstrap_percentile") if np.isfinite(high) else None
    return Estimate(float(np.median(a) / np.median(b)), len(a), known)


def close_share(generated: Floats, held_out: Floats) -> tuple[float, Estimate]:
    """The first percentile of `held_out`, and the share of `generated` below it, with Wilson's interval.

    For generated rows with the distribution of the held-out rows the share is 1 % on average.
    """
    threshold = float(np.quantile(held_out, PERCENTILE))
    hits = int((generated < threshold).sum())
    return threshold, Estimate(hits / len(generated), len(generated), wilson(hits, len(generated)).item())


def copying_z(generated: Floats, held_out: Floats) -> float:
    """Standardised rank sum of the generated rows' distances among the held-out rows'; far below 0 means copying.

    The Mann-Whitney statistic minus its mean, over its standard deviation under the null hypothesis, ties counted half:
    Meehan, Chaudhuri and Dasgupta, "A non-parametric test to detect data-copying in generative models", AISTATS 2020,
    section 3.1, with the whole space as one cell. Standard normal without copying.
    """
    n, m = len(generated), len(held_out)
    ranks = stats.rankdata(np.concatenate([generated, held_out]))
    statistic = ranks[:n].sum() - n * (n + 1) / 2
    return float((statistic - n * m / 2) / np.sqrt(n * m * (n + m + 1) / 12))


def nearest_is_training(
    generated: Matrix, training: Matrix, held_out: Matrix, *, rng: np.random.Generator, permutations: int
) -> PermutationTest:
    """Share of generated rows whose nearest real row is a training row, with a permutation test.

    A generator that memorises no single rows treats training and held-out rows alike, so the expected share is that of
    training rows among all real rows, also for blurred examples; for copies it is 1. The p-value comes from permuting
    which real rows are training rows, and is exact even if many generated examples have the same neighbour. Compare the
    share of records closer to training than to holdout data in Platzer and Reutterer, "Holdout-based empirical
    assessment of mixed-type synthetic data", Frontiers in Big Data 4:679939, 2021.
    """
    index = nearest(generated, np.concatenate([training, held_out])).index
    chosen = np.bincount(index, minlength=len(training) + len(held_out))
    neighbours = np.flatnonzero(chosen)  # the only rows whose label matters
    weights = chosen[neighbours] / len(generated)

    def statistic(labels: NDArray[Any]) -> Floats:
        values: Floats = labels[:, neighbours].astype(np.float64) @ weights
        return values

    trained_on = np.repeat(np.array([1, 0], dtype=np.int8), [len(training), len(held_out)])
    return permutation_test(statistic, trained_on, rng=rng, permutations=permutations)
