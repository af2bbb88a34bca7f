"""Points that stand for a feature's values: each rests on enough rows, and none is a single row's extreme value."""

from __future__ import annotations

import numpy as np
import pytest
from glasshouse import Feature
from glasshouse_audits.effects.grids import bin_means, grid_of, own_units, scores_of, scores_with
from hypothesis import given
from hypothesis import strategies as st

AGE = Feature(name="age", kind="numeric", columns=(1,), center=40.0, scale=10.0)
JOB = Feature(name="job", kind="categorical", columns=(0, 1, 2), categories=("cook", "smith", "judge"))


def test_bin_means_by_hand() -> None:
    """0 is half of 12 numbers, so a point of its own; 1 to 6 make two of the other three, of three numbers each."""
    values = np.array([5, 0, 1, 0, 2, 0, 3, 0, 4, 0, 6, 0], dtype=float)
    points, counts = bin_means(values, points=4, min_rows=3)
    np.testing.assert_array_equal(points, [0, 2, 5])
    np.testing.assert_array_equal(counts, [6, 3, 3])


def test_a_zero_inflated_column_keeps_its_tail_and_hides_its_largest_value() -> None:
    rng = np.random.default_rng(0)
    values = np.concatenate([np.zeros(900), rng.lognormal(8, 1, 99), [1e6]])
    points, counts = bin_means(values, points=20, min_rows=10)
    assert points[0] == 0
    assert counts[0] == 900
    assert 8 <= len(points) <= 11
    assert counts.min() >= 10
    assert points[-1] < 2e5  # the mean of ten


@given(st.lists(st.integers(-5, 5), min_size=0, max_size=200), st.integers(2, 20), st.integers(1, 20))
def test_points_ascend_within_the_range_and_rest_on_enough(values, points, min_rows) -> None:
    found, counts = bin_means(np.array(values, dtype=float), points=points, min_rows=min_rows)
    assert (np.diff(found) > 0).all()
    assert (counts >= min_rows).all()
    assert counts.sum() <= len(values)
    assert len(found) <= points
    if len(found):
        assert min(values) <= found[0]
        assert found[-1] <= max(values)


def test_a_number_is_shown_in_its_own_unit_and_asked_in_its_encoding() -> None:
    x = np.zeros((100, 3), dtype=np.float32)
    x[:, 1] = (np.repeat([30, 50], 50) - 40) / 10
    grid = grid_of(AGE, x, points=5, min_rows=10)
    np.testing.assert_array_equal(grid.values, [30, 50])
    np.testing.assert_array_equal(grid.encodings, [[-1], [1]])
    np.testing.assert_array_equal(grid.counts, [50, 50])


def test_own_units_undo_the_rounding_of_single_precision() -> None:
    ages = np.arange(17, 91)
    encoded = ((ages - 38.64) / 13.71).astype(np.float32)
    feature = Feature(name="age", kind="numeric", columns=(0,), center=38.64, scale=13.71)
    np.testing.assert_array_equal(own_units(feature, encoded), ages)


def test_missing_numbers_have_no_place_and_points_are_not_missing() -> None:
    rng = np.random.default_rng(1)
    missing = np.arange(100) < 30
    x = np.column_stack([np.where(missing, 9.0, rng.normal(size=100)), missing]).astype(np.float32)
    grid = grid_of(Feature(name="pay", kind="numeric", columns=(0, 1)), x, points=10, min_rows=5)
    np.testing.assert_array_equal(grid.place, np.where(missing, -1, 0))
    assert (grid.encodings[:, 1] == 0).all()
    assert grid.encodings[:, 0].max() < 4
    assert grid.counts.sum() == 70


def test_levels_by_name_the_rare_ones_left_out() -> None:
    codes = np.repeat([0, 1, 2], [50, 5, 20])
    grid = grid_of(JOB, np.eye(3, dtype=np.float32)[codes], points=5, min_rows=10)
    assert grid.labels == ("cook", "judge")
    np.testing.assert_array_equal(grid.counts, [50, 20])
    np.testing.assert_array_equal(grid.place, np.repeat([0, -1, 1], [50, 5, 20]))
    np.testing.assert_array_equal(grid.encodings, np.eye(3)[[0, 2]])
    most = np.eye(3, dtype=np.float32)[np.repeat([0, 1, 2], [30, 10, 20])]
    assert grid_of(JOB, most, points=2, min_rows=10).labels == ("cook", "judge")


def test_levels_that_are_encoded_otherwise_have_names_too() -> None:
    unknown = np.vstack([np.eye(3), np.zeros((1, 3))]).astype(np.float32).repeat(10, axis=0)
    assert grid_of(JOB, unknown, points=5, min_rows=10).labels == ("cook", "smith", "judge", "unknown category")
    coded = Feature(name="job", kind="categorical", columns=(0,), categories=("cook", "smith"))
    codes = np.repeat([[0.0], [1.0]], 10, axis=0).astype(np.float32)
    assert set(grid_of(coded, codes, points=5, min_rows=10).labels) == {"cook", "smith"}
    unnamed = Feature(name="job", kind="categorical", columns=(0, 1))
    assert grid_of(unnamed, np.eye(2, dtype=np.float32).repeat(10, axis=0), points=5, min_rows=10).labels == (
        "level 1",
        "level 2",
    )


@pytest.mark.parametrize(
    ("feature", "x", "reason"),
    [
        (AGE, np.ones((50, 3)), "it has a single value in these rows"),
        (AGE, np.arange(36).reshape(12, 3), "fewer than two values have 10 rows"),
        (AGE, np.ones((1, 3)), "it has a single value in these rows"),
        (
            Feature(name="hour", kind="numeric", columns=(0, 1)),
            np.arange(60).reshape(30, 2),
            "missing-value indicator",
        ),
        (JOB, np.eye(3)[np.repeat([0, 1], [40, 3])], "fewer than two values have 10 rows"),
    ],
)
def test_a_feature_without_a_grid_says_why(feature, x, reason) -> None:
    assert reason in grid_of(feature, np.asarray(x, dtype=np.float32), points=20, min_rows=10)


def test_rows_are_replaced_in_copies_and_in_blocks() -> None:
    x = np.random.default_rng(2).normal(size=(20_000, 2)).astype(np.float32)
    before, sizes = x.copy(), []

    def score(rows: np.ndarray) -> np.ndarray:
        sizes.append(len(rows))
        return rows.sum(axis=1, keepdims=True).astype(np.float64)

    (same, each) = scores_with(score, x, (1,), np.array([3.0], dtype=np.float32), x[:, [0]])
    np.testing.assert_allclose(same[:, 0], x[:, 0] + 3, rtol=1e-6)
    np.testing.assert_allclose(each[:, 0], 2 * x[:, 0], rtol=1e-6)
    np.testing.assert_array_equal(x, before)
    np.testing.assert_allclose(scores_of(score, x)[:, 0], x.sum(axis=1), rtol=1e-6)
    assert max(sizes) <= 8192
