"""Exposure and NDCG of many queries at once: by hand, against scikit-learn, degenerate, and properties."""

from __future__ import annotations

import numpy as np
import pytest
from glasshouse_audits.fairness.exposure.rankings import exposure_by_group, ndcg, rank
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

LOG3 = np.log2(3)


def test_two_queries_by_hand():
    """Query 0: scores 3, 2, 1 of groups a, b, a; query 1: b before a. Positions are worth 1, 1/log2 3, 1/2."""
    query, scores = np.array([0, 1, 0, 1, 0]), np.array([3.0, 0.9, 1.0, 0.1, 2.0])
    groups = np.array([0, 1, 0, 0, 1])
    ranked = rank(query, scores, 3)
    np.testing.assert_allclose(ranked.exposure, [1, 1, 1 / 2, 1 / LOG3, 1 / LOG3])
    found = exposure_by_group(ranked, groups, 2, np.array([0.0, 1.0, 1.0, 0.0, 0.0]))
    np.testing.assert_allclose(found.received, [[1.5, 1 / LOG3], [1 / LOG3, 1]])
    totals = 1.5 + 1 / LOG3, 1 + 1 / LOG3
    np.testing.assert_allclose(
        found.by_candidates, [[2 / 3 * totals[0], totals[0] / 3], [totals[1] / 2, totals[1] / 2]]
    )
    np.testing.assert_allclose(found.by_relevance, [[totals[0], 0], [0, totals[1]]])
    np.testing.assert_allclose(found.received_with_relevance, found.received)
    # what is relevant stands last in query 0 (worth 1/2 where 1 was to be had) and first in query 1
    np.testing.assert_allclose(ndcg(ranked, np.array([0.0, 1.0, 1.0, 0.0, 0.0]), 3), [0.5, 1.0])


def test_positions_behind_k_are_not_seen_and_ties_share():
    ranked = rank(np.zeros(4, dtype=int), np.array([1.0, 5.0, 1.0, 1.0]), 2)
    np.testing.assert_allclose(ranked.exposure, [1 / LOG3 / 3, 1, 1 / LOG3 / 3, 1 / LOG3 / 3])


@st.composite
def rankings(draw):
    sizes = draw(st.lists(st.integers(2, 7), min_size=1, max_size=5))
    n = sum(sizes)
    query = np.repeat(np.arange(len(sizes)), sizes)
    order = np.array(draw(st.permutations(range(n))))
    scores = np.array(draw(st.lists(st.integers(0, 4), min_size=n, max_size=n)), dtype=float)
    relevance = np.array(draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)), dtype=float)
    groups = np.array(draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)))
    return query[order], scores, relevance, groups, draw(st.integers(1, 8))


@settings(max_examples=100, deadline=None)
@given(rankings())
def test_ndcg_is_scikit_learns_ties_included(case):
    query, scores, relevance, _, k = case
    found = ndcg(rank(query, scores, k), relevance, k)
    for number in range(query.max() + 1):
        mine = query == number
        if relevance[mine].any():
            assert found[number] == pytest.approx(ndcg_score([relevance[mine]], [scores[mine]], k=k))
        else:
            assert np.isnan(found[number])  # where scikit-learn says 0


@settings(max_examples=100, deadline=None)
@given(rankings(), st.integers(0, 2**32 - 1))
def test_the_order_of_rows_does_not_matter_and_nothing_is_lost(case, seed):
    query, scores, relevance, groups, k = case
    found = exposure_by_group(rank(query, scores, k), groups, 3, relevance)
    seen = np.minimum(np.bincount(query), k)
    whole = np.array([(1 / np.log2(2 + np.arange(places))).sum() for places in seen])
    np.testing.assert_allclose(found.received.sum(axis=1), whole)
    np.testing.assert_allclose(found.by_candidates.sum(axis=1), whole)
    np.testing.assert_allclose(found.by_relevance.sum(axis=1), found.received_with_relevance.sum(axis=1))
    shuffled = np.random.default_rng(seed).permutation(len(query))
    again = exposure_by_group(rank(query[shuffled], scores[shuffled], k), groups[shuffled], 3, relevance[shuffled])
    np.testing.assert_allclose(again.received, found.received)
    np.testing.assert_allclose(again.by_relevance, found.by_relevance)


def test_one_score_for_all_is_random_order():
    rng = np.random.default_rng(0)
    query, groups = np.repeat(np.arange(20), 7), rng.integers(0, 2, 140)
    found = exposure_by_group(rank(query, np.zeros(140), 3), groups, 2)
    np.testing.assert_allclose(found.received, found.by_candidates)
    assert not found.by_relevance.any()


def test_expected_exposure_in_random_order_is_that_of_the_numbers():
    """`by_candidates` against the mean over all orders of three candidates, by enumeration."""
    from itertools import permutations

    query, groups = np.zeros(3, dtype=int), np.array([0, 1, 1])
    orders = [exposure_by_group(rank(query, np.array(o, dtype=float), 2), groups, 2) for o in permutations(range(3))]
    np.testing.assert_allclose(np.mean([one.received for one in orders], axis=0), orders[0].by_candidates)
