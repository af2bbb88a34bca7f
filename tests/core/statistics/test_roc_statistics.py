"""ROC curve and area against scikit-learn, DeLong against its definition, and coverage."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics as sm
from glasshouse.statistics import operating_point, roc_auc, roc_curve, tpr_at_fpr, wilson
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

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
    found = roc_auc(y, s, level=0.9)
    assert found.value == pytest.approx(auc)
    assert found.n == len(y)
    if min(len(x), len(z)) < 5:
        assert found.interval.undefined == "fewer than 5 rows of a class show no spread"
        return
    if auc in (0, 1):
        assert found.interval.method == "perfect_separation"
        return
    # each spread averaged with A (1 - A) at a weight of 1.5 sqrt(m) rows; never wider than with min(m, n) rows
    variances, sizes = [kernel.mean(axis=1).var(ddof=1), kernel.mean(axis=0).var(ddof=1)], [len(x), len(z)]
    priors = [1.5 * m**0.5 for m in sizes]
    spreads = [
        (spread * (m - 1) + k * auc * (1 - auc)) / (m - 1 + k)
        for spread, m, k in zip(variances, sizes, priors, strict=True)
    ]
    parts = np.divide(spreads, sizes)
    free = parts.sum() ** 2 / np.sum(parts**2 / (np.array(sizes) - 1 + priors))
    rows, fewest = max(auc * (1 - auc) / parts.sum(), min(len(x), len(z))), min(len(x), len(z))
    ends = []
    for count_, z_ in ((rows, stats.t.ppf(0.95, free)), (fewest, stats.norm.ppf(0.95))):
        centre = (auc * count_ + z_**2 / 2) / (count_ + z_**2)
        half = z_ / (count_ + z_**2) * np.sqrt(auc * (1 - auc) * count_ + z_**2 / 4)
        ends.append((centre - half, centre + half))
    expected = max(end[0] for end in ends), min(end[1] for end in ends)
    assert (found.interval.low, found.interval.high) == pytest.approx(expected)
    assert found.interval.method == "delong_score"


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


def test_no_interval_below_five_rows_of_a_class() -> None:
    for y, scores in (([1, 0, 0], [2, 1, 3]), ([1] * 4 + [0] * 90, range(94)), ([1, 1, 0, 0], [3, 4, 1, 2])):
        assert roc_auc(y, scores).interval.undefined == "fewer than 5 rows of a class show no spread"
    assert roc_auc([1, 1, 0, 0], [3, 4, 1, 2]).value == 1.0


def test_classes_that_do_not_overlap_have_an_exact_end() -> None:
    """With 20 of the smaller class, .025 ** (1 / 20) = .8316: at that area 20 disjoint pairs are all in order with
    probability .025, and no distribution separates perfectly more often."""
    perfect = roc_auc([1] * 20 + [0] * 500, np.arange(520)[::-1]).interval
    assert (perfect.low, perfect.high) == pytest.approx((0.8315665, 1.0), abs=1e-6)
    assert perfect.method == "perfect_separation"
    reverse = roc_auc([0] * 20 + [1] * 500, np.arange(520)[::-1]).interval
    assert (reverse.low, reverse.high) == pytest.approx((0.0, 1 - 0.8315665), abs=1e-6)
    attack = roc_auc([1] * 500 + [0] * 500, np.arange(1000)[::-1]).interval
    assert attack.low > 0.99


# Exact coverage of Wilson's interval with 20 rows at .95, which a mixture far above or below everything has, is .9245.
DISTRIBUTIONS = {
    "equal spread": lambda rng, area, m, n: (
        rng.normal(stats.norm.ppf(area) * 2**0.5, 1, m),
        rng.normal(size=n),
    ),
    "positives spread twice as wide": lambda rng, area, m, n: (
        rng.normal(stats.norm.ppf(area) * 5**0.5, 2, m),
        rng.normal(size=n),
    ),
    "negatives spread twice as wide": lambda rng, area, m, n: (
        rng.normal(stats.norm.ppf(area) * 5**0.5, 1, m),
        rng.normal(0, 2, n),
    ),
    "a mixture of two points": lambda rng, area, m, n: (np.where(rng.random(m) < area, 9.0, -9.0), rng.normal(size=n)),
}


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
@pytest.mark.parametrize(("positives", "negatives", "area"), [(5, 500, 0.9), (20, 2000, 0.95), (100, 500, 0.99)])
def test_it_covers_with_few_rows_of_a_class(distribution, positives, negatives, area) -> None:
    """400 samples: at least .92 less three standard errors (.041), and narrower on average than Wilson's interval with
    the smaller number of rows, which covers everywhere."""
    rng = np.random.default_rng(3)
    y = np.repeat([1, 0], [positives, negatives])
    covered, widths, wide = 0, [], []
    for _ in range(400):
        found = roc_auc(y, np.concatenate(DISTRIBUTIONS[distribution](rng, area, positives, negatives)))
        interval, fewest = found.interval, min(positives, negatives)
        covered += interval.low <= area <= interval.high
        if interval.method != "perfect_separation":
            widths.append(interval.high - interval.low)
            widest = wilson(found.value * fewest, fewest).item()
            wide.append(widest.high - widest.low)
    assert covered / 400 >= 0.92 - 0.041
    assert np.mean(widths) <= np.mean(wide) + 1e-9


def test_unusable_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="targets of a ROC curve are 0 and 1"):
        roc_auc([1, 2], [0.1, 0.2])
    with pytest.raises(ValueError, match="must not be NaN"):
        roc_curve([1, 0], [0.1, np.nan])
    with pytest.raises(ValueError, match=r"one length, got shapes \(2,\) and \(1,\)"):
        roc_auc([1, 0], [0.1])
    with pytest.raises(ValueError, match=r"lies in \[0, 1\], got 1.5"):
        tpr_at_fpr([1, 0], [0.1, 0.2], 1.5)
