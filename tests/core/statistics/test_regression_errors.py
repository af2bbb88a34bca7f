"""Errors of predicted numbers against scikit-learn, and the coverage of their intervals."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics as sm
from glasshouse.statistics import mean, mean_absolute_error, mean_error, r2_score, root_mean_squared_error
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

number = st.floats(-1e3, 1e3).map(lambda x: round(x, 3))
rows = st.lists(st.tuples(number, number, st.floats(0.1, 5)), min_size=2, max_size=40).map(
    lambda found: tuple(np.array(column) for column in zip(*found, strict=True))
)


@given(rows, st.booleans())
def test_errors_are_scikit_learns(found, weighted) -> None:
    y, f, w = found
    weights = w if weighted else None
    for mine, oracle in (
        (mean_absolute_error, sm.mean_absolute_error),
        (root_mean_squared_error, sm.root_mean_squared_error),
    ):
        assert mine(y, f, weights=weights).value == pytest.approx(oracle(y, f, sample_weight=weights), rel=1e-9)
    assert mean_error(y, f, weights=weights).value == pytest.approx(np.average(f - y, weights=weights), abs=1e-9)
    r2 = r2_score(y, f, weights=weights)
    if np.ptp(y) == 0:
        assert r2.undefined == "the targets do not vary"
    else:
        assert r2.value == pytest.approx(sm.r2_score(y, f, sample_weight=weights), rel=1e-7, abs=1e-9)


def test_means_are_scipys_and_weights_of_one_change_nothing() -> None:
    x = np.random.default_rng(0).normal(2, 3, 25)
    expected = stats.ttest_1samp(x, 0).confidence_interval(0.9)
    for weights in (None, np.ones(25), np.full(25, 7.0)):
        found = mean(x, weights=weights, level=0.9)
        assert (found.value, found.n) == (pytest.approx(x.mean()), 25)
        assert (found.interval.low, found.interval.high) == pytest.approx((expected.low, expected.high))


def test_worked_by_hand() -> None:
    """Errors 1, -1, 2, 0: bias 1/2, absolute 1, root of 6/4; variance of (1, 2, 3, 6) sums to 14: R2 = 1 - 6/14."""
    y, f = [1.0, 2.0, 3.0, 6.0], [2.0, 1.0, 5.0, 6.0]
    assert mean_error(y, f).value == 0.5
    assert mean_absolute_error(y, f).value == 1.0
    assert root_mean_squared_error(y, f).value == pytest.approx(np.sqrt(1.5))
    assert r2_score(y, f).value == pytest.approx(1 - 6 / 14)


def test_intervals_hold_their_estimate_and_their_range() -> None:
    rng = np.random.default_rng(1)
    for n in (10, 15, 50):
        y = rng.normal(size=n)
        f = y + rng.normal(size=n)
        rmse, r2 = root_mean_squared_error(y, f), r2_score(y, f)
        assert 0 < rmse.interval.low < rmse.value < rmse.interval.high
        assert r2.interval.low < r2.value < r2.interval.high < 1
        assert rmse.interval.method == r2.interval.method == "delta_log"


def test_intervals_cover_their_level() -> None:
    """Correlation 0.7, 200 rows, weights at random: 2,000 samples; 0.95 within 2 points, as first-order theory goes."""
    rng = np.random.default_rng(2)
    true = {mean_error: 0.0, mean_absolute_error: np.sqrt(0.51 * 2 / np.pi)}
    true |= {root_mean_squared_error: np.sqrt(0.51), r2_score: 0.49}
    covered = dict.fromkeys(true, 0)
    for _ in range(2000):
        f = rng.normal(size=200) * 0.7
        y = f + rng.normal(size=200) * np.sqrt(0.51)
        w = rng.exponential(size=200) if rng.random() < 0.5 else None
        for measure, value in true.items():
            interval = measure(y, f, weights=w).interval
            covered[measure] += interval.low <= value <= interval.high
    for measure, hits in covered.items():
        most = 0.97 if measure in (mean_error, mean_absolute_error) else 1.0  # the others allow for heavier tails
        assert 0.93 <= hits / 2000 <= most, measure.__name__


@pytest.mark.parametrize("n", [30, 300])
@pytest.mark.parametrize("name", ["normal", "t5", "uniform"])
def test_coverage_for_three_kinds_of_errors(name, n) -> None:
    """700 samples; at least .93 less three standard errors (.029); intervals exist in at least .9 of them."""
    rng = np.random.default_rng(4)
    draw, variance = {
        "normal": (lambda: rng.normal(size=n), 1),
        "t5": (lambda: rng.standard_t(5, size=n), 5 / 3),
        "uniform": (lambda: rng.uniform(-1, 1, n), 1 / 3),
    }[name]
    true = {root_mean_squared_error: np.sqrt(variance), r2_score: 0.5}
    covered, made = dict.fromkeys(true, 0), dict.fromkeys(true, 0)
    for _ in range(700):
        f, e = rng.normal(size=n) * np.sqrt(variance), draw()
        for measure, value in true.items():
            interval = measure(f - e, f).interval
            if interval.low is not None:
                made[measure] += 1
                covered[measure] += interval.low <= value <= interval.high
    for measure in true:
        assert made[measure] >= 630
        assert covered[measure] / made[measure] >= 0.93 - 0.029


def test_heavy_tails_have_no_interval() -> None:
    """Cauchy errors have no RMSE at all: of 200 samples of 300 rows at least 190 are recognised."""
    rng = np.random.default_rng(5)
    reasons = []
    for _ in range(200):
        f = rng.normal(size=300)
        found = root_mean_squared_error(f + rng.standard_cauchy(300), f)
        assert found.value is not None
        reasons.append(found.interval.undefined)
    assert sum(reason is not None and "Bahadur and Savage" in reason for reason in reasons) >= 190
    few = root_mean_squared_error([1.0, 2.0, 4.0], [1.5, 2.0, 3.0]).interval
    assert few.undefined == "fewer than 10 rows do not show the spread of squared errors"


def test_delta_method_agrees_with_the_jackknife() -> None:
    """Standard errors on the log scale from leaving out one row at a time (Efron and Tibshirani 1993, chapter 11).

    The interval averages the variance with that of Student's t with five degrees of freedom, 8, worth 3 sqrt(n) rows.
    """
    rng = np.random.default_rng(3)
    f = rng.uniform(0, 3, size=600)
    y = f + rng.normal(size=600) * (0.5 + f / 2)
    kept = ~np.eye(600, dtype=bool)
    for measure, back in ((root_mean_squared_error, np.asarray), (r2_score, lambda value: 1 - np.asarray(value))):
        left_out = np.log(back([measure(y[rows], f[rows]).value for rows in kept]))
        jackknife = np.sqrt(599 / 600 * np.sum((left_out - left_out.mean()) ** 2))
        interval = measure(y, f).interval
        half = abs(np.diff(np.log(back([interval.low, interval.high]))).item()) / 2
        scale, prior = (2 if measure is root_mean_squared_error else 1), 3 * np.sqrt(600)
        variance = ((scale * jackknife) ** 2 * 600 * 600 + prior * 8) / (600 + prior) / 600
        assert half == pytest.approx(stats.t.ppf(0.975, 599) * np.sqrt(variance) / scale, rel=0.03)


def test_degenerate_inputs() -> None:
    for measure in (mean_error, mean_absolute_error, root_mean_squared_error, r2_score):
        assert measure([], []).undefined == "no rows"
        assert measure([1.0, 2.0], [1.0, 1.0], weights=[0, 0]).undefined == "weights of 0"
        assert measure([], []).n == 0
    single = root_mean_squared_error([1.0], [3.0])
    assert (single.value, single.interval.low) == (2.0, None)
    assert mean_error([1.0], [3.0]).interval.low is None
    perfect = r2_score([1.0, 2.0], [1.0, 2.0])
    assert (perfect.value, perfect.interval.low) == (1.0, None)
    assert r2_score([0.1, 0.1, 0.1], [1.0, 2.0, 3.0]).undefined == "the targets do not vary"


def test_unusable_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="must be finite; got NaN or infinity"):
        mean_error([1.0, np.nan], [1.0, 2.0])
    with pytest.raises(ValueError, match=r"equal length, got shapes \(2,\), \(1,\), \(2,\)"):
        mean_error([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="weights must not be negative"):
        mean([1.0], weights=[-1.0])
