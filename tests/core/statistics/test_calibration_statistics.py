"""Calibration and proper scores against scikit-learn, closed forms and hand-worked bins."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics as sm
from glasshouse.statistics import brier_score, expected_calibration_error, log_loss, reliability_curve, wilson
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.calibration import calibration_curve

rows = st.lists(
    st.tuples(
        st.integers(0, 1), st.one_of(st.floats(0, 1), st.integers(0, 10).map(lambda k: k / 10)), st.floats(0.1, 3)
    ),
    min_size=2,
    max_size=60,
).map(lambda found: tuple(np.array(column) for column in zip(*found, strict=True)))


@given(rows, st.integers(1, 12))
def test_equal_width_bins_are_scikit_learns(found, bins) -> None:
    y, p, _ = found
    curve = reliability_curve(y, p, bins=bins)
    if len(set(y)) == 2:
        observed, predicted = calibration_curve(y, p, n_bins=bins, strategy="uniform")
        np.testing.assert_allclose(curve.observed[curve.counts > 0], observed)
        np.testing.assert_allclose(curve.predicted[curve.counts > 0], predicted)
    assert curve.counts.sum() == len(y)
    assert len(curve.counts) == bins
    assert np.array_equal(np.isnan(curve.observed), curve.counts == 0)


@given(st.integers(0, 2**32 - 1), st.integers(2, 8), st.integers(1, 8))
def test_equal_mass_bins_are_scikit_learns(seed, bins, each) -> None:
    """Rows of such a number that no quantile falls on a row, where rounding would decide its bin."""
    rng = np.random.default_rng(seed)
    n = bins * each + 2
    y, p = np.arange(n) % 2, rng.random(n)
    curve = reliability_curve(y, p, bins=bins, strategy="quantile")
    observed, predicted = calibration_curve(y, p, n_bins=bins, strategy="quantile")
    np.testing.assert_allclose(curve.observed, observed)
    np.testing.assert_allclose(curve.predicted, predicted)
    assert np.ptp(curve.counts) <= 2


@given(rows, st.integers(2, 8))
def test_ties_may_join_equal_mass_bins_but_no_row_is_lost(found, bins) -> None:
    y, p, _ = found
    curve = reliability_curve(y, p, bins=bins, strategy="quantile")
    assert curve.counts.sum() == len(y)
    assert 1 <= len(curve.counts) <= bins
    assert np.nansum(curve.observed * curve.counts) == pytest.approx(y.sum())


def test_bins_and_error_by_hand() -> None:
    """Bins [0, .5] and (.5, 1]: mean .2 with 1 of 3, mean .8 with 2 of 2; error 3/5 * .1333 + 2/5 * .2."""
    curve = reliability_curve([0, 1, 0, 1, 1], [0.0, 0.1, 0.5, 0.7, 0.9], bins=2)
    assert curve.counts.tolist() == [3, 2]
    np.testing.assert_allclose(curve.predicted, [0.2, 0.8])
    np.testing.assert_allclose(curve.observed, [1 / 3, 1.0])
    error = expected_calibration_error(curve)
    assert (error.value, error.n) == (pytest.approx(3 / 5 * (1 / 3 - 0.2) + 2 / 5 * 0.2), 5)
    expected = stats.binomtest(1, 3).proportion_ci(method="wilson")
    assert (curve.intervals.low[0], curve.intervals.high[0]) == pytest.approx((expected.low, expected.high))
    assert curve.intervals.high[1] == 1.0


@given(rows)
def test_whole_weights_count_like_repeated_rows(found) -> None:
    y, p, w = found
    w = np.ceil(w).astype(int)
    weighted = reliability_curve(y, p, weights=w)
    repeated = reliability_curve(np.repeat(y, w), np.repeat(p, w))
    np.testing.assert_allclose(weighted.observed, repeated.observed)
    np.testing.assert_allclose(weighted.predicted, repeated.predicted)
    assert expected_calibration_error(weighted).value == pytest.approx(expected_calibration_error(repeated).value)
    assert expected_calibration_error(weighted).n == len(y)
    assert weighted.intervals.method == "wilson_effective"


@given(rows, st.booleans())
def test_proper_scores_are_scikit_learns(found, weighted) -> None:
    y, p, w = found
    weights = w if weighted else None
    assert brier_score(y, p, weights=weights).value == pytest.approx(sm.brier_score_loss(y, p, sample_weight=weights))
    assert log_loss(y, p, weights=weights).value == pytest.approx(
        sm.log_loss(y, p, sample_weight=weights, labels=[0, 1]), rel=1e-9
    )


def test_unequal_weights_count_for_fewer_rows() -> None:
    """One bin, weights 1, 1 and 4: effective rows 36 / 18 = 2, of which the positives' share is 5 / 6."""
    curve = reliability_curve([1, 0, 1], [0.3, 0.3, 0.3], bins=1, weights=[1, 1, 4])
    assert curve.observed[0] == pytest.approx(5 / 6)
    expected = wilson(2 * 5 / 6, 2).item()
    assert (curve.intervals.low[0], curve.intervals.high[0]) == pytest.approx((expected.low, expected.high))


