"""Calibration intercept and slope against scikit-learn's logistic regression, and the interval of the ECE."""

from __future__ import annotations

import numpy as np
import pytest
from glasshouse.statistics import (
    calibration_error_interval,
    expected_calibration_error,
    logistic_recalibration,
    reliability_curve,
)
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression


def sample(n=2000, seed=0, intercept=0.0, slope=1.0):
    rng = np.random.default_rng(seed)
    p = rng.uniform(0.02, 0.98, n)
    return (rng.random(n) < expit(intercept + slope * logit(p))).astype(float), p


@pytest.mark.parametrize("weighted", [False, True])
def test_the_slope_is_scikit_learns(weighted) -> None:
    y, p = sample(slope=0.6, intercept=0.3)
    w = np.random.default_rng(1).exponential(size=len(y)) if weighted else None
    found = logistic_recalibration(y, p, weights=w)
    fitted = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(logit(p)[:, None], y, sample_weight=w)
    assert found.slope.value == pytest.approx(fitted.coef_[0, 0], abs=1e-5)
    # the intercept alone solves sum w (y - expit(a + logit p)) = 0
    weights = np.ones(len(y)) if w is None else w
    assert weights @ (y - expit(found.intercept.value + logit(p))) == pytest.approx(0, abs=1e-6)


def test_its_standard_error_is_that_of_the_information_matrix() -> None:
    y, p = sample(500, seed=2)
    found = logistic_recalibration(y, p).slope
    fitted = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(logit(p)[:, None], y)
    mean = fitted.predict_proba(logit(p)[:, None])[:, 1]
    design = np.stack([np.ones_like(p), logit(p)], axis=1)
    covariance = np.linalg.inv((design * (mean * (1 - mean))[:, None]).T @ design)
    half = 1.959963984540054 * np.sqrt(covariance[1, 1])
    assert (found.interval.high - found.interval.low) / 2 == pytest.approx(half, rel=1e-4)
    assert found.interval.method == "wald"


def test_rows_of_one_probability_may_be_added_up() -> None:
    p = np.repeat([0.2, 0.5, 0.9], [30, 40, 30])
    y = np.concatenate([np.arange(30) < 9, np.arange(40) < 18, np.arange(30) < 25]).astype(float)
    rows = logistic_recalibration(y, p)
    bins = logistic_recalibration([9 / 30, 18 / 40, 25 / 30], [0.2, 0.5, 0.9], weights=[30, 40, 30])
    for one, other in ((rows.intercept, bins.intercept), (rows.slope, bins.slope)):
        assert (one.value, one.n) == (pytest.approx(other.value), other.n)
        assert one.interval.low == pytest.approx(other.interval.low)


def test_equal_weights_change_nothing_and_the_effective_number_widens() -> None:
    y, p = sample(400, seed=3)
    plain = logistic_recalibration(y, p).slope
    tripled = logistic_recalibration(y, p, weights=np.full(400, 3.0), effective=400).slope
    assert (tripled.interval.low, tripled.interval.high) == pytest.approx((plain.interval.low, plain.interval.high))
    fewer = logistic_recalibration(y, p, weights=np.full(400, 3.0), effective=100).slope
    assert fewer.interval.high - fewer.interval.low == pytest.approx(2 * (plain.interval.high - plain.interval.low))


def test_coverage_of_the_true_intercept_and_slope() -> None:
    """400 samples that are calibrated: 0 and 1 are covered at 95 % to within four standard errors (.0436)."""
    covered = np.zeros(2)
    for seed in range(400):
        found = logistic_recalibration(*sample(400, seed=seed))
        covered += [
            found.intercept.interval.low <= 0 <= found.intercept.interval.high,
            found.slope.interval.low <= 1 <= found.slope.interval.high,
        ]
    np.testing.assert_allclose(covered / 400, 0.95, atol=0.0436)


def test_undefined_cases() -> None:
    assert logistic_recalibration([], []).slope.undefined == "no rows"
    assert logistic_recalibration([1, 1], [0.2, 0.8]).intercept.undefined == "all rows have one target"
    flat = logistic_recalibration([1, 0, 0], [0.5, 0.5, 0.5])
    assert flat.intercept.value == pytest.approx(np.log(1 / 2))
    assert flat.slope.undefined == "the probabilities do not vary"
    apart = logistic_recalibration([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.9])
    assert apart.slope.undefined == "the probabilities separate the targets"
    assert apart.intercept.value is not None
    assert logistic_recalibration([0, 1, 1, 0], [0.0, 1.0, 0.3, 0.6]).slope.value is not None  # 0 and 1 stay finite
    with pytest.raises(ValueError, match="targets and probabilities lie in"):
        logistic_recalibration([0, 1], [0.5, 1.5])


def test_the_interval_of_the_calibration_error_holds_the_truth() -> None:
    """200 samples of 1,000 rows whose log-odds are all .8 too low: the error within ten bins is covered at 95 % to
    within four standard errors (.0616)."""
    rng = np.random.default_rng(9)
    grid = np.linspace(0.0005, 0.9995, 1000)
    truth = expected_calibration_error(reliability_curve(np.zeros(1000), grid))
    bins = np.minimum((grid * 10).astype(int), 9)
    off = [abs(np.mean(grid[bins == b] - expit(0.8 + logit(grid[bins == b])))) for b in range(10)]
    assert truth.value is not None
    covered = 0
    for _ in range(200):
        y = (rng.random(1000) < expit(0.8 + logit(grid))).astype(float)
        found = calibration_error_interval(reliability_curve(y, grid), rng=rng, replicates=300)
        covered += found.low <= np.mean(off) <= found.high
    assert covered / 200 == pytest.approx(0.95, abs=0.0616)


def test_no_interval_without_rows_or_with_weights() -> None:
    rng = np.random.default_rng(0)
    assert calibration_error_interval(reliability_curve([], []), rng=rng).undefined == "no rows"
    curve = reliability_curve([0, 1], [0.2, 0.7], weights=[1.0, 2.0])
    assert calibration_error_interval(curve, rng=rng).undefined == "rows are weighted"
