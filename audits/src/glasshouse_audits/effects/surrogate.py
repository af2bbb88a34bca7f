"""A small decision tree that imitates the model, and how well it does so on rows that it was not grown on.

Craven and Shavlik 1995, "Extracting Tree-Structured Representations of Trained Networks". The tree explains the model
only as far as it agrees with it, so its fidelity stands before its rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from glasshouse import Feature
from glasshouse.statistics import Estimate, r2_score, wilson
from numpy.typing import NDArray

from glasshouse_audits.effects.grids import Floats, Inputs, own_units

# Eight rules at most: more are not read.
_DEPTH = 3
_LEAST_SHARE = 0.01


@dataclass(frozen=True)
class TreeColumn:
    """What a split may ask about one column of the design: is a number above a bound, or is a feature a `level`?"""

    name: str
    level: str | None = None

    def condition(self, low: float, high: float) -> str | None:
        """In words, that the column lies above `low` and not above `high`; None if that says nothing."""
        if np.isinf(low) and np.isinf(high):
            return None
        if self.level is not None:
            return f"{self.name} is {self.level}" if np.isinf(high) else f"{self.name} is not {self.level}"
        if np.isinf(low):
            return f"{self.name} ≤ {high:.5g}"
        return f"{self.name} > {low:.5g}" if np.isinf(high) else f"{low:.5g} < {self.name} ≤ {high:.5g}"


@dataclass(frozen=True)
class Leaf:
    """One rule of the tree."""

    rule: str
    value: float
    """The tree's answer: the mean output of the rows it was grown on."""


@dataclass(frozen=True, eq=False)
class Surrogate:
    """A tree and what it says of unseen rows."""

    leaves: tuple[Leaf, ...]
    leaf: NDArray[np.intp]
    """(m,) where each unseen row ends."""

    @property
    def value(self) -> Floats:
        """(m,) the tree's answer for each unseen row."""
        return np.array([leaf.value for leaf in self.leaves])[self.leaf]


def design(features: Sequence[Feature], x: Inputs) -> tuple[list[TreeColumn], Floats]:
    """What a tree may ask, and the rows (n, questions) in which it reads the answers, in the features' own units."""
    columns_of_tree: list[TreeColumn] = []
    columns: list[Any] = []
    for feature in features:
        for place, column in enumerate(feature.columns):
            values = x[:, column]
            marks = bool(np.isin(values, (0, 1)).all())
            if feature.kind == "categorical" and len(feature.columns) > 1 and marks:
                categories = feature.categories
                level = categories[place] if len(categories) == len(feature.columns) else f"level {place + 1}"
                columns_of_tree.append(TreeColumn(feature.name, level))
                columns.append(values)
            elif feature.kind == "numeric" and place == 1 and marks:
                columns_of_tree.append(TreeColumn(feature.name, "missing"))
                columns.append(values)
            else:
                columns_of_tree.append(TreeColumn(feature.name if place == 0 else f"{feature.name} [{place + 1}]"))
                columns.append(own_units(feature, values) if place == 0 and feature.kind == "numeric" else values)
    return columns_of_tree, np.column_stack(columns).astype(np.float64)


def grow(
    columns_of_tree: Sequence[TreeColumn], seen: Floats, outputs: Floats, unseen: Floats, *, min_rows: int, seed: int
) -> Surrogate:
    """Grow a regression tree of depth 3 and send the unseen rows down.

    Args:
        questions: what the columns of the design mean.
        seen: (n, questions) rows to grow on.
        outputs: (n,) what the model says of them.
        unseen: (m, questions) other rows.
        fewest: rows that a leaf holds at least; never fewer than one in a hundred.
        seed: decides between splits that are equally good.
    """
    from sklearn.tree import DecisionTreeRegressor

    smallest = max(min_rows, int(np.ceil(_LEAST_SHARE * len(seen))))
    fitted = DecisionTreeRegressor(max_depth=_DEPTH, min_samples_leaf=smallest, random_state=seed).fit(seen, outputs)
    numbers, leaves = [], []
    for number, rule in _rules(fitted.tree_, columns_of_tree):
        numbers.append(number)
        leaves.append(Leaf(rule, float(fitted.tree_.value[number, 0, 0])))
    ends = fitted.apply(unseen) if len(unseen) else []  # scikit-learn refuses no rows at all
    return Surrogate(tuple(leaves), np.searchsorted(numbers, ends))


def _rules(tree: Any, columns_of_tree: Sequence[TreeColumn]) -> list[tuple[int, str]]:
    """Number and rule of every leaf, in the order of their numbers (sklearn numbers a node before those below it)."""
    found = []
    waiting: list[tuple[int, dict[int, tuple[float, float]]]] = [(0, {})]
    while waiting:
        node, bounds = waiting.pop()
        if tree.children_left[node] < 0:
            said = [columns_of_tree[column].condition(*bounds[column]) for column in bounds]
            found.append((node, " and ".join(filter(None, said)) or "every row"))
            continue
        column, threshold = int(tree.feature[node]), float(tree.threshold[node])
        low, high = bounds.get(column, (-np.inf, np.inf))
        waiting.append((int(tree.children_left[node]), bounds | {column: (low, min(high, threshold))}))
        waiting.append((int(tree.children_right[node]), bounds | {column: (max(low, threshold), high)}))
    return sorted(found)


def fidelity(outputs: Floats, value: Floats) -> Estimate:
    """R2 of the tree's answers (m,) as predictions of the model's outputs (m,): 1 is a perfect imitation."""
    found = r2_score(outputs, value)
    if found.value is None and len(outputs):
        return Estimate(None, found.n, undefined="the model's output is the same for every row")
    return found


def agreement(outputs: Floats, value: Floats) -> Estimate:
    """Share of the rows on which tree and model decide alike at a probability of one half, with Wilson's interval."""
    if not len(outputs):
        return Estimate(None, 0, undefined="no rows")
    alike = (outputs >= 0.5) == (value >= 0.5)
    return Estimate(float(alike.mean()), len(alike), wilson(int(alike.sum()), len(alike)).item())
