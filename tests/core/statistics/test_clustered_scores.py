"""Means, areas and calibration of rows in clusters: alone the known ones, together covered by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from glasshouse.statistics import (
    clustered_deviations,
    clustered_mean,
    clustered_roc_auc,
    expected_calibration_error,
    mean,
    reliability_curve,
    resampled_calibration_error,
    roc_auc,
)
from sklearn.metrics import roc_auc_score


def test_a_mean_by_hand() -> None:
    """Clusters (0, 2) and (4, 6): mean 3, cluster sums of residuals over 4 are -1 and 1, error sqrt(2 * 2 / 1) = 2;
    t with one degree of freedom 12.706."""
    found = clustered_mean([0, 2, 4, 6], ["a", "a", "b", "b"])
    assert found.value == 3
    assert (found.interval.low, found.interval.high) == pytest.approx((3 - 2 * 12.7062, 3 + 2 * 12.7062), abs=1e-3)
    assert found.interval.method == "student_t_clustered"


def test_clusters_of_one_row_are_rows() -> None:
    rng = np.random.default_rng(0)
    y, w = rng.integers(0, 2, 400), rng.uniform(0.5, 2, 400)
    s, each = y + rng.normal(size=400).round(1), np.arange(400)  # rounded: ties
    one, other = clustered_mean(s, each, weights=w).interval, mean(s, weights=w).interval
    assert (one.low, one.high) == pytest.approx((other.low, other.high))
    area, plain = clustered_roc_auc(y, s, each), roc_auc(y, s)
    assert area.value == pytest.approx(roc_auc_score(y, s))
    assert (area.interval.low, area.interval.high) == pytest.approx((plain.interval.low, plain.interval.high), abs=1e-3)
    weighted = clustered_roc_auc(y, s, each, weights=w)
    assert weighted.value == pytest.approx(roc_auc_score(y, s, sample_weight=w))


def test_a_cluster_repeated_counts_as_one() -> None:
    """Every row three times, as one cluster: the interval is that of the rows once."""
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, 100)
    s, times = y + rng.normal(size=100), np.repeat(np.arange(100), 3)
    once, thrice = clustered_roc_auc(y, s, np.arange(100)), clustered_roc_auc(y[times], s[times], times)
    assert (thrice.value, thrice.interval.low) == pytest.approx((once.value, once.interval.low))
    assert thrice.n == 300


def test_the_area_covers_under_clusters() -> None:
    """400 samples of 40 clusters whose scores share a shift of their own; true area from 400,000 rows. 4 standard
    errors of 0.011 allowed, and rows taken for independent must do worse."""
    rng = np.random.default_rng(2)

    def sample(clusters):
        cluster = np.repeat(np.arange(clusters), 8)
        y = (rng.random(len(cluster)) < rng.beta(2, 2, clusters)[cluster]).astype(int)
        return cluster, y, y + rng.normal(size=clusters)[cluster] + rng.normal(size=len(cluster))

    _, y, s = sample(50_000)
    truth = roc_auc_score(y, s)
    covered = naive = 0
    for _ in range(400):
        cluster, y, s = sample(40)
        one, other = clustered_roc_auc(y, s, cluster).interval, roc_auc(y, s).interval
        covered += one.low <= truth <= one.high
        naive += other.low <= truth <= other.high
    assert covered / 400 > 0.95 - 4 * 0.011
    assert naive < covered - 20


def test_deviations_of_clusters() -> None:
    rng = np.random.default_rng(3)
    p = rng.uniform(0, 1, 600)
    y = (rng.random(600) < p).astype(int)
    deviations, covariance, total = clustered_deviations(y, p, np.arange(600) // 3)
    value = expected_calibration_error(reliability_curve(y, p)).value
    assert np.abs(deviations).sum() / total == pytest.approx(value, abs=1e-9)
    assert np.abs(covariance - np.diag(np.diag(covariance))).max() > 0
    twice = np.repeat(np.arange(600), 2)
    doubled = resampled_calibration_error(
        *clustered_deviations(y[twice], p[twice], twice), rng=np.random.default_rng(0), replicates=4000
    )
    once = resampled_calibration_error(
        *clustered_deviations(y, p, np.arange(600)), rng=np.random.default_rng(0), replicates=4000
    )
    assert (doubled.low, doubled.high) == pytest.approx((once.low, once.high), abs=1e-6)


def test_what_is_undefined_says_why() -> None:
    assert clustered_mean([], []).undefined == "no rows"
    assert clustered_mean([1.0], [0], weights=[0.0]).undefined == "weights of 0"
    assert clustered_mean([1.0, 2.0], [0, 0]).interval.undefined == "a single cluster has no spread"
    assert clustered_roc_auc([1, 1], [0.1, 0.2], [0, 1]).undefined == "no rows with target 0"
    assert clustered_roc_auc([0, 0], [0.1, 0.2], [0, 1]).undefined == "no rows with target 1"
    few = clustered_roc_auc([0, 1] * 30, np.arange(60), np.arange(60) // 15).interval
    assert few.undefined == "fewer than 5 clusters with rows of a class show no spread"
    apart = clustered_roc_auc([0] * 50 + [1] * 50, np.arange(100), np.arange(100) % 20).interval
    assert (apart.low, apart.method) == (pytest.approx(0.025 ** (1 / 10)), "perfect_separation_clustered")
    with pytest.raises(ValueError, match="targets of a ROC curve are 0 and 1"):
        clustered_roc_auc([0, 2], [0.1, 0.2], [0, 1])
