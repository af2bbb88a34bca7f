"""Sums by group against the functions over rows, which have scikit-learn as oracle, and scikit-learn itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from glasshouse.statistics import (
    GroupSums,
    group_sums,
    mean,
    mean_absolute_error,
    mean_error,
    r2_score,
    root_mean_squared_error,
)
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

FUNCTIONS = {
    "mean_error": mean_error,
    "mean_absolute_error": mean_absolute_error,
    "root_mean_squared_error": root_mean_squared_error,
    "r2_score": r2_score,
}


@dataclass(frozen=True)
class Column:
    name: str
    levels: tuple[str, ...]
    codes: np.ndarray


def rows(n: int, seed: int = 0) -> tuple[Column, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    targets = rng.normal(1e4, 3, n)  # a large mean beside a small spread
    return Column("g", ("a", "b"), rng.integers(-1, 2, n)), targets, targets + rng.normal(0.5, 1, n), rng.random(n)


def test_worked_by_hand() -> None:
    found = group_sums((), [1.0, 3.0], [2.0, 3.0])
    assert found.mean_error()[0].value == 0.5
    assert found.mean_absolute_error()[0].value == 0.5
    assert found.root_mean_squared_error()[0].value == pytest.approx(np.sqrt(0.5))
    assert found.r2_score()[0].value == pytest.approx(0.5)  # 1 - 1 / 2
    assert found.mean_prediction()[0].value == 2.5


@pytest.mark.parametrize("weighted", [False, True])
def test_the_functions_over_rows_agree(weighted: bool) -> None:
    group, targets, predicted, weights = rows(400)
    w = weights if weighted else None
    whole = group_sums([group], targets, predicted, weights=w)
    for k, code in enumerate((0, 1, -1)):
        chosen = group.codes == code
        of_rows = None if w is None else w[chosen]
        for name, function in FUNCTIONS.items():
            expected = function(targets[chosen], predicted[chosen], weights=of_rows)
            found = getattr(whole, name)()[k]
            assert found.n == expected.n
            assert found.interval is not None
            assert expected.interval is not None
            assert found.interval.method == expected.interval.method
            assert (found.value, found.interval.low, found.interval.high) == pytest.approx(
                (expected.value, expected.interval.low, expected.interval.high), rel=1e-7
            )
        expected = mean(predicted[chosen], weights=of_rows)
        assert whole.mean_prediction()[k].value == pytest.approx(expected.value, rel=1e-12)


def test_scikit_learn_agrees() -> None:
    _, targets, predicted, weights = rows(300)
    found = group_sums((), targets, predicted, weights=weights)
    assert found.r2_score()[0].value == pytest.approx(
        metrics.r2_score(targets, predicted, sample_weight=weights), rel=1e-9
    )
    assert found.root_mean_squared_error()[0].value == pytest.approx(
        metrics.root_mean_squared_error(targets, predicted, sample_weight=weights), rel=1e-9
    )


@given(n=st.integers(2, 50), cut=st.floats(0, 1), seed=st.integers(0, 99))
def test_parts_make_the_whole_whatever_their_centres(n: int, cut: float, seed: int) -> None:
    group, targets, predicted, weights = rows(n, seed)
    order = np.random.default_rng(seed).permutation(n)
    at = int(cut * n)

    def of(chosen: np.ndarray) -> GroupSums:
        part = Column("g", group.levels, group.codes[chosen])
        return group_sums([part], targets[chosen], predicted[chosen], weights=weights[chosen])

    whole, merged = of(np.arange(n)), of(order[:at]) + of(order[at:])
    assert merged.groups == whole.groups
    np.testing.assert_array_equal(merged.sizes, whole.sizes)
    for name in ("mean_error", "root_mean_squared_error", "mean_prediction"):
        for one, other in zip(getattr(merged, name)(), getattr(whole, name)(), strict=True):
            assert one.value == (None if other.value is None else pytest.approx(other.value, rel=1e-6))


def test_without_targets_only_predictions_are_known() -> None:
    found = group_sums((), None, [1.0, 2.0, 6.0])
    assert found.mean_prediction()[0].value == 3
    with pytest.raises(ValueError, match="not known"):
        found.mean_error()


def test_undefined_is_not_zero() -> None:
    same = group_sums([Column("g", ("a", "nobody"), np.zeros(3, int))], [2.0, 2, 2], [1.0, 2, 3])
    assert same.r2_score()[0].undefined == "the targets do not vary"
    assert (same.mean_error()[1].value, same.mean_error()[1].undefined) == (None, "no rows")
    single = group_sums((), [1.0], [2.0]).mean_error()[0]
    assert single.value == 1
    assert single.interval is not None
    assert single.interval.low is None
