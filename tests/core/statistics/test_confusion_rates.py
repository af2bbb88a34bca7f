"""Rates against fairlearn and scikit-learn on the same arrays; undefined stays undefined."""

from __future__ import annotations

import fairlearn.metrics as fm
import numpy as np
import pytest
import sklearn.metrics as sm
from glasshouse.evidence.predictions import Groups
from glasshouse.statistics import RATES, confusion, count, group_rates, rate
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats


def table_of(y, p, codes=None, weights=None, classes=("0", "1"), levels=("a", "b", "c")):
    columns = [] if codes is None else [Groups(name="g", levels=levels, codes=np.asarray(codes, dtype=np.int32))]
    return count(columns, y, p, classes=classes, weights=weights)


binary_rows = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 1), st.integers(0, 2), st.floats(0.1, 5)), min_size=1, max_size=40
)
FAIRLEARN = {
    "selection_rate": fm.selection_rate,
    "true_positive_rate": fm.true_positive_rate,
    "false_positive_rate": fm.false_positive_rate,
    "true_negative_rate": fm.true_negative_rate,
    "false_negative_rate": fm.false_negative_rate,
}
SKLEARN = {
    "accuracy": sm.accuracy_score,
    "precision": lambda y, p, sample_weight: sm.precision_score(
        y, p, sample_weight=sample_weight, zero_division=np.nan
    ),
    "f1": lambda y, p, sample_weight: sm.f1_score(y, p, sample_weight=sample_weight, zero_division=np.nan),
}


@given(binary_rows, st.booleans())
def test_rates_by_group_are_fairlearns_where_defined(rows, weighted) -> None:
    y, p, g, w = (np.asarray(column) for column in zip(*rows, strict=True))
    weights = w if weighted else np.ones(len(y))
    table = table_of(y, p, g, weights=w if weighted else None)
    for name, oracle in (FAIRLEARN | SKLEARN).items():
        found = rate(table.cells, name)
        for k in range(3):
            mine = found.values[k]
            chosen = g == k
            if found.undefined(k) is not None:
                assert np.isnan(mine)
                continue
            arguments = (y[chosen], p[chosen])
            extra = {"pos_label": 1} if name in FAIRLEARN and name != "selection_rate" else {}
            assert mine == pytest.approx(oracle(*arguments, sample_weight=weights[chosen], **extra), abs=1e-12)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40),
    st.integers(0, 3),
)
def test_one_class_against_the_rest_is_scikit_learns(rows, positive) -> None:
    y, p = np.asarray(rows).T
    cells = table_of(y, p, classes=tuple("abcd")).cells[0]
    expected = sm.multilabel_confusion_matrix(y, p, labels=range(4))[positive]
    tp, fp, fn, tn = confusion(cells, positive=positive)
    assert [[tn, fp], [fn, tp]] == expected.tolist()
    recalls = sm.recall_score(y, p, labels=range(4), average=None, zero_division=np.nan)
    np.testing.assert_allclose(rate(cells, "balanced_accuracy").values, recalls.mean(), atol=1e-12)
    assert rate(cells, "accuracy", positive=positive).values == pytest.approx(sm.accuracy_score(y, p))
    for name, oracle in (("macro_precision", sm.precision_score), ("macro_f1", sm.f1_score)):
        each = oracle(y, p, labels=range(4), average=None, zero_division=np.nan)
        np.testing.assert_allclose(rate(cells, name).values, each.mean(), atol=1e-12)


def test_every_rate_by_hand() -> None:
    """tp 30, fn 10, fp 5, tn 55."""
    cells = np.array([[55, 5], [10, 30]])
    expected = {
        "count": 100,
        "selection_rate": 0.35,
        "prevalence": 0.4,
        "accuracy": 0.85,
        "balanced_accuracy": (30 / 40 + 55 / 60) / 2,
        "true_positive_rate": 30 / 40,
        "false_negative_rate": 10 / 40,
        "false_positive_rate": 5 / 60,
        "true_negative_rate": 55 / 60,
        "precision": 30 / 35,
        "false_discovery_rate": 5 / 35,
        "false_omission_rate": 10 / 65,
        "f1": 60 / 75,
        "macro_precision": (30 / 35 + 55 / 65) / 2,
        "macro_f1": (60 / 75 + 110 / 125) / 2,
        "treatment_equality": 10 / 5,
    }
    assert {name: float(rate(cells, name).values) for name in RATES} == pytest.approx(expected)
    assert float(rate(cells, "true_positive_rate", positive=0).values) == pytest.approx(55 / 60)


