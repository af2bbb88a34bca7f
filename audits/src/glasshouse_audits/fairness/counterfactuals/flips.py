"""What a model decides when a sensitive attribute alone is changed and everything else is left as it is.

A flip changes what the model is told, not the person: features that the attribute has shaped (an occupation, an
income) stay. So it is a test of direct use, in the sense of disparate treatment, and not a causal counterfactual
(Kusner et al. 2017, "Counterfactual Fairness", section 3).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from glasshouse import Feature, Groups
from glasshouse.statistics import Estimate, clustered_mean, mean, wilson
from numpy.typing import NDArray

Inputs = NDArray[np.float32]


@dataclass(frozen=True)
class Flip:
    """Rows of one level, told to the model as another."""

    first: str
    second: str
    changed: Estimate
    """Share whose decision changes, with Wilson's interval."""
    to_favourable: Estimate
    """Share whose decision becomes the favourable one."""
    from_favourable: Estimate
    """Share whose decision was the favourable one and no longer is."""
    shift: Estimate
    """Mean change of the score of the favourable class, or of the predicted value."""


def representatives(groups: Groups, feature: Feature, x: Inputs) -> dict[int, Inputs]:
    """For each level with rows, how the feature encodes it: (w,) of the feature's columns.

    A category: the commonest one of the level's rows. A number: their median.

    Args:
        groups: the attribute of n rows.
        feature: the one that it is, or is made from.
        x: (n, d) encoded inputs.
    """
    columns = list(feature.columns)
    found = {}
    for code in range(len(groups.levels)):
        block = x[groups.codes == code][:, columns]
        if not len(block):
            continue
        typical = np.zeros(len(columns), dtype=np.float32)
        if feature.kind == "categorical":
            typical[int(block.sum(axis=0).argmax())] = 1.0
        else:  # a second column, which marks a missing number, stays 0
            typical[0] = np.quantile(block[:, 0], 0.5, method="inverted_cdf")
        found[code] = typical
    return found


def told_otherwise(x: Inputs, feature: Feature, level: Inputs) -> Inputs:
    """The inputs with one feature set to `level` in every row."""
    changed = x.copy()
    changed[:, list(feature.columns)] = level
    return changed


def flips(
    groups: Groups,
    before: NDArray[np.float64],
    after: dict[int, NDArray[np.float64]],
    decided: NDArray[np.int64] | None,
    decided_after: dict[int, NDArray[np.int64]],
    favourable: int | None,
    *,
    weights: NDArray[np.float64] | None = None,
    clusters: NDArray[np.int64] | None = None,
) -> list[Flip]:
    """Every level told as every other.

    Args:
        groups: the attribute of n rows.
        before: (n,) score of the favourable class, or predicted value.
        after: the same (n,) when all rows are told to be of a level, by its code.
        decided: (n,) class codes; None for a regression, which decides nothing.
        decided_after: the same by level.
        favourable: the code of the favourable class, if there is one.
        weights: (n,) what each row counts for.
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
            shift = average(after[second][rows] - before[rows], **of)
            if decided is None:
                nothing = Estimate(None, int(rows.sum()), undefined="a regression decides nothing")
                found.append(Flip(name, groups.levels[second], nothing, nothing, nothing, shift))
                continue
            old, new = decided[rows], decided_after[second][rows]
            if favourable is None:
                won = lost = Estimate(None, len(old), undefined="no class is favourable")
            else:
                won = share((old != favourable) & (new == favourable), **of)
                lost = share((old == favourable) & (new != favourable), **of)
            found.append(Flip(name, groups.levels[second], share(old != new, **of), won, lost, shift))
    return found


def any_flip(
    groups: Groups, decided: NDArray[np.int64], decided_after: dict[int, NDArray[np.int64]]
) -> NDArray[np.bool_]:
    """(n,) of the rows whose level is known: whether telling them as any other level changes the decision."""
    known = groups.codes >= 0
    changed = np.zeros(len(groups.codes), dtype=bool)
    for level, decision in decided_after.items():
        changed |= (groups.codes != level) & (decision != decided)
    return changed[known]


def share(
    hits: NDArray[np.bool_], weights: NDArray[np.float64] | None = None, clusters: NDArray[np.int64] | None = None
) -> Estimate:
    """The share of true values, with Wilson's interval; of weighted or clustered rows their mean, with Student's t."""
    if not len(hits):
        return Estimate(None, 0, undefined="no rows")
    if weights is not None or clusters is not None:
        return average(hits.astype(np.float64), weights, clusters)
    return Estimate(float(hits.mean()), len(hits), wilson(int(hits.sum()), len(hits)).item())


def average(
    values: NDArray[np.float64],
    weights: NDArray[np.float64] | None = None,
    clusters: NDArray[np.int64] | None = None,
) -> Estimate:
    """The mean, with Student's t interval, of clusters where there are such."""
    return mean(values, weights=weights) if clusters is None else clustered_mean(values, clusters, weights=weights)
