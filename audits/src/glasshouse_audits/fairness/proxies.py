"""How well the features tell a sensitive attribute: each alone, and all together.

A model that does not see an attribute can still act on it through features that tell it. The measure is the area under
the ROC curve of a prediction of each level against the others, on rows that the predictor did not see; 0.5 tells
nothing, 1 tells everything. A predictor that is too simple tells less than there is: these are lower bounds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from glasshouse.statistics import Estimate, Interval, roc_auc
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FOLDS = 3
_SMALLEST_LEVEL = 2 * FOLDS
# Kept small on purpose: what is asked is whether there is something to be told, not the last bit of it.
_TREES = {"max_iter": 60, "max_leaf_nodes": 15, "learning_rate": 0.15, "min_samples_leaf": 10}


def folds(levels: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """(n,) fold of each row, each level spread evenly over them."""
    order = rng.permutation(len(levels))
    fold = np.empty(len(levels), dtype=np.int64)
    for level in np.unique(levels):
        rows = order[levels[order] == level]
        fold[rows] = np.arange(len(rows)) % FOLDS
    return fold


def large_enough(codes: NDArray[np.int32]) -> NDArray[np.bool_]:
    """(n,) rows whose level is known and has enough rows for every fold to learn and to be asked."""
    counts = np.bincount(codes[codes >= 0], minlength=1)
    return np.asarray((codes >= 0) & (counts[np.maximum(codes, 0)] >= _SMALLEST_LEVEL))


def from_codes(codes: NDArray[np.int16], levels: NDArray[np.int64], fold: NDArray[np.int64]) -> Floats:
    """(n, L) chance of each level given one feature's code, as the other folds have it.

    The share of the level among their rows of the same code, drawn towards its overall share by one row.

    Args:
        codes: (n,) the feature, -1 for none of its codes.
        levels: (n,) from 0 to L - 1.
        fold: (n,) as `folds` has it.
    """
    width, many = int(codes.max(initial=-1)) + 2, int(levels.max()) + 1
    cell = (codes.astype(np.int64) + 1) * many + levels
    chances = np.empty((len(codes), many))
    for asked in range(FOLDS):
        learned = fold != asked
        table = np.bincount(cell[learned], minlength=width * many).reshape(width, many).astype(np.float64)
        overall = table.sum(axis=0) / max(1.0, table.sum())
        shares = (table + overall) / (table.sum(axis=1, keepdims=True) + 1)
        chances[~learned] = shares[codes[~learned].astype(np.int64) + 1]
    return chances


def from_all(
    x: Floats, categorical: Sequence[bool], levels: NDArray[np.int64], fold: NDArray[np.int64], *, seed: int
) -> Floats:
    """(n, L) chance of each level given all features, by gradient-boosted trees learned on the other folds.

    Args:
        x: (n, f) numbers, and codes of categories (-1 for none); NaN is missing.
        categorical: (f,) which columns are codes.
        levels: (n,) from 0 to L - 1.
        fold: (n,) as `folds` has it.
        seed: of the trees.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    many = int(levels.max()) + 1
    # Trees take at most 255 categories a column; a wider one enters by its code as if it were a number.
    native = [bool(flag) and x[:, k].max() < 254 for k, flag in enumerate(categorical)]
    known = np.where(np.array(categorical) & (x < 0), np.nan, x)
    chances = np.zeros((len(x), many))
    for asked in range(FOLDS):
        learned = fold != asked
        trees = HistGradientBoostingClassifier(
            categorical_features=native, early_stopping=False, random_state=seed, **_TREES
        )
        trees.fit(known[learned], levels[learned])
        chances[np.ix_(~learned, trees.classes_)] = trees.predict_proba(known[~learned])
    return chances


def told(levels: NDArray[np.int64], chances: Floats) -> Estimate:
    """The area under the ROC curve, the mean over the levels, each against the others (one for two levels).

    The interval is DeLong's. For more than two levels its standard error is the mean of theirs, which the error of
    their mean never exceeds (Cauchy and Schwarz): on the safe side. Rows of different folds were asked of different
    predictors; the interval is that of the predictors at hand.
    """
    many = chances.shape[1]
    if len(np.unique(levels)) < 2:
        return Estimate(None, len(levels), undefined="fewer than two levels with enough rows")
    if many == 2:
        return roc_auc(levels, chances[:, 1])
    areas = [roc_auc(levels == k, chances[:, k]) for k in range(many)]
    value = float(np.mean([area.value for area in areas if area.value is not None]))
    below, above, level = [], [], 0.95
    for area in areas:
        found = area.interval
        if area.value is None or found is None or found.low is None or found.high is None:
            return Estimate(value, len(levels))
        below.append(area.value - found.low)
        above.append(found.high - area.value)
        level = found.level
    interval = Interval(
        max(0.0, value - float(np.mean(below))), min(1.0, value + float(np.mean(above))), level, "delong_mean"
    )
    return Estimate(value, len(levels), interval)