def test_undefined_has_a_reason_and_its_count() -> None:
    table = table_of([1, 1, 0], [1, 0, 0], [0, 0, 1])
    by_name = {name: group_rates(table, name) for name in RATES}
    assert by_name["true_positive_rate"][1].undefined == "no rows with target '1'"
    assert by_name["false_positive_rate"][0].undefined == "no rows with a target other than '1'"
    assert by_name["precision"][1].undefined == "no rows predicted '1'"
    assert by_name["false_omission_rate"][2].undefined == "no rows predicted other than '1'"
    assert by_name["f1"][1].undefined == "no rows with target or prediction '1'"
    assert by_name["balanced_accuracy"][0].undefined == "a class without rows"
    assert by_name["accuracy"][2].undefined == "no rows"
    assert [e.n for e in by_name["true_positive_rate"]] == [2, 0, 0]
    assert [e.value for e in by_name["count"]] == [2, 1, 0]
    assert all((e.value is None) == (e.undefined is not None) for found in by_name.values() for e in found)


def test_rows_of_weight_zero_are_undefined_but_counted() -> None:
    estimate = group_rates(table_of([1, 1], [1, 0], [0, 0], weights=[0.0, 0.0]), "accuracy")[0]
    assert (estimate.value, estimate.n, estimate.undefined) == (None, 2, "weights of 0")


def test_intervals_are_wilson_or_exact_over_the_rates_denominator() -> None:
    table = table_of(np.repeat([1, 1, 0], [7, 3, 20]), np.repeat([1, 0, 1], [7, 3, 20]))
    for method, oracle in (("wilson", "wilson"), ("clopper_pearson", "exact")):
        estimate = group_rates(table, "true_positive_rate", method=method, level=0.9)[0]
        expected = stats.binomtest(7, 10).proportion_ci(0.9, method=oracle)
        assert (estimate.interval.low, estimate.interval.high) == pytest.approx((expected.low, expected.high), abs=1e-9)
        assert (estimate.n, estimate.interval.method, estimate.interval.level) == (10, method, 0.9)
    shared = stats.binomtest(7, 30).proportion_ci(
        0.95, method="wilson"
    )  # of 30 rows that are 1 or called 1, 7 are both
    f1 = group_rates(table, "f1")[0].interval
    assert (f1.low, f1.high) == pytest.approx(tuple(2 * end / (1 + end) for end in (shared.low, shared.high)))
    assert f1.method == "wilson_transformed"


def test_perfect_classes_have_an_exact_interval_and_small_ones_none() -> None:
    """Clopper and Pearson 1934: with 12 hits of 12 the lower end is .025 ** (1 / 12); F1 transforms it."""
    perfect = table_of([0] * 12 + [1] * 12, [0] * 12 + [1] * 12)
    low = 0.025 ** (1 / 12)
    recall, f1 = (group_rates(perfect, name)[0].interval for name in ("true_positive_rate", "f1"))
    assert (recall.low, recall.high) == (pytest.approx(low), 1)
    assert (f1.low, f1.high) == (pytest.approx(2 * low / (1 + low)), 1)
    balanced = group_rates(perfect, "balanced_accuracy")[0].interval
    assert balanced.low == pytest.approx(1 - np.hypot(1 - low, 1 - low) / 2)
    few = group_rates(table_of([0] * 12 + [1] * 4, [0] * 12 + [1] * 4), "balanced_accuracy")[0]
    assert (few.value, few.interval.low) == (1, None)


