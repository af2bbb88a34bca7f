"""Decisions when a sensitive attribute alone is changed and all other features stay the same.

A flip changes the model's input, not the person: features that the attribute influences (an occupation, an income)
keep their values. So it tests direct use, in the sense of disparate treatment, and is not a causal counterfactual
(Kusner et al. 2017, "Counterfactual Fairness", section 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from glasshouse import Evidence, Feature, Groups, Predictions
from glasshouse.statistics import Estimate, clustered_mean, mean, wilson
from numpy.typing import NDArray

Inputs = NDArray[np.float32]

_NO_DECISIONS = "a regression makes no decisions"


@dataclass(frozen=True)
class Flip:
    """Rows of the level `first`, with the attribute set to `second` in the model's input."""

    first: str
    second: str
    changed: Estimate
    """Share whose decision changes, with Wilson's interval."""
    to_favourable: Estimate
    """Share whose decision changes to the favourable class."""
    from_favourable: Estimate
    """Share whose decision changes from the favourable class to another."""
    shift: Estimate
    """Mean change of the score of the favourable class, or of the predicted value."""


@dataclass(frozen=True)
class FlippedAttribute:
    """The effect of flipping one attribute."""

    attribute: str
    changed: Estimate
    """Share of the rows whose decision changes for at least one other level."""
    directions: Sequence[Flip]


def flip_attribute(evidence: Evidence, attribute: Groups, feature: Feature, x: Inputs) -> FlippedAttribute:
    """Flip one attribute of the evaluated rows: one pass of the model for each level, set in every row.

    Args:
        evidence: with the model.
        attribute: of the n evaluated rows.
        feature: the one that encodes the attribute.
        x: (n, d) encoded inputs.
    """
    import torch

    assert evidence.model is not None
    predictions = evidence.evaluated
    target = predictions.target
    after, decisions_after = {}, {}
    for level, encoding in typical_encodings(attribute, feature, x).items():
        scores = evidence.model.scores(torch.from_numpy(with_feature_set_to(x, feature, encoding))).numpy()
        after[level] = _explained_score(scores, predictions)
        decisions_after[level] = scores.argmax(axis=1).astype(np.int64)
    decisions = None if target.kind == "regression" else predictions.predicted
    directions = measure_flips(
        attribute,
        _explained_score(predictions.scores, predictions),
        after,
        decisions,
        decisions_after,
        target.favourable_index,
        weights=predictions.weights,
        clusters=predictions.clusters,
    )
    if decisions is None:
        changed = Estimate(None, len(predictions), undefined=_NO_DECISIONS)
    else:
        known = attribute.codes >= 0
        weights = None if predictions.weights is None else predictions.weights[known]
        clusters = None if predictions.clusters is None else predictions.clusters[known]
        changed = proportion(changed_by_any_level(attribute, decisions, decisions_after), weights, clusters)
    return FlippedAttribute(attribute.name, changed, directions)


def _explained_score(scores: NDArray[np.float32], predictions: Predictions) -> NDArray[np.float64]:
    """(n,) score of the favourable class (of the last class if none is favourable), or predicted value."""
    favourable = predictions.target.favourable_index
    return scores[:, -1 if favourable is None else favourable].astype(np.float64)


def typical_encodings(groups: Groups, feature: Feature, x: Inputs) -> dict[int, Inputs]:
    """For the code of each level with rows, a typical encoding (w,) in the feature's columns.

    Categorical: the most frequent category among the level's rows. Numeric: their median.

    Args:
        groups: the attribute of n rows.
        feature: the one that encodes the attribute.
        x: (n, d) encoded inputs.
    """
    columns = list(feature.columns)
    encodings = {}
    for code in range(len(groups.levels)):
        block = x[groups.codes == code][:, columns]
        if not len(block):
            continue
        typical = np.zeros(len(columns), dtype=np.float32)
        if feature.kind == "categorical":
            typical[int(block.sum(axis=0).argmax())] = 1.0
        else:  # a second column, which marks a missing number, stays 0
            typical[0] = np.quantile(block[:, 0], 0.5, method="inverted_cdf")
        encodings[code] = typical
    return encodings


def with_feature_set_to(x: Inputs, feature: Feature, encoding: Inputs) -> Inputs:
    """The inputs with one feature set to the same `encoding` in every row."""
    changed = x.copy()
    changed[:, list(feature.columns)] = encoding
    return changed


def measure_flips(
    groups: Groups,
    before: NDArray[np.float64],
    after: dict[int, NDArray[np.float64]],
    decisions: NDArray[np.int64] | None,
    decisions_after: dict[int, NDArray[np.int64]],
    favourable: int | None,
    *,
    weights: NDArray[np.float64] | None = None,
    clusters: NDArray[np.int64] | None = None,
) -> list[Flip]:
    """The flip from every level to every other.

    Args:
        groups: the attribute of n rows.
        before: (n,) score of the favourable class, or predicted value.
        after: the same (n,) with the attribute set to one level in every row, by the level's code.
        decisions: (n,) class codes; None for a regression, which makes no decisions.
        decisions_after: the same by level.
        favourable: the code of the favourable class, if there is one.
        weights: (n,) sample weights.
        clusters: (n,) the cluster of each row.
    """
    found = []
    for first, name in enumerate(groups.levels):
        rows = groups.codes == first
        for second in after:
            if second == first or not rows.any():
                continue
            of = {
                "weights": None if weights is None else weights[rows],
                "clusters": None if clusters is None else clusters[rows],
            }
            shift = mean_estimate(after[second][rows] - before[rows], **of)
            if decisions is None:
                nothing = Estimate(None, int(rows.sum()), undefined=_NO_DECISIONS)
                found.append(Flip(name, groups.levels[second], nothing, nothing, nothing, shift))
                continue
            old, new = decisions[rows], decisions_after[second][rows]
            if favourable is None:
                gained = lost = Estimate(None, len(old), undefined="no class is favourable")
            else:
                gained = proportion((old != favourable) & (new == favourable), **of)
                lost = proportion((old == favourable) & (new != favourable), **of)
            found.append(Flip(name, groups.levels[second], proportion(old != new, **of), gained, lost, shift))
    return found


def changed_by_any_level(
    groups: Groups, decisions: NDArray[np.int64], decisions_after: dict[int, NDArray[np.int64]]
) -> NDArray[np.bool_]:
    """(n,) for the rows with a known level: whether the decision changes for at least one other level."""
    known = groups.codes >= 0
    changed = np.zeros(len(groups.codes), dtype=bool)
    for level, decision in decisions_after.items():
        changed |= (groups.codes != level) & (decision != decisions)
    return changed[known]


def proportion(
    hits: NDArray[np.bool_], weights: NDArray[np.float64] | None = None, clusters: NDArray[np.int64] | None = None
) -> Estimate:
    """The share of true values with Wilson's interval; for weighted or clustered rows their mean with Student's t."""
    if not len(hits):
        return Estimate(None, 0, undefined="no rows")
    if weights is not None or clusters is not None:
        return mean_estimate(hits.astype(np.float64), weights, clusters)
    return Estimate(float(hits.mean()), len(hits), wilson(int(hits.sum()), len(hits)).item())


def mean_estimate(
    values: NDArray[np.float64],
    weights: NDArray[np.float64] | None = None,
    clusters: NDArray[np.int64] | None = None,
) -> Estimate:
    """The mean with Student's t interval, over clusters if there are any."""
    return mean(values, weights=weights) if clusters is None else clustered_mean(values, clusters, weights=weights)
