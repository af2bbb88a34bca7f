"""Shapley interactions against their definition, the shap library's tree explainer and closed forms."""

from __future__ import annotations

from itertools import chain, combinations, product
from math import factorial

import numpy as np
import pytest
import shap
from glasshouse_audits.effects.interactions import shapley_interactions
from sklearn.tree import DecisionTreeRegressor

D = 5


def tangle(x: np.ndarray) -> np.ndarray:
    x = x.astype(np.float64)
    return np.column_stack([np.tanh(x[:, 0] * x[:, 1] + x[:, 2]) * x[:, 3] + x[:, 4] ** 2, x.sum(axis=1)])


def rows(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, D)).astype(np.float32)


def by_definition(score, row, background, i, j, m, columns) -> np.ndarray:
    """The index as Grabisch and Roubens write it, one coalition after another."""

    def worth(coalition) -> np.ndarray:
        mixed = background.copy()
        for player in coalition:
            mixed[:, columns[player]] = row[columns[player]]
        return score(mixed).mean(axis=0)

    others = [k for k in range(m) if k not in (i, j)]
    total = 0.0
    for chosen in chain.from_iterable(combinations(others, size) for size in range(m - 1)):
        weight = factorial(len(chosen)) * factorial(m - len(chosen) - 2) / factorial(m - 1)
        total = total + weight * (worth((*chosen, i, j)) - worth((*chosen, i)) - worth((*chosen, j)) + worth(chosen))
    return np.asarray(total)


def test_the_definition() -> None:
    x, z = rows(3, 0), rows(7, 1)
    found = shapley_interactions(tangle, x, z, np.arange(D))
    for number, (i, j) in enumerate(found.pairs):
        for row in range(3):
            expected = by_definition(tangle, x[row], z, i, j, D, [[k] for k in range(D)])
            np.testing.assert_allclose(found.values[row, number], expected, atol=1e-6)


def test_columns_and_leftover_features_are_single_players() -> None:
    """Columns 1 and 3 are one feature, 2 and 4 all that is left: three players."""
    x, z = rows(2, 2), rows(5, 3)
    player = np.array([0, 1, 2, 1, 2])
    found = shapley_interactions(tangle, x, z, player)
    assert found.pairs == ((0, 1), (0, 2), (1, 2))
    columns = [[0], [1, 3], [2, 4]]
    for number, (i, j) in enumerate(found.pairs):
        expected = by_definition(tangle, x[1], z, i, j, 3, columns)
        np.testing.assert_allclose(found.values[1, number], expected, atol=1e-6)


def test_shap_has_the_same_for_a_tree() -> None:
    """SHAP interaction values give each order of a pair half of the index; main effects lie on the diagonal.

    TreeExplainer follows the shares of training rows down a tree. Grown on every combination of four binary features
    once, these are those of a background of the same rows, so both play one game. (shap's Exact explainer has another
    index, Shapley-Taylor.)
    """
    every = np.array(list(product((0.0, 1.0), repeat=4)), dtype=np.float32)
    outputs = np.random.default_rng(4).normal(size=16)
    tree = DecisionTreeRegressor(random_state=0).fit(every, outputs)
    theirs = shap.TreeExplainer(tree).shap_interaction_values(every)
    found = shapley_interactions(lambda x: tree.predict(x)[:, None], every, every, np.arange(4))
    for number, (i, j) in enumerate(found.pairs):
        np.testing.assert_allclose(found.values[:, number, 0], 2 * theirs[:, i, j], atol=1e-6)
    np.testing.assert_allclose(found.main[:, :, 0], np.diagonal(theirs, axis1=1, axis2=2), atol=1e-6)


def test_of_a_product_it_is_the_mean_product_of_differences() -> None:
    """f = x1 x2: v(12) - v(1) - v(2) + v() = mean over z of (x1 - z1)(x2 - z2), whatever else is there."""
    x, z = rows(6, 6), rows(30, 7)
    found = shapley_interactions(lambda x: (x[:, [0]] * x[:, [1]]).astype(np.float64), x, z, np.arange(D))
    expected = ((x[:, None, 0] - z[:, 0]) * (x[:, None, 1] - z[:, 1])).mean(axis=1)
    np.testing.assert_allclose(found.values[:, found.pairs.index((0, 1)), 0], expected, atol=1e-5)
    others = [number for number, pair in enumerate(found.pairs) if pair != (0, 1)]
    np.testing.assert_array_equal(found.values[:, others], 0)


def test_an_additive_model_has_none_and_its_main_effects_are_differences() -> None:
    x, z = rows(4, 8), rows(10, 9)
    w = np.array([1.0, -2.0, 3.0, 0.0, 0.5])
    found = shapley_interactions(lambda x: (x @ w)[:, None], x, z, np.arange(D))
    np.testing.assert_array_equal(found.values, 0)
    np.testing.assert_allclose(found.main[:, :, 0], w * (x - z.mean(axis=0)), atol=1e-5)


def test_all_effects_add_up_to_the_change_of_output() -> None:
    x, z = rows(5, 10), rows(9, 11)
    found = shapley_interactions(tangle, x, z, np.arange(D))
    change = tangle(x) - tangle(z).mean(axis=0)
    np.testing.assert_allclose(found.main.sum(axis=1) + found.values.sum(axis=1), change, atol=1e-6)


def test_symmetric_features_are_treated_alike_and_the_background_has_no_order() -> None:
    both = lambda x: np.tanh(x[:, [0]] + x[:, [1]]).astype(np.float64) * x[:, [2]]  # noqa: E731
    x, z = rows(3, 12), rows(8, 13)
    x[:, 1], z[:, 1] = x[:, 0], z[:, 0]
    found = shapley_interactions(both, x, z, np.arange(D))
    np.testing.assert_allclose(
        found.values[:, found.pairs.index((0, 2))], found.values[:, found.pairs.index((1, 2))], atol=1e-7
    )
    again = shapley_interactions(both, x, z[::-1], np.arange(D))
    np.testing.assert_allclose(again.values, found.values, atol=1e-7)


@pytest.mark.parametrize("background", [1, 10_000])
def test_blocks_of_coalitions_are_bounded_whatever_the_background(background: int) -> None:
    sizes = []

    def score(x: np.ndarray) -> np.ndarray:
        sizes.append(len(x))
        return x[:, [0]].astype(np.float64)

    shapley_interactions(score, rows(1, 14), rows(background, 15), np.array([0, 1, 2, 2, 2]))
    assert sum(sizes) == 8 * background
    assert max(sizes) <= max(8192, background)


def test_two_features_by_hand() -> None:
    """Worths 0, 1, 2, 5 of nobody, i, j and both: I = 5 - 1 - 2 = 2, phi = (2, 3), main effects (1, 2)."""
    score = lambda x: (x[:, [0]] + 2 * x[:, [1]] + 2 * x[:, [0]] * x[:, [1]]).astype(np.float64)  # noqa: E731
    found = shapley_interactions(
        score, np.ones((1, 2), dtype=np.float32), np.zeros((1, 2), dtype=np.float32), np.arange(2)
    )
    assert found.values[0, 0, 0] == 2
    np.testing.assert_array_equal(found.main[0, :, 0], [1, 2])
