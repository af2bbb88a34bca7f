"""Comparison of two samples: maximum mean discrepancy, precision and recall."""

from __future__ import annotations

from typing import Any

import numpy as np
from glasshouse.statistics import PermutationTest, permutation_test
from numpy.typing import NDArray

from glasshouse_audits.generation.distances import Matrix, squared_distances

Floats = NDArray[np.float64]

NEIGHBOURS = 3
"""k of the manifold estimate, as in Kynkäänniemi et al. 2019, section 2."""


def discrepancy(a: Matrix, b: Matrix, *, rng: np.random.Generator, permutations: int) -> PermutationTest:
    """Unbiased squared maximum mean discrepancy of two samples, with a permutation test.

    0 on average for equal distributions, so small negative values are possible; at most about 2. The kernel is
    Gaussian; its width is the median distance between rows of the pooled sample. The p-value comes from permuting which
    sample a row belongs to.

    Source: Gretton, Borgwardt, Rasch, Schölkopf and Smola, "A kernel two-sample test", JMLR 13:723-773, 2012,
    equation 3 and section 8 for the width.
    """
    pooled = np.concatenate([a, b])
    squares = squared_distances(pooled, pooled)
    width = 2 * float(np.median(squares[np.triu_indices(len(pooled), k=1)]))
    kernel = np.exp(-squares / (width or 1.0))
    np.fill_diagonal(kernel, 0.0)
    sums, total = kernel.sum(axis=1), kernel.sum()
    n, m = len(a), len(b)

    def statistic(labels: NDArray[Any]) -> Floats:
        first = labels.astype(np.float64)
        within = ((first @ kernel) * first).sum(axis=1)
        across = first @ sums - within
        other = total - within - 2 * across
        values: Floats = within / (n * (n - 1)) + other / (m * (m - 1)) - 2 * across / (n * m)
        return values

    labels = np.repeat([1, 0], [n, m])
    return permutation_test(statistic, labels, rng=rng, permutations=permutations)


def within_reach(a: Matrix, b: Matrix) -> NDArray[np.bool_]:
    """(n,) whether each row of `a` lies within the third-nearest-neighbour distance of some row of `b`.

    The share of generated rows within reach of real rows is the precision, the share of real rows within reach of
    generated rows the recall: Kynkäänniemi, Karras, Laine, Lehtinen and Aila, "Improved precision and recall metric for
    assessing generative models", NeurIPS 2019, equations 1 and 2, here on the encoded inputs themselves.
    """
    among = squared_distances(b, b)
    np.fill_diagonal(among, -1.0)  # the row itself comes first, also before its copies
    reach = np.partition(among, NEIGHBOURS, axis=1)[:, NEIGHBOURS]
    inside: NDArray[np.bool_] = np.any(squared_distances(a, b) <= reach, axis=1)
    return inside