@pytest.mark.parametrize(("n", "share"), [(10, 0.5), (40, 0.3), (200, 0.1)])
def test_f1_and_balanced_accuracy_cover(n, share) -> None:
    """1,000 samples with recall .8 and false positive rate .2; at least .93 less three standard errors (.024)."""
    rng = np.random.default_rng(n)
    recall, fallout = 0.8, 0.2
    true = {"f1": 2 * share * recall / (share * recall + share + (1 - share) * fallout), "balanced_accuracy": 0.8}
    covered, made = dict.fromkeys(true, 0), dict.fromkeys(true, 0)
    for _ in range(1000):
        y = (rng.random(n) < share).astype(int)
        p = (rng.random(n) < np.where(y, recall, fallout)).astype(int)
        for name, value in true.items():
            found = group_rates(table_of(y, p), name)[0]
            if found.value is not None and found.interval is not None and found.interval.low is not None:
                made[name] += 1
                covered[name] += found.interval.low <= value <= found.interval.high
    for name in true:
        assert made[name] > 200, name
        assert covered[name] / made[name] >= 0.93 - 0.024, name


def test_equal_weights_change_no_interval_and_unequal_ones_widen_it() -> None:
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, 2, (2, 200))
    plain = group_rates(table_of(y, p), "precision")[0]
    threes = group_rates(table_of(y, p, weights=np.full(200, 3.0)), "precision")[0]
    assert threes.interval.method == "wilson_effective"
    assert (threes.value, threes.n) == (pytest.approx(plain.value), plain.n)
    assert (threes.interval.low, threes.interval.high) == pytest.approx((plain.interval.low, plain.interval.high))
    unequal = group_rates(table_of(y, p, weights=rng.exponential(size=200)), "precision")[0]
    assert unequal.interval.high - unequal.interval.low > 1.2 * (plain.interval.high - plain.interval.low)


@given(st.lists(st.floats(1e-3, 1e3), min_size=9, max_size=9), st.integers(0, 8))
def test_rounding_of_weights_neither_leaves_the_unit_interval_nor_fills_an_empty_set(weights, empty) -> None:
    cells = np.asarray(weights).reshape(3, 3)
    cells[empty // 3] = 0
    for name in RATES[1:]:
        for positive in range(3):
            found = rate(cells, name, positive=positive)
            assert np.isnan(found.values) or 0 <= found.values <= (np.inf if name == "treatment_equality" else 1)
    assert rate(cells, "true_positive_rate", positive=empty // 3).undefined() is not None


def test_all_right_is_an_accuracy_of_exactly_one_whatever_the_weights() -> None:
    """Sums of the same weights in another order can differ in the last digit, and leave the unit interval."""
    cells = np.zeros((2000, 5, 5))
    cells[:, range(5), range(5)] = np.random.default_rng(0).random((2000, 5))
    assert np.all(rate(cells, "accuracy").values == 1.0)


def test_replicates_by_groups_at_once() -> None:
    cells = np.random.default_rng(0).integers(0, 20, (5, 4, 3, 3))
    for name in RATES:
        together = rate(cells, name, positive=2).values
        assert together.shape == (5, 4)
        np.testing.assert_array_equal(together[3, 1], rate(cells[3, 1], name, positive=2).values)


def test_selection_rate_needs_no_targets_and_the_others_say_so() -> None:
    table = count([], None, [1, 1, 0, 2], classes=("a", "b", "c"))
    assert float(rate(table.cells, "selection_rate").values[0]) == 0.5
    assert group_rates(table, "count")[0].value == 4
    with pytest.raises(ValueError, match="precision needs targets"):
        rate(table.cells, "precision")
    with pytest.raises(ValueError, match="needs targets, and these counts have none"):
        confusion(table.cells)


def test_unknown_names_and_classes() -> None:
    with pytest.raises(ValueError, match="'recall' is not a rate; known: count, selection_rate"):
        rate(np.ones((2, 2)), "recall")
    with pytest.raises(ValueError, match="code of a class, 0 to 1; got 2"):
        rate(np.ones((2, 2)), "precision", positive=2)
