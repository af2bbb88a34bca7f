"""The calibration error's intervals, its squared form and its test, by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from glasshouse.statistics import (
    binned_deviations,
    calibration_error_interval,
    calibration_p_value,
    expected_calibration_error,
    reliability_curve,
    resampled_calibration_error,
    score_histogram,
    squared_calibration_error,
)


def rows(rng, n, shift=0.1):
    p = rng.uniform(0.05, 0.8, n)
    return (rng.random(n) < p + shift).astype(int), p


def test_deviations_are_those_of_the_rows() -> None:
    """Their absolute sum over the weight is the calibration error; the covariance is that of the rows, by bin."""
    rng = np.random.default_rng(0)
    y, p = rows(rng, 2000)
    w = rng.lognormal(size=2000)
    deviations, covariance, total = binned_deviations(score_histogram([], y, p, weights=w), 0)
    curve = reliability_curve(y, p, weights=w)
    assert np.abs(deviations).sum() / total == pytest.approx(expected_calibration_error(curve).value, abs=1e-9)
    place = np.ceil(p * 10).astype(int) - 1
    expected = np.bincount(place, weights=(w * (p - y)) ** 2, minlength=10)
    np.testing.assert_allclose(np.diag(covariance), expected, rtol=1e-3)
    assert np.count_nonzero(covariance - np.diag(np.diag(covariance))) == 0


@pytest.mark.parametrize("n", [100, 1000])
@pytest.mark.parametrize("shift", [0.0, 0.02, 0.05])
def test_the_interval_covers_the_population_s_error_in_the_same_bins(n, shift) -> None:
    """400 samples; at least .95 less four standard errors (.044). Scores that are off by a constant have that error in
    every bin; at 0 the interval of calibrated scores must reach 0."""
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(400):
        y, p = rows(rng, n, shift)
        interval = calibration_error_interval(reliability_curve(y, p), rng=rng, replicates=200)
        covered += interval.low <= shift + 1e-12 and interval.high >= shift
    assert covered / 400 >= 0.95 - 0.044


def test_the_squared_error_is_unbiased_and_the_test_keeps_its_level_and_has_power() -> None:
    """500 samples of 300 rows: the mean, and the share of p-values up to .05, within four standard errors."""
    rng = np.random.default_rng(6)
    for shift in (0.0, 0.1):
        squared, p_values = [], []
        for _ in range(500):
            y, p = rows(rng, 300, shift)
            curve = reliability_curve(y, p)
            squared.append(squared_calibration_error(curve).value)
            p_values.append(calibration_p_value(curve, rng=rng, replicates=199).value)
        assert np.mean(squared) == pytest.approx(shift**2, abs=4 * np.std(squared) / np.sqrt(500))
        rejected = np.mean(np.asarray(p_values) <= 0.05)
        assert rejected <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / 500) if shift == 0 else rejected > 0.5


def test_without_weights_both_forms_agree_where_errors_are_large() -> None:
    """Simulated bins and normal deviations, 4,000 rows off by .1: the ends differ by less than a tenth of the width."""
    rng = np.random.default_rng(1)
    y, p = rows(rng, 4000)
    other = calibration_error_interval(reliability_curve(y, p), rng=rng, replicates=4000)
    mine = resampled_calibration_error(*binned_deviations(score_histogram([], y, p), 0), rng=rng, replicates=4000)
    assert (mine.low, mine.high) == pytest.approx((other.low, other.high), abs=0.1 * (other.high - other.low))
    assert (mine.method, other.method) == ("folded_normal", "simulated_bins")


def test_it_covers_the_error_of_scores_that_are_off_by_a_constant() -> None:
    """300 samples of 1,500 rows whose scores are 0.1 too low, with weights; standard error at 0.95: 0.0126."""
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(300):
        y, p = rows(rng, 1500)
        parts = binned_deviations(score_histogram([], y, p, weights=rng.uniform(0.5, 2, 1500)), 0)
        interval = resampled_calibration_error(*parts, rng=rng, replicates=500)
        covered += interval.low <= 0.1 <= interval.high
    assert covered / 300 > 0.95 - 4 * 0.0126


def test_it_is_not_negative_and_needs_targets() -> None:
    rng = np.random.default_rng(4)
    y, p = rows(rng, 60, shift=0)
    interval = resampled_calibration_error(*binned_deviations(score_histogram([], y, p), 0), rng=rng)
    assert 0 <= interval.low <= interval.high
    with pytest.raises(ValueError, match="targets of these scores are not known"):
        binned_deviations(score_histogram([], None, p), 0)
