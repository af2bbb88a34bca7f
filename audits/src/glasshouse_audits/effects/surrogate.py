"""A small decision tree as a surrogate of the model, and its fidelity on rows that it was not fitted to.

Craven and Shavlik 1995, "Extracting Tree-Structured Representations of Trained Networks". The tree explains the model
only as far as it agrees with it, so its fidelity comes before its rules.
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

# At most eight rules: more are not readable.
_DEPTH = 3
_LEAST_SHARE = 0.01


@dataclass(frozen=True)
class TreeColumn:
    """A column that the tree splits on: a number, or the indicator of a feature's `level`."""

    name: str
    level: str | None = None

    def condition(self, low: float, high: float) -> str | None:
        """The condition low < column <= high, in words; None if it always holds."""
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
    """The tree's output: the mean output of the leaf's training rows."""


@dataclass(frozen=True, eq=False)
class Surrogate:
    """A fitted tree and its output for unseen rows."""

    leaves: tuple[Leaf, ...]
    leaf: NDArray[np.intp]
    """(m,) number of each unseen row's leaf."""

    @property
    def value(self) -> Floats:
        """(m,) the tree's output for each unseen row."""
        return np.array([leaf.value for leaf in self.leaves])[self.leaf]


def design(features: Sequence[Feature], x: Inputs) -> tuple[list[TreeColumn], Floats]:
    """The columns that the tree can split on, and their values (n, columns) in the features' own units."""
    tree_columns: list[TreeColumn] = []
    columns: list[Any] = []
    for feature in features:
        for place, column in enumerate(feature.columns):
            values = x[:, column]
            marks = bool(np.isin(values, (0, 1)).all())
            if feature.kind == "categorical" and len(feature.columns) > 1 and marks:
                categories = feature.categories
                level = categories[place] if len(categories) == len(feature.columns) else f"level {place + 1}"
                tree_columns.append(TreeColumn(feature.name, level))
                columns.append(values)
            elif feature.kind == "numeric" and place == 1 and marks:
                tree_columns.append(TreeColumn(feature.name, "missing"))
                columns.append(values)
            else:
                tree_columns.append(TreeColumn(feature.name if place == 0 else f"{feature.name} [{place + 1}]"))
                columns.append(own_units(feature, values) if place == 0 and feature.kind == "numeric" else values)
    return tree_columns, np.column_stack(columns).astype(np.float64)


def grow(
    tree_columns: Sequence[TreeColumn], seen: Floats, outputs: Floats, unseen: Floats, *, min_rows: int, seed: int
) -> Surrogate:
    """Fit a regression tree of depth 3 and apply it to the unseen rows.

    Args:
        columns_of_tree: the columns of the design.
        seen: (n, columns) rows to fit to.
        outputs: (n,) the model's output for these rows.
        unseen: (m, columns) other rows.
        min_rows: fewest training rows in a leaf; at least 1 % of the rows.
        seed: for choosing between equally good splits.
    """
    from sklearn.tree import DecisionTreeRegressor

    smallest = max(min_rows, int(np.ceil(_LEAST_SHARE * len(seen))))
    fitted = DecisionTreeRegressor(max_depth=_DEPTH, min_samples_leaf=smallest, random_state=seed).fit(seen, outputs)
    numbers, leaves = [], []
    for number, rule in _rules(fitted.tree_, tree_columns):
        numbers.append(number)
        leaves.append(Leaf(rule, float(fitted.tree_.value[number, 0, 0])))
    ends = fitted.apply(unseen) if len(unseen) else []  # scikit-learn rejects an empty array
    return Surrogate(tuple(leaves), np.searchsorted(numbers, ends))


def _rules(tree: Any, tree_columns: Sequence[TreeColumn]) -> list[tuple[int, str]]:
    """Number and rule of every leaf, in the order of their numbers (sklearn numbers a node before those below it)."""
    found = []
    waiting: list[tuple[int, dict[int, tuple[float, float]]]] = [(0, {})]
    while waiting:
        node, bounds = waiting.pop()
        if tree.children_left[node] < 0:
            conditions = [tree_columns[column].condition(*bounds[column]) for column in bounds]
            found.append((node, " and ".join(filter(None, conditions)) or "every row"))
            continue
        column, threshold = int(tree.feature[node]), float(tree.threshold[node])
        low, high = bounds.get(column, (-np.inf, np.inf))
        waiting.append((int(tree.children_left[node]), bounds | {column: (low, min(high, threshold))}))
        waiting.append((int(tree.children_right[node]), bounds | {column: (max(low, threshold), high)}))
    return sorted(found)


def fidelity(outputs: Floats, value: Floats) -> Estimate:
    """R2 of the tree's outputs (m,) as predictions of the model's outputs (m,): 1 is perfect."""
    found = r2_score(outputs, value)
    if found.value is None and len(outputs):
        return Estimate(None, found.n, undefined="the model's output is the same for every row")
    return found


def agreement(outputs: Floats, value: Floats) -> Estimate:
    """Share of rows with the same decision by tree and model at a probability of 0.5, with Wilson's interval."""
    if not len(outputs):
        return Estimate(None, 0, undefined="no rows")
    alike = (outputs >= 0.5) == (value >= 0.5)
    return Estimate(float(alike.mean()), len(alike), wilson(int(alike.sum()), len(alike)).item())
