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

_SMALLEST_LEVEL = 6
# Kept small on purpose: what is asked is whether there is something to be told, not the last bit of it.
_TREES = {"max_iter": 60, "max_leaf_nodes": 15, "learning_rate": 0.15, "min_samples_leaf": 10}


def learned_from(levels: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.bool_]:
    """(n,) a random half of the rows of each level, to learn from; the others are asked.

    One split and no cross-fitting: folds that learn from each other's rows are not independent, and an interval over
    them that takes them so covers the truth less often than it says.
    """
    order = rng.permutation(len(levels))
    learned = np.zeros(len(levels), dtype=bool)
    for level in np.unique(levels):
        learned[order[levels[order] == level][::2]] = True
    return learned


def large_enough(codes: NDArray[np.int32]) -> NDArray[np.bool_]:
    """(n,) rows whose level is known and has enough rows to learn from and to be asked."""
    counts = np.bincount(codes[codes >= 0], minlength=1)
    return np.asarray((codes >= 0) & (counts[np.maximum(codes, 0)] >= _SMALLEST_LEVEL))


def from_codes(codes: NDArray[np.int16], levels: NDArray[np.int64], learned: NDArray[np.bool_]) -> Floats:
    """(m, L) chance of each level of the m rows asked, given one feature's code.

    The share of the level among the rows learned from with the same code, drawn towards its overall share by one row.

    Args:
        codes: (n,) the feature, -1 for none of its codes.
        levels: (n,) from 0 to L - 1.
        learned: (n,) as `learned_from` has it.
    """
    width, many = int(codes.max(initial=-1)) + 2, int(levels.max()) + 1
    cell = (codes.astype(np.int64) + 1) * many + levels
    table = np.bincount(cell[learned], minlength=width * many).reshape(width, many).astype(np.float64)
    overall = table.sum(axis=0) / max(1.0, table.sum())
    shares = (table + overall) / (table.sum(axis=1, keepdims=True) + 1)
    return np.asarray(shares[codes[~learned].astype(np.int64) + 1])


def from_all(
    x: Floats, categorical: Sequence[bool], levels: NDArray[np.int64], learned: NDArray[np.bool_], *, seed: int
) -> Floats:
    """(m, L) chance of each level of the m rows asked, given all features, by gradient-boosted trees.

    Args:
        x: (n, f) numbers, and codes of categories (-1 for none); NaN is missing.
        categorical: (f,) which columns are codes.
        levels: (n,) from 0 to L - 1.
        learned: (n,) as `learned_from` has it.
        seed: of the trees.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    # Trees take at most 255 categories a column; a wider one enters by its code as if it were a number.
    native = [bool(flag) and x[:, k].max() < 254 for k, flag in enumerate(categorical)]
    known = np.where(np.array(categorical) & (x < 0), np.nan, x)
    trees = HistGradientBoostingClassifier(
        categorical_features=native, early_stopping=False, random_state=seed, **_TREES
    )
    trees.fit(known[learned], levels[learned])
    return np.asarray(trees.predict_proba(known[~learned]))


def told(levels: NDArray[np.int64], chances: Floats) -> Estimate:
    """The area under the ROC curve over the rows asked; of more than two levels the mean, each against the others.

    The interval is DeLong's. For more than two levels its half width is the mean of theirs, which that of their mean
    never exceeds (Cauchy and Schwarz): on the safe side.

    Args:
        levels: (m,) from 0 to L - 1.
        chances: (m, L) of each level.
    """
    many = chances.shape[1]
    if many == 2:
        return roc_auc(levels, chances[:, 1])
    values, below, above = [], [], []
    for level in range(many):
        area = roc_auc(levels == level, chances[:, level])
        if area.value is None:
            return Estimate(None, len(levels), undefined="fewer than two levels with enough rows")
        values.append(area.value)
        ends = area.interval
        below.append(area.value - ends.low if ends is not None and ends.low is not None else np.nan)
        above.append(ends.high - area.value if ends is not None and ends.high is not None else np.nan)
    value, low, high = float(np.mean(values)), float(np.mean(below)), float(np.mean(above))
    if not np.isfinite(low + high):
        return Estimate(value, len(levels))
    return Estimate(value, len(levels), Interval(max(0.0, value - low), min(1.0, value + high), 0.95, "delong_mean"))
