"""Score intervals and tests of two proportions against published tables, scipy and their own definition."""

from __future__ import annotations

import numpy as np
import pytest
from glasshouse.statistics import (
    count,
    group_pairwise_differences,
    group_pairwise_ratios,
    holm,
    katz,
    koopman,
    miettinen_nurminen,
    pairwise_p_values,
    score_test,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats


class Column:
    """One attribute of every row."""

    def __init__(self, codes, levels=("a", "b", "c")):
        self.name, self.levels, self.codes = "g", levels, np.asarray(codes)


# Newcombe 1998, Statistics in Medicine 17:873, table II, method 6 (Miettinen-Nurminen).
PUBLISHED = [
    ((56, 70, 48, 80), (0.0528, 0.3382)),
    ((9, 10, 3, 10), (0.1700, 0.8406)),
    ((6, 7, 2, 7), (0.0342, 0.8534)),
    ((5, 56, 0, 29), (-0.0326, 0.1933)),
    ((0, 10, 0, 20), (-0.1658, 0.2844)),
    ((0, 10, 0, 10), (-0.2879, 0.2879)),
    ((10, 10, 0, 20), (0.7156, 1.0)),
    ((10, 10, 0, 10), (0.6636, 1.0)),
]


@pytest.mark.parametrize(("counts", "expected"), PUBLISHED)
def test_differences_are_newcombes_table(counts, expected) -> None:
    found = miettinen_nurminen(*counts).item()
    assert (found.low, found.high) == pytest.approx(expected, abs=6e-5)
    assert found.method == "miettinen_nurminen"


def test_ratios_are_koopmans_example() -> None:
    """36 of 40 against 16 of 80: 2.94 to 7.15 (Koopman 1984, Biometrics 40:513)."""
    found = koopman(36, 40, 16, 80).item()
    assert (found.low, found.high) == pytest.approx((2.94, 7.15), abs=5e-3)


def test_katz_in_closed_form() -> None:
    half = 1.959963984540054 * np.sqrt(1 / 36 - 1 / 40 + 1 / 16 - 1 / 80)
    found = katz(36, 40, 16, 80).item()
    assert (found.low, found.high) == pytest.approx((4.5 * np.exp(-half), 4.5 * np.exp(half)))


totals = st.integers(1, 60)


@st.composite
def two(draw):
    n, m = draw(totals), draw(totals)
    return draw(st.integers(0, n)), n, draw(st.integers(0, m)), m


@settings(deadline=None, max_examples=60)
@given(two(), st.sampled_from([0.8, 0.95, 0.999]))
def test_limits_hold_the_value_turn_with_the_order_and_agree_with_the_test(counts, level) -> None:
    x, n, y, m = counts
    found, turned = miettinen_nurminen(*counts, level=level).item(), miettinen_nurminen(y, m, x, n, level=level).item()
    assert -1 <= found.low <= x / n - y / m <= found.high <= 1
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low), abs=1e-9)
    p_value = float(score_test(*counts))
    if abs(p_value - (1 - level)) > 1e-6:
        assert (found.low <= 0 <= found.high) == (p_value > 1 - level)
    if y > 0 and x > 0:
        ratio, inverse = koopman(*counts, level=level).item(), koopman(y, m, x, n, level=level).item()
        assert 0 <= ratio.low <= x / n / (y / m) * (1 + 1e-9)
        assert ratio.high >= x / n / (y / m) * (1 - 1e-9)
        assert (inverse.low, inverse.high) == pytest.approx((1 / ratio.high, 1 / ratio.low), rel=1e-6)


@settings(deadline=None, max_examples=60)
@given(two())
def test_the_score_test_is_pearsons_chi_squared_with_n_minus_1(counts) -> None:
    x, n, y, m = counts
    p_value = float(score_test(*counts))
    if x + y in (0, n + m):
        assert p_value == 1
        return
    chi2 = stats.chi2_contingency([[x, n - x], [y, m - y]], correction=False).statistic
    assert p_value == pytest.approx(stats.chi2.sf(chi2 * (n + m - 1) / (n + m), 1), abs=1e-12)


