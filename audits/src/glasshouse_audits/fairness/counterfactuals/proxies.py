"""How well features predict a sensitive attribute: each alone, and all together.

A model without an attribute among its inputs can still use it through proxies, features that predict it. The measure
is the area under the ROC curve of predicting each level against the others, on rows that the predictor was not fitted
to; 0.5 is no better than chance, 1 is perfect. Simple predictors understate what is possible: these are lower bounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from glasshouse import Feature, Groups
from glasshouse.statistics import Estimate, Interval, roc_auc
from numpy.typing import NDArray

from glasshouse_audits.fairness import feature_codes

Floats = NDArray[np.float64]

_BINS = 10
_MIN_LEVEL_ROWS = 6
# Small on purpose: the question is whether there is information at all, not the last bit of it.
_TREES = {"max_iter": 60, "max_leaf_nodes": 15, "learning_rate": 0.15, "min_samples_leaf": 10}
_TOO_FEW_LEVELS = "fewer than two levels with enough rows"


@dataclass(frozen=True)
class ProxyStrength:
    """ROC AUC of predicting an attribute: from each feature alone, the best first, and from all together."""

    by_feature: Sequence[tuple[str, Estimate]]
    all_features: Estimate


def proxy_strength(
    attribute: Groups, features: Sequence[Feature], x: NDArray[np.float32], *, rows: int, seed: int
) -> ProxyStrength:
    """Fit predictors of the attribute on half of the rows, and measure them on the other half.

    Args:
        attribute: of n rows.
        features: the candidate proxies.
        x: (n, d) encoded inputs.
        rows: most rows used; a random sample of more.
        seed: of the sample, the split and the trees.
    """
    rng = np.random.default_rng(seed)
    eligible = np.flatnonzero(in_large_levels(attribute.codes))
    if len(eligible) > rows:
        eligible = np.sort(rng.choice(eligible, size=rows, replace=False))
        eligible = eligible[in_large_levels(attribute.codes[eligible])]
    _, levels = np.unique(attribute.codes[eligible], return_inverse=True)
    if len(np.unique(levels)) < 2 or not features:
        reason = _TOO_FEW_LEVELS if features else "no other feature"
        return ProxyStrength([], Estimate(None, len(eligible), undefined=reason))
    inputs = x[eligible]
    in_training = training_rows(levels, rng)
    held_out = levels[~in_training]
    by_feature, columns = [], []
    for feature in features:
        codes = feature_codes.encode(feature_codes.fit(feature, inputs, bins=_BINS), feature, inputs)
        probabilities = probabilities_from_codes(codes, levels, in_training)
        by_feature.append((feature.name, proxy_auc(held_out, probabilities)))
        columns.append(codes if feature.kind == "categorical" else inputs[:, feature.columns[0]])
    from_all = probabilities_from_all(
        np.stack(columns, axis=1).astype(np.float64),
        [feature.kind == "categorical" for feature in features],
        levels,
        in_training,
        seed=seed % 2**32,
    )
    best_first = sorted(by_feature, key=lambda pair: -(pair[1].value or 0.0))
    return ProxyStrength(best_first, proxy_auc(held_out, from_all))


def training_rows(levels: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.bool_]:
    """(n,) a random half of the rows of each level, to fit on; the other half is held out.

    One split and no cross-fitting: folds that train on each other's rows are not independent, and an interval that
    treats them as independent covers the true value less often than it states.
    """
    order = rng.permutation(len(levels))
    in_training = np.zeros(len(levels), dtype=bool)
    for level in np.unique(levels):
        in_training[order[levels[order] == level][::2]] = True
    return in_training


def in_large_levels(codes: NDArray[np.int32]) -> NDArray[np.bool_]:
    """(n,) rows whose level is known and has enough rows to fit on and to hold out."""
    counts = np.bincount(codes[codes >= 0], minlength=1)
    return np.asarray((codes >= 0) & (counts[np.maximum(codes, 0)] >= _MIN_LEVEL_ROWS))


def probabilities_from_codes(
    codes: NDArray[np.int16], levels: NDArray[np.int64], in_training: NDArray[np.bool_]
) -> Floats:
    """(m, L) probability of each level of the m held-out rows, given one feature's code.

    The share of the level among the training rows with the same code, shrunk towards its overall share by one row.

    Args:
        codes: (n,) the feature, -1 for none of its codes.
        levels: (n,) from 0 to L - 1.
        in_training: (n,) from `training_rows`.
    """
    width, many = int(codes.max(initial=-1)) + 2, int(levels.max()) + 1
    cell = (codes.astype(np.int64) + 1) * many + levels
    table = np.bincount(cell[in_training], minlength=width * many).reshape(width, many).astype(np.float64)
    overall = table.sum(axis=0) / max(1.0, table.sum())
    shares = (table + overall) / (table.sum(axis=1, keepdims=True) + 1)
    return np.asarray(shares[codes[~in_training].astype(np.int64) + 1])


def probabilities_from_all(
    x: Floats, categorical: Sequence[bool], levels: NDArray[np.int64], in_training: NDArray[np.bool_], *, seed: int
) -> Floats:
    """(m, L) probability of each level of the m held-out rows, given all features, by gradient-boosted trees.

    Args:
        x: (n, f) numbers, and codes of categories (-1 for none); NaN is missing.
        categorical: (f,) which columns are codes.
        levels: (n,) from 0 to L - 1.
        in_training: (n,) from `training_rows`.
        seed: of the trees.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    # The trees take at most 255 categories per column; wider columns enter by their code, as if it were a number.
    native = [bool(flag) and x[:, k].max() < 254 for k, flag in enumerate(categorical)]
    known = np.where(np.array(categorical) & (x < 0), np.nan, x)
    trees = HistGradientBoostingClassifier(
        categorical_features=native, early_stopping=False, random_state=seed, **_TREES
    )
    trees.fit(known[in_training], levels[in_training])
    return np.asarray(trees.predict_proba(known[~in_training]))


def proxy_auc(levels: NDArray[np.int64], probabilities: Floats) -> Estimate:
    """The area under the ROC curve over held-out rows; for more than two levels the mean over one-against-the-rest.

    The interval is DeLong's. For more than two levels its half width is the mean of the single half widths, which the
    half width of the mean never exceeds (Cauchy-Schwarz): a conservative interval.

    Args:
        levels: (m,) from 0 to L - 1.
        probabilities: (m, L) of each level.
    """
    many = probabilities.shape[1]
    if many == 2:
        return roc_auc(levels, probabilities[:, 1])
    values, below, above = [], [], []
    for level in range(many):
        area = roc_auc(levels == level, probabilities[:, level])
        if area.value is None:
            return Estimate(None, len(levels), undefined=_TOO_FEW_LEVELS)
        values.append(area.value)
        ends = area.interval
        below.append(area.value - ends.low if ends is not None and ends.low is not None else np.nan)
        above.append(ends.high - area.value if ends is not None and ends.high is not None else np.nan)
    value, low, high = float(np.mean(values)), float(np.mean(below)), float(np.mean(above))
    if not np.isfinite(low + high):
        return Estimate(value, len(levels))
    return Estimate(value, len(levels), Interval(max(0.0, value - low), min(1.0, value + high), 0.95, "delong_mean"))
