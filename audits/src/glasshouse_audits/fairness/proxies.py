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


def told(levels: NDArray[np.int64], chances: Floats, fold: NDArray[np.int64]) -> Estimate:
    """The area under the ROC curve: the mean over folds, and over the levels each against the others (of two, one).

    Rows of different folds are never compared: a row helps to make the scores of the other folds, which drags the area
    over all rows below 0.5 where nothing can be told. The interval is DeLong's in each fold, and folds count as
    independent. For more than two levels its half width is the mean of theirs, which that of their mean never exceeds
    (Cauchy and Schwarz): on the safe side.

    Args:
        levels: (n,) from 0 to L - 1.
        chances: (n, L) of each level.
        fold: (n,) as `folds` has it.
    """
    many = chances.shape[1]
    if len(np.unique(levels)) < 2:
        return Estimate(None, len(levels), undefined="fewer than two levels with enough rows")
    values, below, above = [], [], []
    for level in [1] if many == 2 else range(many):
        for asked in range(FOLDS):
            area = roc_auc(levels[fold == asked] == level, chances[fold == asked, level])
            if area.value is None:
                return Estimate(None, len(levels), undefined=area.undefined)
            values.append(area.value)
            ends = area.interval
            below.append(area.value - ends.low if ends is not None and ends.low is not None else np.nan)
            above.append(ends.high - area.value if ends is not None and ends.high is not None else np.nan)
    value = float(np.mean(values))
    low, high = (
        float(np.mean(np.sqrt(np.sum(np.reshape(half, (-1, FOLDS)) ** 2, axis=1)) / FOLDS)) for half in (below, above)
    )
    if not np.isfinite(low + high):
        return Estimate(value, len(levels))
    return Estimate(value, len(levels), Interval(max(0.0, value - low), min(1.0, value + high), 0.95, "delong_folds"))
