"""Gaps against fairlearn's on the same arrays, and where they are undefined on purpose."""

from __future__ import annotations

import fairlearn.metrics as fm
import numpy as np
import pytest
from glasshouse.evidence.predictions import Groups
from glasshouse.statistics import GAPS, count, difference, gap, impact_ratios, ratio
from hypothesis import assume, given, settings
from hypothesis import strategies as st


def table_of(y, p, codes, levels=("a", "b", "c"), weights=None):
    return count(
        [Groups(name="g", levels=levels, codes=np.asarray(codes, dtype=np.int32))],
        y,
        p,
        classes=("0", "1"),
        weights=weights,
    )


rows = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1), st.integers(0, 2)), min_size=12, max_size=60)


FAIRLEARN_NAMES = sorted(name for name in GAPS if hasattr(fm, name))


@settings(max_examples=10)
@given(rows, st.sampled_from(["between_groups", "to_overall"]))
def test_named_gaps_are_fairlearns_where_every_rate_is_defined(rows, method) -> None:
    y, p, g = np.asarray(rows).T
    assume(all(len(set(y[g == k])) == 2 for k in range(3)))
    for name in FAIRLEARN_NAMES:
        found = gap(table_of(y, p, g), name, method=method)
        if found.undefined is not None:
            assert "0 in every group" in found.undefined
            continue
        expected = getattr(fm, name)(y, p, sensitive_features=g, method=method)
        assert found.value == pytest.approx(expected, abs=1e-12)
        assert found.left_out == ()


def test_the_names_that_fairlearn_has_are_all_compared_with_it() -> None:
    assert len(FAIRLEARN_NAMES) == 6
    assert {GAPS[name][0] for name in set(GAPS) - set(FAIRLEARN_NAMES)} == {("precision",), ("treatment_equality",)}


def test_predictive_parity_and_treatment_equality_by_hand() -> None:
    """a: tp 2, fp 1, fn 2; b: tp 1, fp 1, fn 1; c: no false positives, so its treatment equality is undefined."""
    y, p, g = np.array(
        [(1, 1, 0), (1, 1, 0), (0, 1, 0), (1, 0, 0), (1, 0, 0), (1, 1, 1), (0, 1, 1), (1, 0, 1), (1, 1, 2), (1, 0, 2)]
    ).T
    table = table_of(y, p, g)
    assert gap(table, "predictive_parity_difference").value == pytest.approx(1 - 1 / 2)
    assert gap(table, "predictive_parity_ratio").value == pytest.approx(1 / 2)
    found = gap(table, "treatment_equality_difference")
    assert (found.value, found.left_out) == (pytest.approx(2 / 1 - 1 / 1), ({"g": "c"},))


@settings(max_examples=25)
@given(rows, st.sampled_from(["between_groups", "to_overall"]))
def test_any_rates_gap_is_that_of_a_metric_frame(rows, method) -> None:
    y, p, g = np.asarray(rows).T
    assume(len(set(g)) == 3)
    frame = fm.MetricFrame(metrics=lambda a, b: np.mean(a == b), y_true=y, y_pred=p, sensitive_features=g)
    table = table_of(y, p, g)
    assert gap(table, "accuracy_difference", method=method).value == pytest.approx(frame.difference(method=method))
    if frame.by_group.min() > 0:
        assert gap(table, "accuracy_ratio", method=method).value == pytest.approx(frame.ratio(method=method))


def test_worked_by_hand() -> None:
    """Selection rates 1/2, 1/4 and 7/12."""
    y = [0] * 20
    p = [1, 1, 0, 0] + [1, 0, 0, 0] + [1] * 7 + [0] * 5
    found = gap(table_of(y, p, [0] * 4 + [1] * 4 + [2] * 12), "demographic_parity_difference")
    assert found.value == pytest.approx(7 / 12 - 1 / 4)
    assert (found.highest, found.lowest, found.rate, found.n) == ({"g": "c"}, {"g": "b"}, "selection_rate", 20)


def test_a_group_without_positives_is_left_out_and_not_a_gap_of_one() -> None:
    """fairlearn turns the empty denominator into a rate of 0 and the gap into 1."""
    y, p, g = [1, 1, 0, 1, 1, 0, 0, 0], [1, 1, 0, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1, 2, 2]
    assert fm.equalized_odds_difference(y, p, sensitive_features=g) == 1.0
    found = gap(table_of(y, p, g), "equalized_odds_difference")
    assert found.value == 0.0
    assert found.left_out == ({"g": "c"},)


def test_equalized_odds_take_the_worse_rate_and_name_its_groups() -> None:
    y = [1, 1, 0, 0] * 2
    p = [1, 1, 1, 0, 1, 0, 0, 0]
    found = gap(table_of(y, p, [0] * 4 + [1] * 4, levels=("a", "b")), "equalized_odds_ratio")
    assert (found.rate, found.value) == ("false_positive_rate", 0.0)
    assert (found.highest, found.lowest, found.n) == ({"g": "a"}, {"g": "b"}, 4)


@pytest.mark.parametrize(
    ("codes", "predicted", "name", "reason"),
    [
        ([0, 0, 0], [1, 0, 1], "demographic_parity_difference", "fewer than two groups with a defined selection_rate"),
        ([0, 1, 2], [0, 0, 0], "demographic_parity_ratio", "selection_rate is 0 in every group"),
        ([0, 1, 2], [1, 1, 1], "equalized_odds_ratio", "fewer than two groups with a defined false_positive_rate"),
    ],
)
def test_undefined_gaps(codes, predicted, name, reason) -> None:
    found = gap(table_of([1, 1, 0], predicted, codes), name)
    assert (found.value, found.undefined, found.highest) == (None, reason, None)


def test_unknown_gaps() -> None:
    with pytest.raises(ValueError, match="'parity' is not a gap; known: demographic_parity_difference"):
        gap(table_of([1], [1], [0]), "parity")
    with pytest.raises(ValueError, match="'recall_ratio' is not a gap"):
        gap(table_of([1], [1], [0]), "recall_ratio")


def test_impact_ratio_of_local_law_144() -> None:
    """Worked by hand: selection rates 2/4, 1/4, none; over the highest 1, 1/2, undefined."""
    table = table_of([0] * 8, [1, 1, 0, 0, 1, 0, 0, 0], [0, 0, 0, 0, 1, 1, 1, 1])
    found = impact_ratios(table)
    assert [e.value for e in found] == [1.0, 0.5, None]
    assert [e.n for e in found] == [4, 4, 0]
    assert found[2].undefined == "no rows"
    nobody = impact_ratios(table_of([0, 0], [0, 0], [0, 1]))
    assert [e.undefined for e in nobody] == ["no group has a row selected"] * 2 + ["no rows"]


rates = st.lists(st.one_of(st.floats(0, 1), st.just(float("nan"))), min_size=1, max_size=6)


@given(st.lists(rates.map(lambda r: (r + [np.nan] * 6)[:6]), min_size=1, max_size=4), st.permutations(range(6)))
def test_kernels_ignore_order_and_bound_their_values(replicates, order) -> None:
    values = np.asarray(replicates)
    for kernel in (difference, ratio):
        found = kernel(values)
        np.testing.assert_array_equal(found, kernel(values[:, order]))
        assert np.all(np.isnan(found) | ((found >= 0) & (found <= 1)))
        for k in range(len(values)):
            np.testing.assert_array_equal(found[k], kernel(values[k]))
    few = np.isfinite(values).sum(axis=1) < 2
    assert np.all(np.isnan(difference(values)) == few)
