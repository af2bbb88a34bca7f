"""Arithmetic of memorisation: from distances to nearest training rows to numbers."""

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
"""Generated examples nearer to a training row than this share of held-out rows are counted as close."""


@dataclass(frozen=True, eq=False)
class Distances:
    """Distances to the nearest training row: of generated examples, of held-out rows, of training rows to others."""

    generated: Floats
    held_out: Floats
    training: Floats


def ratio_of_medians(a: Floats, b: Floats, *, rng: np.random.Generator, replicates: int = 1000) -> Estimate:
    """Median of `a` over that of `b`, with the percentile interval of resampling both (Efron and Tibshirani 1993)."""
    if not np.median(b) > 0:
        return Estimate(None, len(a), undefined="half of the held-out rows are copies of training rows")
    draws = np.empty(replicates)
    for replicate in range(replicates):
        first, second = np.median(rng.choice(a, len(a))), np.median(rng.choice(b, len(b)))
        draws[replicate] = first / second if second > 0 else np.inf
    low, high = np.quantile(draws, [0.025, 0.975], method="nearest")
    known = Interval(float(low), float(high), 0.95, "bootstrap_percentile") if np.isfinite(high) else None
    return Estimate(float(np.median(a) / np.median(b)), len(a), known)


def close_share(generated: Floats, held_out: Floats) -> tuple[float, Estimate]:
    """The first percentile of `held_out`, and the share of `generated` below it, with Wilson's interval.

    Generated rows of the held-out rows' own distribution come to one in a hundred, on average.
    """
    threshold = float(np.quantile(held_out, PERCENTILE))
    hits = int((generated < threshold).sum())
    return threshold, Estimate(hits / len(generated), len(generated), wilson(hits, len(generated)).item())


def copying_z(generated: Floats, held_out: Floats) -> float:
    """Standardised rank sum of the generated rows' distances among the held-out rows'; well below 0: copied.

    The Mann-Whitney statistic less its mean over its standard deviation under one distribution, ties counted half:
    Meehan, Chaudhuri and Dasgupta, "A non-parametric test to detect data-copying in generative models", AISTATS 2020,
    section 3.1, for the whole space as one cell. Standard normal where nothing is copied.
    """
    n, m = len(generated), len(held_out)
    ranks = stats.rankdata(np.concatenate([generated, held_out]))
    statistic = ranks[:n].sum() - n * (n + 1) / 2
    return float((statistic - n * m / 2) / np.sqrt(n * m * (n + m + 1) / 12))


def nearest_is_training(
    generated: Matrix, training: Matrix, held_out: Matrix, *, rng: np.random.Generator, permutations: int
) -> PermutationTest:
    """Share of generated rows whose nearest real row is one of training, and whether that is more than chance.

    A generator that has kept nothing of single rows cannot tell training rows from held-out ones, so the share is that
    of training rows among all real ones, on average, however blurred its examples are; of copies it is 1. The p-value
    is that of permuting which of the real rows were trained on, which is exact, also where many generated examples have
    one neighbour in common. Compare the share of records closer to training than to holdout data in Platzer and
    Reutterer, "Holdout-based empirical assessment of mixed-type synthetic data", Frontiers in Big Data 4:679939, 2021.
    """
    index = nearest(generated, np.concatenate([training, held_out])).index
    chosen = np.bincount(index, minlength=len(training) + len(held_out))
    asked = np.flatnonzero(chosen)  # the only rows whose label matters
    weights = chosen[asked] / len(generated)

    def statistic(labels: NDArray[Any]) -> Floats:
        values: Floats = labels[:, asked].astype(np.float64) @ weights
        return values

    trained_on = np.repeat(np.array([1, 0], dtype=np.int8), [len(training), len(held_out)])
    return permutation_test(statistic, trained_on, rng=rng, permutations=permutations)
