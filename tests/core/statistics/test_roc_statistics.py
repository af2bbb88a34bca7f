"""ROC curve and area against scikit-learn, DeLong against its definition, and coverage."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics as sm
from glasshouse.statistics import operating_point, roc_auc, roc_curve, tpr_at_fpr
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

tied = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 6)), min_size=1, max_size=50).map(
    lambda rows: (np.array([y for y, _ in rows]), np.array([s / 6 for _, s in rows]))
)
both_classes = tied.filter(lambda rows: len(set(rows[0])) == 2)


@given(both_classes)
def test_curve_and_area_are_scikit_learns_ties_included(rows) -> None:
    y, s = rows
    curve = roc_curve(y, s)
    fpr, tpr, thresholds = sm.roc_curve(y, s, drop_intermediate=False)
    np.testing.assert_allclose(curve.false_positive_rate, fpr)
    np.testing.assert_allclose(curve.true_positive_rate, tpr)
    np.testing.assert_array_equal(curve.thresholds, thresholds)
    assert roc_auc(y, s).value == pytest.approx(sm.roc_auc_score(y, s), abs=1e-12)


@given(both_classes, st.sampled_from([0.0, 0.01, 0.1, 0.25, 0.5, 1.0]))
def test_operating_point_at_a_false_positive_rate(rows, target) -> None:
    y, s = rows
    point = tpr_at_fpr(y, s, target)
    fpr, tpr, _ = sm.roc_curve(y, s, drop_intermediate=False)
    assert point.true_positive_rate.value == pytest.approx(tpr[fpr <= target].max())
    assert point.false_positive_rate.value <= target
    decided = s >= point.threshold
    assert point.true_positive_rate.value == pytest.approx(decided[y == 1].mean())
    assert np.isfinite(point.threshold)


@given(both_classes.filter(lambda rows: rows[0].sum() > 1 and (1 - rows[0]).sum() > 1))
def test_delong_variance_is_its_definition(rows) -> None:
    """Structural components of DeLong et al. 1988 from the full matrix of comparisons, equations 4 and 5."""
    y, s = rows
    x, z = s[y == 1], s[y == 0]
    kernel = (x[:, None] > z) + 0.5 * (x[:, None] == z)
    auc = kernel.mean()
    variance = kernel.mean(axis=1).var(ddof=1) / len(x) + kernel.mean(axis=0).var(ddof=1) / len(z)
    found = roc_auc(y, s, level=0.9)
    assert found.value == pytest.approx(auc)
    assert found.n == len(y)
    if variance < 1e-15:
        assert found.interval.low is None
        assert "no variance" in found.interval.undefined
        return
    half = stats.norm.ppf(0.95) * np.sqrt(variance) / (auc * (1 - auc))
    expected = special.expit(special.logit(auc) + np.array([-half, half]))
    assert (found.interval.low, found.interval.high) == pytest.approx(tuple(expected))
    assert found.interval.method == "delong_logit"


@given(both_classes, st.randoms(use_true_random=False))
def test_order_and_monotone_transformations_change_nothing_and_reversal_mirrors(rows, random) -> None:
    y, s = rows
    order = list(range(len(y)))
    random.shuffle(order)
    there = roc_auc(y, s)
    assert roc_auc(y[order], np.exp(3 * s[order])) == there
    mirrored = roc_auc(y, -s)
    assert mirrored.value == pytest.approx(1 - there.value)
    if there.interval.low is not None:
        assert (mirrored.interval.low, mirrored.interval.high) == pytest.approx(
            (1 - there.interval.high, 1 - there.interval.low)
        )


def test_worked_by_hand() -> None:
    """Ones at 3, 2, zeros at 2, 1: three pairs won and one tied of four."""
    assert roc_auc([1, 1, 0, 0], [3, 2, 2, 1]).value == 3.5 / 4
    point = operating_point([1, 1, 0, 0], [3, 2, 2, 1], 2)
    assert (point.true_positive_rate.value, point.false_positive_rate.value) == (1.0, 0.5)
    exact = stats.binomtest(1, 2).proportion_ci(0.95, method="exact")
    interval = point.false_positive_rate.interval
    assert (interval.low, interval.high) == pytest.approx((exact.low, exact.high))
    assert interval.method == "clopper_pearson"


def test_no_score_may_be_called_positive() -> None:
    point = tpr_at_fpr([1, 0], [-2.0, -1.0], 0.0)
    assert (point.true_positive_rate.value, point.false_positive_rate.value) == (0.0, 0.0)
    assert -1.0 < point.threshold < -0.9


def test_a_single_class_is_undefined() -> None:
    assert roc_auc([1, 1], [0.1, 0.2]).undefined == "no rows with target 0"
    assert roc_auc([], []).undefined == "no rows with target 1"
    curve = roc_curve([0, 0], [0.1, 0.2])
    assert np.all(np.isnan(curve.true_positive_rate))
    assert curve.false_positive_rate.tolist() == [0, 0.5, 1]
    point = tpr_at_fpr([1, 1], [0.1, 0.2], 0.01)
    assert point.false_positive_rate.undefined == "no rows with target 0"
    assert tpr_at_fpr([0, 0], [0.1, 0.2], 0.5).true_positive_rate.undefined == "no rows with target 1"


def test_no_interval_where_there_is_no_spread() -> None:
    assert roc_auc([1, 0, 0], [2, 1, 3]).interval.undefined == "a single row of a class has no spread"
    assert roc_auc([1, 1, 0, 0], [3, 4, 1, 2]).value == 1.0
    assert roc_auc([1, 1, 0, 0], [3, 4, 1, 2]).interval.low is None


def test_delong_on_the_log_odds_scale_covers_near_one() -> None:
    """Binormal scores, true area 0.948 with 30 rows a class: 1,500 samples, at least 0.93 (plainly it is 0.87)."""
    rng = np.random.default_rng(0)
    shift = 2.3
    true = stats.norm.cdf(shift / np.sqrt(2))
    y = np.repeat([1, 0], 30)
    covered = defined = 0
    for _ in range(1500):
        interval = roc_auc(y, rng.normal(size=60) + shift * y).interval
        if interval.low is not None:
            defined += 1
            covered += interval.low <= true <= interval.high
    assert defined > 1450
    assert 0.93 < covered / defined < 0.97


def test_unusable_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="targets of a ROC curve are 0 and 1"):
        roc_auc([1, 2], [0.1, 0.2])
    with pytest.raises(ValueError, match="must not be NaN"):
        roc_curve([1, 0], [0.1, np.nan])
    with pytest.raises(ValueError, match=r"one length, got shapes \(2,\) and \(1,\)"):
        roc_auc([1, 0], [0.1])
    with pytest.raises(ValueError, match=r"lies in \[0, 1\], got 1.5"):
        tpr_at_fpr([1, 0], [0.1, 0.2], 1.5)
