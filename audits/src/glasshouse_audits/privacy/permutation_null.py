"""Null distribution of the attack's AUC: membership permuted over the ranks of the losses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

# Rows are grouped into at most this many classes of equal rank, so that a permutation costs the same for any number of
# rows. With fewer rows every rank is exact.
_CLASSES = 1024


@dataclass(frozen=True, eq=False)
class PermutationNull:
    """`observed` and `null` (B,) areas, and the share p = (1 + b) / (1 + B) with b null areas at least as large."""

    observed: float
    null: NDArray[np.float64]
    p_value: float


def auc_under_permutation(
    members: NDArray[np.float64], others: NDArray[np.float64], *, rng: np.random.Generator, permutations: int
) -> PermutationNull | None:
    """One-sided permutation test of the area under the attack's ROC curve (the Mann-Whitney statistic).

    If m labels are assigned at random to rows of which n_k are in class k, the counts of members by class follow the
    multivariate hypergeometric distribution; drawing these counts is exactly the permutation test. With the p-value of
    Phipson and Smyth 2010, which is never 0. None without members or without non-members.
    """
    m, n = len(members), len(others)
    if not m or not n:
        return None
    ranks = rankdata(-np.concatenate([members, others]))
    kind = ((ranks - 1) * min(1.0, _CLASSES / (m + n))).astype(np.int64)
    _, kind = np.unique(kind, return_inverse=True)
    sizes = np.bincount(kind)
    rank = np.bincount(kind, weights=ranks) / sizes

    def area(counts: NDArray[np.int64]) -> NDArray[np.float64]:
        areas: NDArray[np.float64] = (counts @ rank - m * (m + 1) / 2) / (m * n)
        return areas

    observed = float(area(np.bincount(kind[:m], minlength=len(sizes))))
    null = area(rng.multivariate_hypergeometric(sizes, m, size=permutations, method="marginals"))
    # Sums of ranks are half-integers; equal ones may differ in the last digit of the division.
    as_large = int(np.count_nonzero(null >= observed - 1e-12))
    return PermutationNull(observed, null, (1 + as_large) / (1 + permutations))
