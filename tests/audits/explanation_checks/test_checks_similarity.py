"""Similarity of explanations against scipy, by hand and where it is undefined."""

from __future__ import annotations

import numpy as np
import pytest
from glasshouse_audits.explain.checks.sampling_error import relative_error
from glasshouse_audits.explain.checks.similarity import rank_correlation, relative_distance, top_overlap
from glasshouse_audits.explain.checks.similarity_report import (
    mean_over_repeats,
    mean_similarities,
    similarities_by_output,
)
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import spearmanr

VALUES = arrays(np.float64, (4, 6), elements=st.integers(-3, 3).map(float))


@given(VALUES, VALUES)
def test_rank_correlation_is_scipys_row_by_row(first: np.ndarray, second: np.ndarray) -> None:
    found = rank_correlation(first, second)
    for a, b, ours in zip(first, second, found, strict=True):
        if np.ptp(a) == 0 or np.ptp(b) == 0:
            assert np.isnan(ours)
        else:
            assert ours == pytest.approx(spearmanr(a, b).statistic, abs=1e-12)


@given(VALUES, VALUES)
def test_similarity_is_symmetric_and_1_with_itself(first: np.ndarray, second: np.ndarray) -> None:
    for similarity in (rank_correlation, top_overlap):
        np.testing.assert_array_equal(similarity(first, second), similarity(second, first))
        own = similarity(first, first)
        np.testing.assert_allclose(own[~np.isnan(own)], 1)


def test_top_overlap_by_hand() -> None:
    first = np.array([[5.0, -4, 3, 2, 1], [1, 0, 0, 0, 0], [0, 0, 0, 0, 0], [9, 8, 7, 0, 0]])
    second = np.array([[1.0, -2, 3, 4, -5], [2, 0, 0, 0, 0], [0, 0, 0, 0, 0], [1, 0, 0, 0, 0]])
    # {0,1,2} and {2,3,4} share one; one feature each, the same; nothing to share; one of three
    np.testing.assert_allclose(top_overlap(first, second), [1 / 3, 1, np.nan, 1 / 3])
    assert np.isnan(top_overlap(first[:, :3], second[:, :3])).all()


def test_relative_distance_by_hand() -> None:
    found = relative_distance(np.array([[3.0, 4], [0, 0]]), np.array([[3.0, 5], [1, 1]]))
    np.testing.assert_allclose(found, [0.2, np.nan])


def test_sampling_error_by_hand() -> None:
    values, error = np.array([[[3.0], [4.0]], [[0.0], [0.0]]]), np.array([[[0.0], [1.0]], [[0.1], [0.0]]])
    np.testing.assert_allclose(relative_error(values, error), [[0.2], [np.nan]])


def test_means_say_over_how_many_rows_they_are() -> None:
    first = np.array([[1.0, 2, 3, 4], [1, 1, 1, 1], [4, 3, 2, 1]])
    found = mean_similarities(first, [first, -first])
    assert found["rank_correlation"].value == pytest.approx(0)  # the mean of 1 and -1
    assert found["rank_correlation"].n == 2  # the second row ranks nothing
    assert found["top_3_overlap"].value == pytest.approx(1)
    assert found["top_3_overlap"].interval.high <= 1


def test_what_is_undefined_says_why() -> None:
    found = mean_similarities(np.zeros((3, 2)), [np.ones((3, 2))])
    assert found["rank_correlation"].undefined == "in every row one of the explanations ranks all features equal"
    assert found["top_3_overlap"].undefined == "there are at most 3 features, or no row has an attribution other than 0"
    assert np.isnan(similarities_by_output(np.zeros((3, 4, 2)), np.ones((3, 4, 2)))).any()
    assert mean_over_repeats(np.full((3, 2), np.nan))["rank_correlation"].value is None
