"""The calibration error's interval for weighted and clustered rows: against rows drawn again, and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from glasshouse.statistics import (
    binned_deviations,
    calibration_error_interval,
    expected_calibration_error,
    reliability_curve,
    resampled_calibration_error,
    score_histogram,
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


def test_without_weights_it_agrees_with_resampling_the_bins() -> None:
    rng = np.random.default_rng(1)
    y, p = rows(rng, 4000)
    other = calibration_error_interval(reliability_curve(y, p), rng=rng, replicates=4000)
    mine = resampled_calibration_error(*binned_deviations(score_histogram([], y, p), 0), rng=rng, replicates=4000)
    assert (mine.low, mine.high) == pytest.approx((other.low, other.high), abs=0.003)
    assert mine.method == "normal_bootstrap_basic"


def test_weighted_it_agrees_with_rows_drawn_again() -> None:
    """A row bootstrap in NumPy, 2,000 times, taken about the estimate as basic intervals are."""
    rng = np.random.default_rng(2)
    y, p = rows(rng, 3000)
    w = rng.lognormal(sigma=0.5, size=3000)

    def error(chosen):
        place = np.ceil(p[chosen] * 10).astype(int)
        return np.abs(np.bincount(place, weights=w[chosen] * (p - y)[chosen])).sum() / w[chosen].sum()

    everyone = np.arange(3000)
    drawn = [error(rng.integers(0, 3000, 3000)) for _ in range(2000)]
    low, high = 2 * error(everyone) - np.quantile(drawn, [0.975, 0.025])
    mine = resampled_calibration_error(
        *binned_deviations(score_histogram([], y, p, weights=w), 0), rng=rng, replicates=4000
    )
    assert (mine.low, mine.high) == pytest.approx((low, high), abs=0.004)


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