def test_koopmans_limits_are_those_of_its_chi_squared() -> None:
    """U(ratio) of Koopman 1984, equation 2.2, equals the quantile of chi-squared at both limits."""
    x, n, y, m = 7, 30, 12, 45
    found = koopman(x, n, y, m).item()
    for ratio in (found.low, found.high):
        b = ratio * (n + y) + x + m
        p = (b - np.sqrt(b * b - 4 * ratio * (n + m) * (x + y))) / (2 * (n + m))
        u = (x - n * p) ** 2 / (n * p * (1 - p)) * (1 + n * (ratio - p) / (m * (1 - p)))
        assert u == pytest.approx(stats.chi2.ppf(0.95, 1), rel=1e-6)


def test_degenerate_counts() -> None:
    assert miettinen_nurminen(0, 0, 1, 2).item().undefined == "no rows in one of the two"
    assert koopman(1, 2, 0, 3).item().undefined == "no hits in one of the two"
    assert katz(0, 2, 1, 3).item().undefined == "no hits in one of the two"
    zero = koopman(0, 40, 16, 80).item()
    assert zero.low == 0
    assert 0 < zero.high < 1
    assert np.isnan(score_test(0, 0, 1, 2))
    with pytest.raises(ValueError, match="hits of a proportion lie between 0 and its total"):
        koopman(3, 2, 1, 2)


def test_coverage_of_differences_and_ratios() -> None:
    """4,000 pairs of samples of 60 and 90 rows, rates .3 and .45: the share covered is .95 to within 4 of its standard
    errors (.0138)."""
    rng = np.random.default_rng(1)
    x, y = rng.binomial(60, 0.3, 4000), rng.binomial(90, 0.45, 4000)
    for found, true in ((miettinen_nurminen(x, 60, y, 90), -0.15), (koopman(x, 60, y, 90), 0.3 / 0.45)):
        assert np.mean((found.low <= true) & (true <= found.high)) == pytest.approx(0.95, abs=0.0138)


def test_pairs_of_a_table() -> None:
    """a 3 of 4, b 1 of 4, c no rows."""
    table = count([Column([0] * 4 + [1] * 4)], None, [1, 1, 1, 0, 1, 0, 0, 0], classes=("no", "yes"))
    difference, *rest = group_pairwise_differences(table, "selection_rate", method="miettinen_nurminen")
    expected = miettinen_nurminen(3, 4, 1, 4).item()
    assert (difference.first, difference.second, difference.estimate.value) == ({"g": "a"}, {"g": "b"}, 0.5)
    found = difference.estimate.interval
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert [pair.estimate.undefined for pair in rest] == ["no rows", "no rows"]
    ratio = group_pairwise_ratios(table, "selection_rate")[0].estimate
    expected = koopman(3, 4, 1, 4).item()
    assert (ratio.value, ratio.interval.low, ratio.interval.high) == pytest.approx((3, expected.low, expected.high))
    p_values = pairwise_p_values(table, "selection_rate")
    np.testing.assert_array_equal(p_values, [float(score_test(3, 4, 1, 4)), np.nan, np.nan])
    np.testing.assert_array_equal(holm(p_values), p_values)  # of one test, nothing to adjust
    with pytest.raises(ValueError, match="f1 needs targets"):
        pairwise_p_values(table, "f1")


def test_a_ratio_to_a_rate_of_zero_is_undefined() -> None:
    table = count([Column([0, 0, 1, 1], ("a", "b"))], None, [1, 0, 0, 0], classes=("no", "yes"))
    (pair,) = group_pairwise_ratios(table, "selection_rate")
    assert pair.estimate.undefined == "selection_rate of the second group is 0"


def test_weighted_pairs_take_effective_counts() -> None:
    rng = np.random.default_rng(2)
    codes, decided, weights = rng.integers(0, 2, 300), rng.integers(0, 2, 300), rng.exponential(size=300)
    table = count([Column(codes, ("a", "b"))], None, decided, classes=("no", "yes"), weights=weights)
    totals = [w.sum() ** 2 / (w**2).sum() for w in (weights[codes == 0], weights[codes == 1])]
    hits = [n * np.average(decided[codes == k], weights=weights[codes == k]) for k, n in enumerate(totals)]
    expected = miettinen_nurminen(hits[0], totals[0], hits[1], totals[1]).item()
    (pair,) = group_pairwise_differences(table, "selection_rate", method="miettinen_nurminen")
    assert (pair.estimate.interval.low, pair.estimate.interval.high) == pytest.approx((expected.low, expected.high))
    assert pair.estimate.interval.method == "miettinen_nurminen_effective"