def test_several_classes() -> None:
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(4), 200)
    y = rng.integers(0, 4, 200)
    assert log_loss(y, p).value == pytest.approx(sm.log_loss(y, p, labels=range(4)))
    assert brier_score(y, p).value == pytest.approx(sm.brier_score_loss(y, p, labels=range(4), scale_by_half=False))
    two_columns = np.stack([1 - p[:, 0], p[:, 0]], axis=1)
    assert brier_score(y % 2, two_columns).value == pytest.approx(2 * brier_score(y % 2, p[:, 0]).value)


def test_scores_have_t_intervals_over_the_rows() -> None:
    y, p = np.array([0, 1, 1, 0, 1]), np.array([0.2, 0.9, 0.4, 0.1, 0.7])
    expected = stats.ttest_1samp((p - y) ** 2, 0).confidence_interval()
    found = brier_score(y, p)
    assert (found.interval.low, found.interval.high) == pytest.approx((expected.low, expected.high))
    assert (found.interval.method, found.n) == ("student_t", 5)


def test_a_certain_miss_costs_the_resolution_of_its_number_type() -> None:
    assert log_loss([1], [0.0]).value == pytest.approx(-np.log(np.finfo(np.float64).eps))
    assert log_loss([1], np.array([0.0], np.float32)).value == pytest.approx(-np.log(np.finfo(np.float32).eps))
    assert log_loss([1], [0]).value == pytest.approx(-np.log(np.finfo(np.float64).eps))


def test_degenerate_inputs() -> None:
    empty = reliability_curve([], [])
    assert empty.counts.tolist() == [0] * 10
    assert expected_calibration_error(empty).undefined == "no rows"
    assert brier_score([], []).undefined == "no rows"
    assert brier_score([1], [0.5], weights=[0.0]).undefined == "weights of 0"
    assert brier_score([1], [0.5]).interval.low is None
    constant = reliability_curve([0, 1], [0.3, 0.3], strategy="quantile")
    assert (constant.counts.tolist(), constant.observed.tolist()) == ([2], [0.5])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: reliability_curve([0, 2], [0.1, 0.2]), "targets of a reliability curve are 0 and 1"),
        (lambda: reliability_curve([0, 1], [0.1, 1.2]), r"probabilities lie in \[0, 1\]"),
        (lambda: reliability_curve([0, 1], [0.1, np.nan]), "must be finite"),
        (lambda: reliability_curve([0, 1], [0.1, 0.2], bins=0), "at least one bin"),
        (lambda: reliability_curve([0, 1], [0.1, 0.2], weights=[1, -1]), "weights must not be negative"),
        (lambda: brier_score([0, 3], [0.1, 0.2]), "class codes from 0 to 1"),
        (lambda: log_loss([0, 1], [0.1, np.nan]), r"probabilities lie in \[0, 1\]"),
        (lambda: log_loss([0, 1], [[0.1, 0.9]]), r"got shapes \(2,\) and \(1, 2\)"),
    ],
)
def test_unusable_arguments_are_refused(call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call()
