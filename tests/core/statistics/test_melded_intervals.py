"""Melded exact intervals of two proportions: Fisher's test, draws of two beta variables, and exact coverage."""

from __future__ import annotations

import numpy as np
import pytest
from glasshouse.statistics import clopper_pearson, koopman, melded
from glasshouse.statistics.intervals.melded import LowerTail, lower_limits, upper_limits
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

COUNTS = [(2, 15, 9, 20), (0, 10, 40, 5000), (1, 100, 30, 100), (3, 20, 100, 2900), (0, 5, 3, 5), (5, 5, 5, 5)]


def tail(x, n, y, m, scale):
    return LowerTail(*(np.array([float(value)]) for value in (x, n, y, m)), scale=scale)


@pytest.mark.parametrize("counts", COUNTS)
@pytest.mark.parametrize("scale", ["ratio", "difference"])
def test_of_equal_proportions_it_is_fishers_exact_test(counts, scale) -> None:
    """Fay, Proschan and Brittain 2015, section 4: the melded test of equality is Fisher's; scipy 1.17 computes it."""
    x, n, y, m = counts
    expected = stats.fisher_exact([[x, n - x], [y, m - y]], alternative="less").pvalue
    assert tail(*counts, scale).p_values(np.array([0.0]))[0] == pytest.approx(expected, rel=1e-5, abs=1e-11)


@pytest.mark.parametrize("counts", COUNTS[:5])
def test_limits_are_quantiles_of_two_beta_variables(counts) -> None:
    x, n, y, m = counts
    rng = np.random.default_rng(0)
    first = rng.beta(x + 1, n - x, 200_000)
    second = rng.beta(y, m - y + 1, 200_000)
    ratio, difference = (float(upper_limits(*counts, 0.05, scale=scale)) for scale in ("ratio", "difference"))
    assert np.mean(first / second > ratio) == pytest.approx(0.05, abs=0.0025)
    assert np.mean(first - second > difference) == pytest.approx(0.05, abs=0.0025)


def test_it_covers_what_it_promises() -> None:
    """Exact coverage by enumeration of all outcomes of 12 and 20 rows, for 7 x 7 pairs of rates."""
    x, y = (each.ravel() for each in np.meshgrid(np.arange(13), np.arange(21), indexing="ij"))
    ends = melded(x, 12, y, 20, scale="difference")
    ratio_low, ratio_high = (limit(x, 12, y, 20, 0.025, scale="ratio") for limit in (lower_limits, upper_limits))
    ratio_low = np.nan_to_num(ratio_low)
    for p in (0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98):
        for q in (0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98):
            chance = stats.binom.pmf(x, 12, p) * stats.binom.pmf(y, 20, q)
            assert chance[(ends.low <= p - q + 1e-9) & (p - q <= ends.high + 1e-9)].sum() >= 0.95
            assert chance[(ratio_low <= p / q + 1e-9) & (p / q <= ratio_high + 1e-9)].sum() >= 0.95


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 400), st.integers(1, 400), st.floats(0, 1), st.floats(0, 1))
def test_it_contains_the_estimate_and_turns_with_the_order(n, m, a, b) -> None:
    x, y = round(a * n), round(b * m)
    there, back = melded(x, n, y, m, scale="difference").item(), melded(y, m, x, n, scale="difference").item()
    assert there.low - 1e-9 <= x / n - y / m <= there.high + 1e-9
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low), abs=1e-7)
    ratio = melded(x, n, y, m, scale="ratio").item()
    if y == 0:
        assert ratio.undefined == "no hits in one of the two"
    else:
        assert ratio.low * (1 - 1e-9) <= (x / n) / (y / m) <= ratio.high * (1 + 1e-9)


def test_it_nears_the_score_interval_and_the_exact_interval_of_one_proportion() -> None:
    many, score = melded(3000, 10000, 2000, 10000, scale="ratio").item(), koopman(3000, 10000, 2000, 10000).item()
    assert (many.low, many.high) == pytest.approx((score.low, score.high), rel=2e-3)
    known, one = melded(9, 30, 5 * 10**8, 10**9, scale="ratio").item(), clopper_pearson(9, 30).item()
    assert (known.low / 2, known.high / 2) == pytest.approx((one.low, one.high), rel=1e-3)


def test_no_rows_and_wrong_counts() -> None:
    assert melded(0, 0, 1, 2, scale="difference").item().undefined == "no rows in one of the two"
    with pytest.raises(ValueError, match="hits of a proportion lie between 0 and its total"):
        melded(3, 2, 1, 2, scale="ratio")
