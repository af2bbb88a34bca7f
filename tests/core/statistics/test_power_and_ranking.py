"""Power statements against simulation and published numbers; exposure against a sum over positions."""

from __future__ import annotations

import numpy as np
import pytest
from glasshouse.statistics import detectable_gap, exposure_at_k, rows_needed, score_test
from hypothesis import given, settings
from hypothesis import strategies as st


def test_rows_needed_are_those_of_the_textbook() -> None:
    """.60 against .70 needs 356 rows each without correction for continuity, at 80 % power and 5 % (Fleiss, Levin and
    Paik 2003, equation 4.14); the equation by hand for .5 against .55."""
    assert rows_needed(0.7, 0.1) == 356
    z, p = 1.959963984540054, 0.525
    by_hand = ((z * np.sqrt(2 * p * (1 - p)) + 0.8416212335729143 * np.sqrt(0.25 + 0.55 * 0.45)) / 0.05) ** 2
    assert rows_needed(0.5, 0.05) == np.ceil(by_hand)


def test_the_rows_needed_give_the_power_promised() -> None:
    """4,000 pairs of samples: 80 % to within four standard errors (.0253)."""
    n = int(rows_needed(0.2, 0.1))
    rng = np.random.default_rng(0)
    p_values = score_test(rng.binomial(n, 0.2, 4000), n, rng.binomial(n, 0.3, 4000), n)
    assert np.mean(p_values < 0.05) == pytest.approx(0.8, abs=0.0253)


@settings(deadline=None)
@given(st.floats(0.02, 0.98), st.floats(0.01, 0.3))
def test_the_detectable_gap_is_its_inverse(rate, gap) -> None:
    n = float(rows_needed(rate, gap))
    assert detectable_gap(rate, n, n) <= gap + 1e-9
    if n > 20:
        assert detectable_gap(rate, n - 1, n - 1) >= gap * (1 - 1e-9)


def test_few_rows_find_nothing_and_impossible_gaps_need_no_number() -> None:
    assert np.isnan(detectable_gap(0.5, 2, 1000))
    assert np.isnan(detectable_gap(0.5, 0, 1000))
    assert np.isnan(rows_needed(0.5, 0.6))
    for bad in ({"power": 1.0}, {"level": 0.0}):
        with pytest.raises(ValueError, match="power and level lie between 0 and 1"):
            rows_needed(0.5, 0.1, **bad)
    with pytest.raises(ValueError, match="the gap to be found lies between 0 and 1"):
        rows_needed(0.5, 0.0)


def exposure_of_rows(scores, groups, k, draws=None):
    """Mean exposure of each group over every order of tied rows, by enumeration of blocks of ties."""
    order = np.argsort(-scores, kind="stable")
    seen = np.where(np.arange(len(scores)) < k, 1 / np.log2(np.arange(2, len(scores) + 2)), 0.0)
    for value in np.unique(scores):
        tied = scores[order] == value
        seen[tied] = seen[tied].mean()
    return np.array([seen[groups[order] == g].sum() for g in range(3)]) / seen.sum()


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2)), min_size=3, max_size=30), st.integers(1, 3))
def test_exposure_is_the_sum_over_positions(rows, k) -> None:
    scores, groups = np.asarray(rows).T
    values = np.unique(scores)[::-1]
    counts = np.array([[np.sum((scores == v) & (groups == g)) for g in range(3)] for v in values])
    found = exposure_at_k(counts, k)
    expected = exposure_of_rows(scores, groups, k)
    sizes = counts.sum(axis=0)
    for g in range(3):
        if sizes[g] == 0:
            assert np.isnan(found.exposure_share[g])
        else:
            assert found.exposure_share[g] == pytest.approx(expected[g], abs=1e-12)
            assert found.exposure_ratio[g] == pytest.approx(expected[g] / (sizes[g] / sizes.sum()), abs=1e-12)
    assert np.nansum(found.in_top) == pytest.approx(min(k, len(rows)))
    top = int(np.searchsorted(np.cumsum(counts.sum(axis=1)), k)) + 1
    cut = exposure_at_k(counts[:top], k, sizes=sizes)
    np.testing.assert_allclose(cut.exposure_ratio, found.exposure_ratio)


def test_exposure_by_hand() -> None:
    """a first, b second: 1 and 1 / log2(3) of the exposure of two positions."""
    found = exposure_at_k([[1, 0], [0, 1]], 2)
    second = 1 / np.log2(3)
    np.testing.assert_allclose(found.exposure_share, [1 / (1 + second), second / (1 + second)])
    np.testing.assert_allclose(found.top_share, [0.5, 0.5])
    for bad, k in (([1, 2], 1), ([[1, -1]], 1), ([[1, 1]], 0)):
        with pytest.raises(ValueError, match=r"counts have a row|k must be above 0"):
            exposure_at_k(bad, k)
