"""Closed-form intervals: published tables, scipy, and exact coverage by enumeration."""

from __future__ import annotations

import numpy as np
import pytest
from glasshouse.statistics import (
    Estimate,
    Interval,
    clopper_pearson,
    newcombe,
    normal_interval,
    t_interval,
    wilson,
)
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

# Newcombe 1998, Statistics in Medicine 17:857, table I: method 3 (score) and method 5 (Clopper-Pearson).
SINGLE = [
    (81, 263, (0.2553, 0.3662), (0.2527, 0.3676)),
    (15, 148, (0.0624, 0.1605), (0.0578, 0.1617)),
    (0, 20, (0.0, 0.1611), (0.0, 0.1684)),
    (1, 29, (0.0061, 0.1718), (0.0009, 0.1776)),
]
# Newcombe 1998, Statistics in Medicine 17:873, table II: method 10.
DIFFERENCES = [
    (56, 70, 48, 80, 0.0524, 0.3339),
    (9, 10, 3, 10, 0.1705, 0.8090),
    (6, 7, 2, 7, 0.0582, 0.8062),
    (5, 56, 0, 29, -0.0381, 0.1926),
    (0, 10, 0, 20, -0.1611, 0.2775),
    (0, 10, 0, 10, -0.2775, 0.2775),
    (10, 10, 0, 20, 0.6791, 1.0000),
    (10, 10, 0, 10, 0.6075, 1.0000),
]


@pytest.mark.parametrize(("hits", "total", "score", "exact"), SINGLE)
def test_single_proportions_of_newcombe_1998(hits, total, score, exact) -> None:
    for method, expected in ((wilson, score), (clopper_pearson, exact)):
        found = method(hits, total).item()
        assert (found.low, found.high) == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize(("a", "m", "b", "n", "low", "high"), DIFFERENCES)
def test_differences_of_newcombe_1998(a, m, b, n, low, high) -> None:
    found = newcombe(a, m, b, n).item()
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


counts = st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts, st.floats(0.5, 0.999))
def test_single_proportions_are_scipys(count, level) -> None:
    hits, total = count
    for method, name in ((wilson, "wilson"), (clopper_pearson, "exact")):
        found = method(hits, total, level=level).item()
        expected = stats.binomtest(hits, total).proportion_ci(level, method=name)
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-8)


@given(counts)
def test_intervals_hold_their_estimate_and_end_exactly_at_the_limits(count) -> None:
    hits, total = count
    for method in (wilson, clopper_pearson):
        found = method(hits, total).item()
        assert 0 <= found.low <= hits / total <= found.high <= 1
        assert (found.low == 0) == (hits == 0)
        assert (found.high == 1) == (hits == total)


@given(counts, counts)
def test_a_difference_mirrors_when_its_groups_are_exchanged(first, second) -> None:
    there, back = newcombe(*first, *second).item(), newcombe(*second, *first).item()
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))
    assert -1 <= there.low <= there.high <= 1


def test_no_rows_is_undefined_with_a_reason() -> None:
    together = wilson([0, 3], [0, 10])
    assert together.item(0) == Interval(None, None, 0.95, "wilson", undefined="no rows")
    assert together.item(1) == wilson(3, 10).item()
    assert clopper_pearson(0, 0).item().low is None
    assert newcombe(1, 2, 0, 0).item().undefined == "no rows in one of the two"
    assert t_interval(1.0, 0.0, 0).item().undefined == "fewer than two rows have no spread"
    assert normal_interval(1.0, np.nan).item().undefined == "no standard error"


def test_means_are_scipys() -> None:
    x = np.random.default_rng(0).normal(size=8)
    error = x.std(ddof=1) / np.sqrt(8)
    found = t_interval(x.mean(), error, 7, level=0.9).item()
    assert (found.low, found.high) == pytest.approx(stats.ttest_1samp(x, 0).confidence_interval(0.9))
    found = normal_interval(x.mean(), error, level=0.9).item()
    assert (found.low, found.high) == pytest.approx(stats.norm.interval(0.9, x.mean(), error))


def test_clopper_pearson_covers_at_least_its_level_everywhere() -> None:
    """Exact coverage: the binomial probability of all counts whose interval holds p, over a grid of p."""
    p = np.linspace(0.001, 0.999, 999)
    for n in (1, 5, 20, 100):
        assert _coverage(clopper_pearson, n, p).min() >= 0.95


def test_wilson_covers_its_level_on_average() -> None:
    p = np.linspace(0.01, 0.99, 981)
    for n in (10, 50, 200):
        assert _coverage(wilson, n, p).mean() == pytest.approx(0.95, abs=0.006)


def test_newcombe_covers_its_level_on_average() -> None:
    """Exact coverage by enumeration of both counts; Newcombe 1998 reports a mean of 0.9527 over his settings."""
    m, n = 30, 40
    x, y = np.meshgrid(np.arange(m + 1), np.arange(n + 1), indexing="ij")
    found = newcombe(x, m, y, n)
    grid = np.linspace(0.05, 0.95, 37)
    covered = []
    for p in grid:
        for q in grid:
            likely = np.outer(stats.binom.pmf(np.arange(m + 1), m, p), stats.binom.pmf(np.arange(n + 1), n, q))
            covered.append(likely[(found.low <= p - q) & (p - q <= found.high)].sum())
    assert np.mean(covered) == pytest.approx(0.95, abs=0.006)
    assert np.min(covered) > 0.92


def _coverage(method, n, p):
    intervals = method(np.arange(n + 1), n)
    holds = (intervals.low <= p[:, None]) & (p[:, None] <= intervals.high)
    return (stats.binom.pmf(np.arange(n + 1), n, p[:, None]) * holds).sum(axis=1)


def test_impossible_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="hits of a proportion lie between 0 and its total"):
        wilson(3, 2)
    with pytest.raises(ValueError, match=r"between 0 and 1, got 95; 95 % is 0\.95"):
        clopper_pearson(1, 2, level=95)


def test_estimates_are_defined_or_say_why_not() -> None:
    estimate = Estimate(0.3, 10, wilson(3, 10).item())
    assert estimate.fields() == {
        "value": 0.3,
        "low": estimate.interval.low,
        "high": estimate.interval.high,
        "level": 0.95,
        "interval_method": "wilson",
        "n": 10,
        "undefined": None,
    }
    empty = Estimate(None, 0, wilson(0, 0).item(), undefined="no rows").fields()
    assert (empty["low"], empty["interval_method"], empty["undefined"]) == (None, None, "no rows")
    with pytest.raises(ValueError, match="either a value or the reason why it is undefined"):
        Estimate(None)
    with pytest.raises(ValueError, match="finite number or undefined with a reason"):
        Estimate(float("nan"))
