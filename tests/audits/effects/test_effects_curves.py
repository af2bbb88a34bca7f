"""Partial dependence and individual curves against scikit-learn on the same grid."""

from __future__ import annotations

import numpy as np
import pytest
from glasshouse import Feature
from glasshouse_audits.effects.curves import individual_curves, partial_dependence, partial_dependence_range
from glasshouse_audits.effects.grids import grid_of
from scipy import stats
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.inspection import partial_dependence as sklearn_partial_dependence


def model(x: np.ndarray) -> np.ndarray:
    x = x.astype(np.float64)
    return np.column_stack([np.sin(x[:, 0]) * x[:, 1] + x[:, 2], x[:, 0] ** 2])


class Wrapped(RegressorMixin, BaseEstimator):
    def fit(self, x, y):
        self.fitted_ = True
        return self

    def predict(self, x):
        return model(x)[:, 0]


def inputs(n: int = 200) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(n, 3)).astype(np.float32)


def test_curves_are_scikit_learns() -> None:
    x = inputs()
    grid = grid_of(Feature(name="a", kind="numeric", columns=(0,)), x, points=12, min_rows=10)
    first, second = individual_curves(model, x, grid)
    theirs = sklearn_partial_dependence(
        Wrapped().fit(x, x[:, 0]), x, [0], custom_values={0: grid.encodings[:, 0]}, kind="both", method="brute"
    )
    np.testing.assert_allclose(first, theirs["individual"][0], atol=1e-5)
    centre, interval = partial_dependence(first)
    np.testing.assert_allclose(centre, theirs["average"][0], atol=1e-5)
    np.testing.assert_allclose(partial_dependence(second)[0], grid.encodings[:, 0] ** 2, rtol=1e-5)
    expected = stats.ttest_1samp(first[:, 3].astype(float), 0).confidence_interval()
    assert (interval.low[3], interval.high[3]) == pytest.approx((expected.low, expected.high), rel=1e-5)


def test_a_linear_model_has_straight_lines_and_a_sure_range() -> None:
    x = inputs(100)
    grid = grid_of(Feature(name="b", kind="numeric", columns=(1,)), x, points=8, min_rows=10)
    (curves,) = individual_curves(lambda rows: (rows @ np.array([5.0, -2.0, 1.0]))[:, None], x, grid)
    ends = grid.encodings[[0, -1], 0].astype(float)
    found = partial_dependence_range(curves)
    assert found.value == pytest.approx(2 * (ends[1] - ends[0]), rel=1e-5)
    assert found.interval.high - found.interval.low < 1e-4
    assert found.n == 100


def test_the_interval_of_the_range_is_the_paired_t_interval() -> None:
    """f = x0 x1: the lines have slopes x1, whose mean is that of the partial dependence."""
    x = inputs(150) + np.float32(1)
    grid = grid_of(Feature(name="a", kind="numeric", columns=(0,)), x, points=5, min_rows=10)
    (curves,) = individual_curves(lambda rows: (rows[:, [0]] * rows[:, [1]]).astype(np.float64), x, grid)
    range_weights = float(grid.encodings[-1, 0]) - float(grid.encodings[0, 0])
    expected = stats.ttest_1samp(range_weights * x[:, 1].astype(float), 0).confidence_interval()
    found = partial_dependence_range(curves)
    assert (found.interval.low, found.interval.high) == pytest.approx((expected.low, expected.high), rel=1e-4)


def test_a_single_row_has_a_curve_without_interval() -> None:
    centre, interval = partial_dependence(np.array([[1.0, 2.0]], dtype=np.float32))
    np.testing.assert_array_equal(centre, [1, 2])
    assert np.isnan(interval.low).all()
    found = partial_dependence_range(np.array([[1.0, 2.0]], dtype=np.float32))
    assert (found.value, found.interval.low) == (1, None)
