"""The surrogate tree: rules found again, its answers and fidelity as scikit-learn has them."""

from __future__ import annotations

import numpy as np
import pytest
from glasshouse import Feature
from glasshouse.statistics import Estimate
from glasshouse_audits.effects import surrogate
from glasshouse_audits.effects.report import fidelity_sentence
from sklearn.metrics import r2_score
from sklearn.tree import DecisionTreeRegressor

FEATURES = (
    Feature(name="age", kind="numeric", columns=(0,), center=40.0, scale=10.0),
    Feature(name="pay", kind="numeric", columns=(1, 2)),
    Feature(name="job", kind="categorical", columns=(3, 4), categories=("cook", "judge")),
)


def inputs(n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    ages, jobs = rng.integers(20, 70, n), rng.integers(0, 2, n)
    missing = rng.random(n) < 0.3
    return np.column_stack(
        [(ages - 40) / 10, np.where(missing, 0, rng.normal(size=n)), missing, np.eye(2)[jobs]]
    ).astype(np.float32)


def test_rules_of_a_step_function_are_found_again_in_own_units() -> None:
    """Judges 0.9; cooks 0.2 to 44 years, 0.6 above where pay is known."""
    seen, unseen = inputs(2000, 0), inputs(500, 1)

    def model(x: np.ndarray) -> np.ndarray:
        older = np.where(x[:, 2] > 0, 0.4, 0.6)
        return np.where(x[:, 4] > 0, 0.9, np.where(x[:, 0] > 0.45, older, 0.2))

    tree_columns, design = surrogate.design(FEATURES, seen)
    _, unseen_design = surrogate.design(FEATURES, unseen)
    tree = surrogate.grow(tree_columns, design, model(seen), unseen_design, min_rows=10, seed=0)
    rules = {leaf.rule: leaf.value for leaf in tree.leaves}
    job = "job is cook" if any("job is cook" in rule for rule in rules) else "job is not judge"
    assert rules == pytest.approx(
        {
            f"{job} and age ≤ 44.5": 0.2,
            f"{job} and age > 44.5 and pay is not missing": 0.6,
            f"{job} and age > 44.5 and pay is missing": 0.4,
            {"job is cook": "job is not cook", "job is not judge": "job is judge"}[job]: 0.9,
        }
    )
    np.testing.assert_allclose(tree.value, model(unseen))
    assert surrogate.fidelity(model(unseen), tree.value).value == pytest.approx(1)


def test_answers_and_fidelity_are_scikit_learns() -> None:
    seen, unseen = inputs(1000, 2), inputs(300, 3)
    model = lambda x: np.tanh(x[:, 0] * x[:, 1]) + x[:, 3]  # noqa: E731
    tree_columns, design = surrogate.design(FEATURES, seen)
    _, unseen_design = surrogate.design(FEATURES, unseen)
    tree = surrogate.grow(tree_columns, design, model(seen), unseen_design, min_rows=10, seed=0)
    theirs = DecisionTreeRegressor(max_depth=3, min_samples_leaf=10, random_state=0).fit(design, model(seen))
    np.testing.assert_allclose(tree.value, theirs.predict(unseen_design))
    found = surrogate.fidelity(model(unseen), tree.value)
    assert found.value == pytest.approx(r2_score(model(unseen), theirs.predict(unseen_design)))
    assert found.interval.low < found.value < found.interval.high
    assert found.n == 300
    assert len(tree.leaves) <= 8
    assert np.bincount(theirs.apply(design)).max() >= 10


def test_two_splits_on_one_number_are_one_rule() -> None:
    x = np.linspace(0, 1, 600, dtype=np.float32)[:, None]
    steps = np.where(x[:, 0] < 0.3, 0.0, np.where(x[:, 0] < 0.6, 1.0, 5.0))
    tree = surrogate.grow([surrogate.TreeColumn("a")], x.astype(float), steps, x.astype(float), min_rows=10, seed=0)
    assert [leaf.rule.split()[1] for leaf in tree.leaves] == ["≤", "<", ">"]
    low, high = tree.leaves[1].rule.split(" < a ≤ ")
    assert (float(low), float(high)) == (pytest.approx(0.3, abs=0.002), pytest.approx(0.6, abs=0.002))


def test_an_output_that_never_changes_has_one_rule_and_no_fidelity() -> None:
    seen = inputs(100, 4)
    tree_columns, design = surrogate.design(FEATURES, seen)
    tree = surrogate.grow(tree_columns, design, np.full(100, 0.3), design[:40], min_rows=10, seed=0)
    assert [(leaf.rule, leaf.value) for leaf in tree.leaves] == [("every row", pytest.approx(0.3))]
    found = surrogate.fidelity(np.full(40, 0.3), tree.value)
    assert (found.value, found.undefined) == (None, "the model's output is the same for every row")


def test_a_single_row_and_none() -> None:
    seen = inputs(1, 5)
    tree_columns, design = surrogate.design(FEATURES, seen)
    tree = surrogate.grow(tree_columns, design, np.array([0.7]), design[:0], min_rows=10, seed=0)
    assert tree.leaves[0].value == pytest.approx(0.7)
    assert surrogate.fidelity(np.empty(0), tree.value).undefined == "no rows"
    assert surrogate.agreement(np.empty(0), tree.value).undefined == "no rows"


def test_agreement_counts_equal_decisions() -> None:
    found = surrogate.agreement(np.array([0.1, 0.5, 0.9, 0.4]), np.array([0.2, 0.7, 0.3, 0.6]))
    assert (found.value, found.n, found.interval.method) == (0.5, 4, "wilson")


def test_features_encoded_otherwise_can_be_asked_too() -> None:
    unnamed = Feature(name="job", kind="categorical", columns=(0, 1))
    codes = Feature(name="city", kind="categorical", columns=(2,), categories=("a", "b", "c"))
    clock = Feature(name="hour", kind="numeric", columns=(3, 4))
    x = np.column_stack([np.eye(2)[[0, 1, 0]], [0, 1, 2], [0.5, 0.1, 0.2], [0.3, 0.4, 0.9]]).astype(np.float32)
    tree_columns, design = surrogate.design((unnamed, codes, clock), x)
    named = [(question.name, question.level) for question in tree_columns]
    assert named == [("job", "level 1"), ("job", "level 2"), ("city", None), ("hour", None), ("hour [2]", None)]
    np.testing.assert_allclose(design, x)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.95, "it explains 95% of the output's variance; the remaining variance follows no rule"),
        (0.5, "a poor approximation; the remaining 50% follow no rule shown here"),
        (-0.2, "it is no better than the mean output: its rules do not represent the model"),
    ],
)
def test_fidelity_in_words(value: float, words: str) -> None:
    assert words in fidelity_sentence(Estimate(value, 10))


def test_unknown_fidelity_in_words() -> None:
    assert "is undefined: no rows" in fidelity_sentence(Estimate(None, 0, undefined="no rows"))
