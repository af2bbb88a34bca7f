"""Random numbers that belong to rows."""

from __future__ import annotations

import numpy as np
import pytest
from glasshouse_audits.explain.checks.draws import systematic, uniforms
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare, kstest

ROWS = np.random.default_rng(0).normal(size=(400, 6)).astype(np.float32)


def test_they_are_uniform_and_independent() -> None:
    """Kolmogorov-Smirnov over all, and correlations no larger than chance over rows and over draws."""
    found = uniforms(ROWS, 50, seed=1)
    assert found.shape == (400, 50)
    assert kstest(found.ravel(), "uniform").pvalue > 0.001
    for columns in (found, found.T[:, :50]):
        correlations = np.corrcoef(columns, rowvar=False)[np.triu_indices(50, 1)]
        assert np.abs(correlations).max() < 5 / np.sqrt(len(columns))


def test_rows_that_differ_in_a_single_bit_have_nothing_in_common() -> None:
    first = np.zeros((200, 3), dtype=np.int64)
    first[:, 0] = np.arange(200)
    second = first.copy()
    second[:, 0] ^= 1
    a, b = uniforms(first, 20, seed=0), uniforms(second, 20, seed=0)
    assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 5 / np.sqrt(a.size)


@given(st.permutations(range(12)), st.integers(0, 2**32))
def test_they_belong_to_the_row_and_not_to_its_place(order: list[int], seed: int) -> None:
    rows = ROWS[:12]
    np.testing.assert_array_equal(uniforms(rows[order], 5, seed=seed), uniforms(rows, 5, seed=seed)[order])


def test_seed_use_and_content_decide() -> None:
    rows = ROWS[:10]
    apart = np.corrcoef(uniforms(ROWS, 1, seed=0, use="a")[:, 0], uniforms(ROWS, 1, seed=0, use="b")[:, 0])[0, 1]
    assert abs(apart) < 5 / np.sqrt(len(ROWS))
    assert not np.array_equal(uniforms(rows, 5, seed=0), uniforms(rows, 5, seed=1))
    zeros = np.array([[0.0, 1.0], [-0.0, 1.0]], dtype=np.float32)
    np.testing.assert_array_equal(*uniforms(zeros, 3, seed=0))


@pytest.mark.parametrize(("count", "of"), [(1, 1), (3, 10), (7, 7), (10, 4)])
def test_systematic_draws_are_distinct_and_cover(count: int, of: int) -> None:
    found = systematic(ROWS, count, of, seed=2)
    assert found.shape == (400, min(count, of))
    assert np.all(np.diff(found, axis=1) > 0)
    assert found.min() >= 0
    assert found.max() < of
    if count >= of:
        np.testing.assert_array_equal(found, np.tile(np.arange(of), (400, 1)))


def test_each_background_row_is_as_likely_as_any_other() -> None:
    """400 rows draw 3 of 10: chi-squared against equal counts."""
    found = systematic(ROWS, 3, 10, seed=5)
    assert chisquare(np.bincount(found.ravel(), minlength=10)).pvalue > 0.001
