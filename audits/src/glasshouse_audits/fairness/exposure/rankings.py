"""Exposure and NDCG in the rankings of many queries at once; pure arithmetic on arrays.

A query (a user, a search) has candidates, ranked by score. Position j has the weight 1 / log2(1 + j) up to the k-th
position, and 0 after it: the discount of DCG (Järvelin and Kekäläinen 2002, ACM TOIS 20:422), used as position bias by
Singh and Joachims 2018 (KDD, section 3.1). Candidates with equal scores share the weights of their positions equally,
as in scikit-learn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class RankedCandidates:
    """n candidates of Q queries: `query` (n,) the query number of each, from 0; `exposure` (n,) its position weight."""

    query: Integers
    exposure: Floats
    sizes: Integers
    """(Q,) number of candidates."""


@dataclass(frozen=True, eq=False)
class QueryExposure:
    """Exposure of G groups in each query, (Q, G) each; sums over queries are meaningful."""

    received: Floats
    """Exposure that the group receives."""
    by_candidates: Floats
    """Exposure it would receive if all candidates of the query shared it equally, as in random order."""
    received_with_relevance: Floats
    """`received`, but 0 in queries without relevant candidates, which cannot be compared with relevance."""
    by_relevance: Floats
    """Exposure it would receive in proportion to relevance; 0 in queries without relevant candidates."""


def rank(query: Integers, scores: Floats, k: int) -> RankedCandidates:
    """Exposure of every candidate.

    Args:
        query: (n,) query numbers from 0; every number occurs.
        scores: (n,) finite; higher scores rank first.
        k: positions with exposure.
    """
    order = np.lexsort((-scores, query))
    ranked, values = query[order], scores[order]
    sizes = np.bincount(query)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    position = np.arange(len(query)) - starts[ranked]
    position_weights = _position_weights(position, k)
    new = np.ones(len(query), dtype=bool)
    new[1:] = (ranked[1:] != ranked[:-1]) | (values[1:] != values[:-1])
    block = np.cumsum(new) - 1
    exposure = np.empty(len(query))
    exposure[order] = (np.bincount(block, position_weights) / np.bincount(block))[block]
    return RankedCandidates(query=query, exposure=exposure, sizes=sizes)


def exposure_by_group(
    ranked: RankedCandidates, groups: Integers, count: int, relevance: Floats | None = None
) -> QueryExposure:
    """Exposure of groups of candidates in each query, and the exposure proportional to candidates and to relevance.

    Args:
        ranked: the candidates.
        groups: (n,) codes from 0 to `count` - 1.
        count: G.
        relevance: (n,) at least 0; None if unknown, which leaves `by_relevance` at 0.
    """
    queries = len(ranked.sizes)
    cell = ranked.query * count + groups

    def summed(values: Floats | None) -> Floats:
        return np.bincount(cell, values, minlength=queries * count).astype(np.float64).reshape(queries, count)

    received = summed(ranked.exposure)
    total = received.sum(axis=1, keepdims=True)
    by_candidates = summed(None) / ranked.sizes[:, None] * total
    if relevance is None:
        return QueryExposure(received, by_candidates, np.zeros_like(received), np.zeros_like(received))
    relevance_sums = summed(relevance)
    whole = relevance_sums.sum(axis=1, keepdims=True)
    by_relevance = np.divide(relevance_sums, whole, out=np.zeros_like(relevance_sums), where=whole > 0) * total
    return QueryExposure(received, by_candidates, np.where(whole > 0, received, 0.0), by_relevance)


def ndcg(ranked: RankedCandidates, relevance: Floats, k: int) -> Floats:
    """(Q,) normalised discounted cumulative gain at k, from 0 to 1, larger is better; NaN if nothing is relevant.

    Gains are the relevances themselves, as in scikit-learn's `ndcg_score`, which returns 0 instead of NaN.

    Args:
        ranked: with the same k.
        relevance: (n,) at least 0.
        k: positions with a discount above 0.
    """
    best = rank(ranked.query, relevance, k).exposure
    gained = np.bincount(ranked.query, ranked.exposure * relevance)
    most = np.bincount(ranked.query, best * relevance)
    found: Floats = np.divide(gained, most, out=np.full(len(gained), np.nan), where=most > 0)
    return found


def _position_weights(position: Integers, k: int) -> Floats:
    """Weights 1 / log2(2 + position) of positions counted from 0; 0 from position k."""
    return np.where(position < k, 1 / np.log2(2.0 + position), 0.0)
