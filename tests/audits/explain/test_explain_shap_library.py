"""Shapley values against enumeration over all coalitions and against the closed form of a linear model."""

from __future__ import annotations

from itertools import combinations
from math import factorial

import numpy as np
import pytest
from glasshouse import Feature, UserError
from glasshouse_audits.explain.features import shap_comparison
from glasshouse_audits.explain.features.shap_comparison import CoalitionGame, shapley_values
from glasshouse_audits.explain.question import feature_of_column

WIDTHS = [1, 3, 2, 1]
OWNER = np.repeat(np.arange(4), WIDTHS)


def interacting(x: np.ndarray) -> np.ndarray:
    """Two outputs with interactions of two and of three features."""
    x = x.astype(np.float64)
    return np.stack([x[:, 0] * x[:, 1] + np.tanh(x[:, 4] - x[:, 6]), x[:, 0] * x[:, 3] * x[:, 5] + x[:, 6]], axis=1)


def game(score: object = interacting, *, rows: int = 5, background: int = 7, seed: int = 0) -> CoalitionGame:
    rng = np.random.default_rng(seed)
    return CoalitionGame(
        score,  # type: ignore[arg-type]
        rng.normal(size=(rows, 7)).astype(np.float32),
        rng.normal(size=(background, 7)).astype(np.float32),
        OWNER,
    )


def by_enumeration(row: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Shapley's formula, one coalition and one background row at a time, with nothing shared with the code."""
    d = len(WIDTHS)

    def worth(coalition: tuple[int, ...]) -> np.ndarray:
        outputs = []
        for other in background:
            mixed = other.copy()
            for column in range(7):
                if OWNER[column] in coalition:
                    mixed[column] = row[column]
            outputs.append(interacting(mixed[None])[0])
        return np.mean(outputs, axis=0)

    values = np.zeros((d, 2))
    for i in range(d):
        rest = [j for j in range(d) if j != i]
        for size in range(d):
            weight = factorial(size) * factorial(d - size - 1) / factorial(d)
            for coalition in combinations(rest, size):
                values[i] += weight * (worth((*coalition, i)) - worth(coalition))
    return values


def test_exact_values_are_those_of_shapleys_formula() -> None:
    toy = game()
    found = shapley_values(toy, permutations=1, seed=0)
    assert found.algorithm == "exact"
    for r, row in enumerate(toy.rows):
        np.testing.assert_allclose(found.values[r], by_enumeration(row, toy.background), atol=1e-6)
    np.testing.assert_allclose(found.expected, interacting(toy.background).mean(axis=0), atol=1e-6)


@pytest.mark.parametrize("exactly", [True, False])
def test_a_linear_model_has_the_closed_form(exactly: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """w (x - mean of the background), summed over the columns of a feature (Lundberg and Lee 2017, corollary 1)."""
    w = np.array([1.0, -2.0, 0.5, 3.0, 0.0, 1.0, -1.0])
    toy = game(lambda x: (x @ w)[:, None])
    if not exactly:
        monkeypatch.setattr(shap_comparison, "EXACT_EVALUATIONS", 0)
    found = shapley_values(toy, permutations=1, seed=3)
    assert found.algorithm == ("exact" if exactly else "permutation")
    columns = w * (toy.rows - toy.background.mean(axis=0))
    expected = np.stack([columns[:, feature == OWNER].sum(axis=1) for feature in range(4)], axis=1)
    np.testing.assert_allclose(found.values[:, :, 0], expected, atol=1e-5)


def test_permutations_come_close_to_exact_values_and_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    toy = game(rows=20)
    exact = shapley_values(toy, permutations=1, seed=0).values
    monkeypatch.setattr(shap_comparison, "EXACT_EVALUATIONS", 0)
    few, many = (shapley_values(toy, permutations=p, seed=0).values for p in (1, 64))
    assert np.abs(many - exact).mean() < np.abs(few - exact).mean() / 3  # 64 times the orders: 1/8 of the error
    change = interacting(toy.rows) - interacting(toy.background).mean(axis=0)
    np.testing.assert_allclose(few.sum(axis=1), change, atol=1e-6)


def test_the_seed_fixes_the_values_and_numpys_generator_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shap_comparison, "EXACT_EVALUATIONS", 0)
    toy = game()
    np.random.seed(11)
    before = np.random.get_state()[1].copy()
    first = shapley_values(toy, permutations=1, seed=5).values
    assert (np.random.get_state()[1] == before).all()
    assert (first == shapley_values(toy, permutations=1, seed=5).values).all()
    assert (first != shapley_values(toy, permutations=1, seed=6).values).any()


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = shapley_values(game(), permutations=1, seed=0).values
    monkeypatch.setattr(shap_comparison, "_BLOCK", 15)  # two coalitions at a time
    np.testing.assert_allclose(shapley_values(game(), permutations=1, seed=0).values, whole, atol=1e-12)


def test_a_single_row_a_single_background_row_and_a_constant_model() -> None:
    toy = game(lambda x: np.full((len(x), 1), 0.25), rows=1, background=1)
    found = shapley_values(toy, permutations=1, seed=0)
    np.testing.assert_allclose(found.values, 0, atol=1e-12)
    assert found.expected == [0.25]


def test_columns_of_features() -> None:
    features = [
        Feature(name="age", kind="numeric", columns=(2,)),
        Feature(name="job", kind="categorical", columns=(0, 1)),
    ]
    owner = feature_of_column(features, 3)
    assert owner.tolist() == [1, 1, 0]
    with pytest.raises(UserError, match=r"encoded columns \[3\] belong to no feature"):
        feature_of_column(features, 4)
    with pytest.raises(UserError, match="feature 'age' has column 2; the encoded inputs have 2"):
        feature_of_column(features, 2)
    twice = [*features, Feature(name="again", kind="numeric", columns=(0,))]
    with pytest.raises(UserError, match="column 0 belongs to 'job' and to 'again'"):
        feature_of_column(twice, 3)
