"""Accumulated local effects against closed forms, a loop after the paper's formulas, and simulated spread."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from glasshouse import Feature
from glasshouse_audits.effects.accumulated import local_effects, order_levels_by_similarity
from glasshouse_audits.effects.curves import individual_curves, partial_dependence
from glasshouse_audits.effects.grids import grid_of
from hypothesis import given, settings
from hypothesis import strategies as st

FIRST = Feature(name="a", kind="numeric", columns=(0,))
LEVELS = Feature(name="job", kind="categorical", columns=(0, 1, 2), categories=("x", "y", "z"))


def product(x: np.ndarray) -> np.ndarray:
    return (x[:, [0]].astype(np.float64) * x[:, [1]]).astype(np.float64)


def effects_of(score, x, feature=FIRST, points=20, min_rows=10):
    x = np.asarray(x, dtype=np.float32)
    grid = grid_of(feature, x, points=points, min_rows=min_rows)
    (found,) = local_effects(score, x, grid, min_rows=min_rows)
    return found


def test_a_linear_model_has_its_slope_for_sure() -> None:
    """Only the mean that is subtracted has chance in it: that of the places of 500 rows."""
    x = np.random.default_rng(0).normal(size=(500, 3))
    found = effects_of(lambda rows: (rows @ np.array([2.5, 1.0, -4.0]))[:, None], x)
    z = found.grid.values
    np.testing.assert_allclose(np.diff(found.effects), 2.5 * np.diff(z), rtol=1e-4)
    width = 2 * 1.959964 * 2.5 * x[:, 0].std(ddof=1) / np.sqrt(500)
    np.testing.assert_allclose(found.intervals.high - found.intervals.low, width, rtol=0.15)
    assert found.effect_range.interval.high - found.effect_range.interval.low < 1e-4
    assert found.effect_range.value == pytest.approx(2.5 * (z[-1] - z[0]), rel=1e-4)
    assert found.effect_range.n == 500


def test_of_a_product_of_equal_features_it_is_half_the_square_where_partial_dependence_is_flat() -> None:
    """f = x1 x2 with x2 = x1 of mean 0: the effect is the integral of E[x2 | x1 = t] = t, and z E[x2] = 0 is the other.

    Apley and Zhu 2020, section 2, explain why: partial dependence averages over rows that do not exist.
    """
    one = np.random.default_rng(1).uniform(-1, 1, 4000)
    one = np.concatenate([one, -one])
    x = np.column_stack([one, one]).astype(np.float32)
    found = effects_of(product, x)
    z = found.grid.values
    expected = z**2 / 2 - np.mean(one**2 / 2)
    np.testing.assert_allclose(found.effects, expected, atol=0.01)
    (curves,) = individual_curves(product, x, found.grid)
    np.testing.assert_allclose(partial_dependence(curves)[0], 0, atol=1e-6)


def test_a_loop_over_the_papers_formulas_agrees() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(300, 2)).astype(np.float32)
    x[:, 1] += x[:, 0]
    found = effects_of(product, x, points=8)
    z = found.grid.encodings[:, 0].astype(float)
    total, uncentred, weights = 0.0, [0.0], []
    for k in range(1, len(z)):
        # beyond the outer points rows count to the outer intervals
        low = -np.inf if k == 1 else z[k - 1]
        high = np.inf if k == len(z) - 1 else z[k]
        inside = [row for row in x if low < row[0] <= high]
        total += np.mean([(z[k] - z[k - 1]) * row[1] for row in inside])
        uncentred.append(total)
        weights.append(len(inside))
    halves = [(uncentred[k] + uncentred[k + 1]) / 2 for k in range(len(weights))]
    expected = np.array(uncentred) - np.average(halves, weights=weights)
    np.testing.assert_allclose(found.effects, expected, atol=1e-5)


def test_levels_by_hand() -> None:
    """Levels x, y, z by 0 1 2 in the other column, f = level times that column plus the level's own 0, 1, 3.

    From x to y rows of x gain 1 + 0 and rows of y lose 1 + 1: mean 1.5 for as many of each. From y to z rows of y gain
    2 + 1, rows of z lose 2 + 2: 3.5. Uncentred 0, 1.5, 5 with mean 6.5 / 3.
    """
    level = np.repeat([0, 1, 2], 10)
    x = np.column_stack([np.eye(3)[level], level])

    def score(rows: np.ndarray) -> np.ndarray:
        number = rows[:, :3].argmax(axis=1)
        return (number * rows[:, 3] + np.array([0.0, 1.0, 3.0])[number])[:, None]

    found = effects_of(score, x, LEVELS)
    np.testing.assert_allclose(found.effects, np.array([0, 1.5, 5]) - 6.5 / 3, atol=1e-6)
    assert found.grid.labels == ("x", "y", "z")


def test_levels_are_ordered_by_the_likeness_of_their_rows() -> None:
    """Level 1 lies beyond level 2 in every other column, so the order is 0, 2, 1."""
    rng = np.random.default_rng(3)
    level = rng.integers(0, 3, 600)
    centre = np.array([0.0, 4.0, 2.0])[level]
    others = np.column_stack([rng.normal(size=600) + centre, rng.normal(size=600) - centre, np.ones(600)])
    order = order_levels_by_similarity(others.astype(np.float32), level, 3)
    assert order.tolist() == [0, 2, 1]
    turned = rng.permutation(600)
    np.testing.assert_array_equal(
        order_levels_by_similarity(others[turned].astype(np.float32), level[turned], 3), order
    )


def test_effects_of_levels_do_not_depend_on_the_order_where_nothing_interacts() -> None:
    rng = np.random.default_rng(4)
    level = rng.integers(0, 3, 300)
    x = np.column_stack([np.eye(3)[level], rng.normal(size=300) + level])
    own = np.array([1.0, -2.0, 5.0])
    found = effects_of(lambda rows: (rows[:, :3] @ own + np.sin(rows[:, 3]))[:, None], x, LEVELS)
    np.testing.assert_allclose(found.effects, own - own[level].mean(), atol=1e-5)
    width = 2 * 1.959964 * own[level].std(ddof=1) / np.sqrt(300)
    np.testing.assert_allclose(found.intervals.high - found.intervals.low, width, rtol=1e-5)
    assert found.effect_range.interval.high - found.effect_range.interval.low < 1e-5


@pytest.mark.parametrize("by_level", [False, True])
def test_standard_errors_are_the_spread_over_fresh_rows(by_level: bool) -> None:
    """600 times 300 rows on one grid: the mean squared error told is the variance seen.

    The variance of 600 normal numbers is known to 6 % (one standard error); a little under three are allowed. The
    features do not interact with what places a row, so moving it to the next point changes nothing else; the last
    column only keeps the levels in their order.
    """
    rng = np.random.default_rng(5)

    def draw(n: int = 300) -> np.ndarray:
        level, number = rng.integers(0, 3, n), rng.uniform(-1, 1, n)
        first = np.eye(3)[level] if by_level else number[:, None]
        return np.column_stack([first, rng.normal(size=n), 9.0 * level]).astype(np.float32)

    def score(rows: np.ndarray) -> np.ndarray:
        own = rows[:, :3].argmax(axis=1) if by_level else rows[:, 0].astype(float)
        return ((own + 1.5) ** 2 * (1 + rows[:, -2].astype(float)) / 4)[:, None]

    feature = LEVELS if by_level else FIRST
    numbers = grid_of(FIRST, draw(3000), points=6, min_rows=10)
    effects, errors, range_weights, reach_errors = [], [], [], []
    for _ in range(600):
        x = draw()
        grid = (
            grid_of(feature, x, points=6, min_rows=1)
            if by_level
            else replace(numbers, place=np.zeros(len(x), dtype=np.intp))
        )
        (found,) = local_effects(score, x, grid, min_rows=1)
        effects.append(found.effects)
        errors.append((found.intervals.high - found.intervals.low) / 2 / 1.959964)
        range_weights.append(found.effect_range.value)
        reach_errors.append((found.effect_range.interval.high - found.effect_range.interval.low) / 2 / 1.959964)
    assert np.mean(np.square(errors), axis=0) / np.var(effects, axis=0) == pytest.approx(1, abs=0.17)
    assert np.mean(np.square(reach_errors)) / np.var(range_weights) == pytest.approx(1, abs=0.17)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 12))
def test_the_mean_over_rows_is_zero_and_their_order_is_nothing(seed: int, points: int) -> None:
    rng = np.random.default_rng(seed)
    level = rng.integers(0, 3, 90)
    x = np.column_stack([np.eye(3)[level], rng.normal(size=90)]).astype(np.float32)
    score = lambda rows: (rows[:, :3] @ np.array([0.0, 1.0, 5.0]) * rows[:, 3])[:, None].astype(float)  # noqa: E731
    found = effects_of(score, x, LEVELS, points=points)
    kept = found.grid.place >= 0
    assert np.average(found.effects[found.grid.place[kept]]) == pytest.approx(0, abs=1e-6)
    again = effects_of(score, x[rng.permutation(90)], LEVELS, points=points)
    np.testing.assert_allclose(again.effects, found.effects, atol=1e-9)
    np.testing.assert_allclose(again.intervals.low, found.intervals.low, atol=1e-9)


def test_intervals_with_few_rows_are_joined() -> None:
    """Forty rows at 3 are a point; the mean of the ten around it may be one too, with few rows between the two."""
    around = [np.linspace(0, 2.9, 12), np.linspace(3.01, 3.02, 2), np.repeat(50.0, 10)]
    values = np.concatenate([np.repeat(3.0, 40), *around])
    x = np.column_stack([values, np.ones(len(values))])
    found = effects_of(product, x, points=10)
    z = found.grid.encodings[:, 0]
    counts = np.histogram(values, bins=[-np.inf, *z[1:-1], np.inf])[0]
    assert counts.min() >= 10
    np.testing.assert_allclose(np.diff(found.effects), np.diff(z), rtol=1e-5)


def test_missing_values_take_no_part() -> None:
    rng = np.random.default_rng(6)
    missing = np.arange(200) < 50
    x = np.column_stack([np.where(missing, 0.0, rng.normal(size=200)), missing, rng.normal(size=200)])
    feature = Feature(name="pay", kind="numeric", columns=(0, 1))
    score = lambda rows: (rows[:, [0]] + 100 * rows[:, [1]]).astype(float)  # noqa: E731
    found = effects_of(score, x, feature)
    assert found.effect_range.n == 150
    np.testing.assert_allclose(np.diff(found.effects), np.diff(found.grid.values), rtol=1e-4)
