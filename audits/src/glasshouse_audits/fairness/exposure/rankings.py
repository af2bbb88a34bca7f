"""Exposure and gain in the rankings of many queries at once. Pure arithmetic on arrays.

A query (a user, a search) has candidates, ranked by score. Position j is seen with weight 1 / log2(1 + j) up to the
k-th and not at all behind it: the discount of DCG (Järvelin and Kekäläinen 2002, ACM TOIS 20:422), as position bias in
Singh and Joachims 2018 (KDD, section 3.1). Candidates of one score share what their positions are worth, as in
scikit-learn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Ranked:
    """n candidates of Q queries. `query` (n,) which of them, from 0 on; `exposure` (n,) how much each is seen."""

    query: Integers
    exposure: Floats
    sizes: Integers
    """(Q,) candidates."""


@dataclass(frozen=True, eq=False)
class QueryExposure:
    """What groups get in each query, (Q, G) each, as sums over queries are to be made of it.

    `got`: exposure. `by_size`: what they would get if the query's exposure went to all candidates alike, as under
    random order. `by_merit`: what they would get if it went by relevance; and `got_of_relevant`: `got`, both 0 in
    queries without relevant candidates, which say nothing of merit.
    """

    got: Floats
    by_size: Floats
    got_of_relevant: Floats
    by_merit: Floats


def rank(query: Integers, scores: Floats, k: int) -> Ranked:
    """Exposure of every candidate.

    Args:
        query: (n,) numbers of queries from 0 on, each of which occurs.
        scores: (n,) finite, higher ranks first.
        k: positions that are seen.
    """
    order = np.lexsort((-scores, query))
    ranked, values = query[order], scores[order]
    sizes = np.bincount(query)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    position = np.arange(len(query)) - starts[ranked]
    worth = _worth(position, k)
    new = np.ones(len(query), dtype=bool)
    new[1:] = (ranked[1:] != ranked[:-1]) | (values[1:] != values[:-1])
    block = np.cumsum(new) - 1
    exposure = np.empty(len(query))
    exposure[order] = (np.bincount(block, worth) / np.bincount(block))[block]
    return Ranked(query=query, exposure=exposure, sizes=sizes)


def exposure_by_group(ranked: Ranked, groups: Integers, count: int, relevance: Floats | None = None) -> QueryExposure:
    """Exposure of groups of candidates in each query, beside what their numbers and their relevance would give them.

    Args:
        ranked: candidates.
        groups: (n,) codes from 0 to `count` - 1.
        count: G.
        relevance: (n,) at least 0; None: not known, and what is by merit is 0.
    """
    queries = len(ranked.sizes)
    cell = ranked.query * count + groups

    def summed(values: Floats | None) -> Floats:
        return np.bincount(cell, values, minlength=queries * count).astype(np.float64).reshape(queries, count)

    got = summed(ranked.exposure)
    total = got.sum(axis=1, keepdims=True)
    by_size = summed(None) / ranked.sizes[:, None] * total
    if relevance is None:
        return QueryExposure(got, by_size, np.zeros_like(got), np.zeros_like(got))
    merit = summed(relevance)
    whole = merit.sum(axis=1, keepdims=True)
    by_merit = np.divide(merit, whole, out=np.zeros_like(merit), where=whole > 0) * total
    return QueryExposure(got, by_size, np.where(whole > 0, got, 0.0), by_merit)


def ndcg(ranked: Ranked, relevance: Floats, k: int) -> Floats:
    """(Q,) discounted gain of the first k positions over that of the best order; NaN where nothing is relevant.

    Gains are the relevances themselves, as in scikit-learn's `ndcg_score`, which says 0 where we say NaN.

    Args:
        ranked: by the same k.
        relevance: (n,) at least 0.
        k: positions that count.
    """
    best = rank(ranked.query, relevance, k).exposure
    gained = np.bincount(ranked.query, ranked.exposure * relevance)
    most = np.bincount(ranked.query, best * relevance)
    found: Floats = np.divide(gained, most, out=np.full(len(gained), np.nan), where=most > 0)
    return found


def _worth(position: Integers, k: int) -> Floats:
    """Positions from 0 on -> 1 / log2(2 + position), 0 from the k-th on."""
    return np.where(position < k, 1 / np.log2(2.0 + position), 0.0)
