"""Permutation importance: how much worse the model performs when a feature's values are permuted among the rows.

Breiman 2001, "Random Forests", section 10; Fisher, Rudin and Dominici 2019, "All Models are Wrong, but Many are
Useful", JMLR 20:177. The columns that encode one feature move together.

The estimand is a mean over pairs of rows, one that receives a value and one that provides it, so each row enters in
both roles. Intervals add both contributions of every row before computing the variance; counting receivers alone, as
is usual, misses half of the variance between rows.
"""

from __future__ import annotations

import numpy as np
from glasshouse.statistics import Estimate, roc_auc, t_interval
from numpy.typing import NDArray
from scipy.stats import rankdata

Floats = NDArray[np.float64]
Permutations = NDArray[np.intp]
"""(r, n) for each of r repeats a permutation of the rows: the row whose value each row receives."""

# The smallest normal number of single precision replaces probabilities that were rounded to 0.
_SMALLEST = float(np.finfo(np.float32).tiny)


def shuffles(n: int, repeats: int, rng: np.random.Generator) -> Permutations:
    """Random permutations (repeats, n)."""
    return np.stack([rng.permutation(n) for _ in range(repeats)]).astype(np.intp)


def output_change(before: Floats, after: Floats, permutations: Permutations) -> Estimate:
    """How far the output moves, up or down: mean over rows, repeats and outputs of |after - before|.

    Args:
        before: (n, k) outputs of the rows.
        after: (r, n, k) outputs with the feature's values permuted.
        permutations: (r, n) the permutations.
    """
    moved = np.abs(after - before).mean(axis=2)
    return _estimate(float(moved.mean()), moved, permutations)


def loss_increase(before: Floats, after: Floats, permutations: Permutations) -> Estimate:
    """Mean loss with the feature permuted minus the mean loss without; above 0 the feature helps.

    Args:
        before: (n,) loss of every row.
        after: (r, n) loss with the feature's values permuted.
        permutations: (r, n) the permutations.
    """
    worse = after - before
    return _estimate(float(worse.mean()), worse, permutations)


def accuracy_drop(before: NDArray[np.bool_], after: NDArray[np.bool_], permutations: Permutations) -> Estimate:
    """Accuracy minus accuracy with the feature permuted, from masks of correct decisions; shapes as `loss_increase`."""
    wrong, wrong_after = (1.0 - right.astype(np.float64) for right in (before, after))
    return loss_increase(wrong, wrong_after, permutations)


def r2_drop(targets: Floats, before: Floats, after: Floats, permutations: Permutations) -> Estimate:
    """R2 minus R2 with the feature permuted: the increase of the squared error over the targets' variance.

    Undefined if the targets do not vary. The variance is a mean over the same rows, which the interval accounts for.

    Args:
        targets: (n,).
        before: (n,) squared errors.
        after: (r, n) squared errors with the feature's values permuted.
        permutations: (r, n) the permutations.
    """
    deviation = (targets - targets.mean()) ** 2
    variance = float(deviation.mean())
    if variance == 0:
        return Estimate(None, len(targets), undefined="the targets do not vary")
    worse = after - before
    drop = float(worse.mean()) / variance
    return _estimate(drop, (worse - drop * deviation) / variance, permutations)


def auc_drop(positive: NDArray[np.bool_], before: Floats, after: Floats, permutations: Permutations) -> Estimate:
    """Area under the ROC curve minus that with the feature permuted.

    A row contributes its placement to the area: the share of the other class against which it is ranked correctly
    (DeLong et al. 1988). Undefined for a single class.

    Args:
        positive: (n,) whether the target is 1.
        before: (n,) scores.
        after: (r, n) scores with the feature's values permuted.
        permutations: (r, n) the permutations.
    """
    unpermuted = roc_auc(positive, before)
    if unpermuted.value is None:
        return Estimate(None, len(before), undefined=unpermuted.undefined)
    lost = _placements(positive, before) - np.stack([_placements(positive, scores) for scores in after])
    drop = float(lost[:, positive].mean())
    share = np.where(positive, positive.mean(), 1 - positive.mean())
    return _estimate(drop, (lost - drop) / share, permutations)


def cross_entropy(scores: Floats, targets: NDArray[np.int64]) -> Floats:
    """(..., n) minus the logarithm of the target's probability, in nats, of scores (..., n, k)."""
    chosen = np.take_along_axis(scores, np.broadcast_to(targets[:, None], (*scores.shape[:-1], 1)), axis=-1)[..., 0]
    return np.asarray(-np.log(np.maximum(chosen, _SMALLEST)))


def _placements(positive: NDArray[np.bool_], scores: Floats) -> Floats:
    """(n,) share of the other class against which each row is ranked correctly; ties count half."""
    overall = rankdata(scores)
    found = np.empty(len(scores))
    found[positive] = (overall[positive] - rankdata(scores[positive])) / (~positive).sum()
    found[~positive] = 1 - (overall[~positive] - rankdata(scores[~positive])) / positive.sum()
    return found


def _estimate(value: float, contributions: Floats, permutations: Permutations) -> Estimate:
    """A mean over pairs with Student's t interval.

    `contributions` (r, n) are those of receiver i and provider j in each repeat: h(i, j). With a(i) and b(j) its means
    over the other row and e the residual, the mean over r permutations has the variance

        (var(a + b) + var(e) / r) / n.

    A row's mean as receiver plus its mean as provider has the variance var(a + b) + (var(a) + var(b) + 2 var(e)) / r,
    so 1 / r of the variance of h, which is var(a) + var(b) + var(e), is subtracted. The difference may be too small by
    chance, so the variance of independent pairs is its lower limit.
    """
    repeats, n = contributions.shape
    if n < 2:
        return Estimate(value, n, t_interval(value, np.nan, 0).item())
    centred = contributions - contributions.mean()
    given = np.zeros(n)
    for repeat, order in zip(centred, permutations, strict=True):
        given[order] += repeat / repeats
    drawn = float(centred.var(ddof=1)) / repeats
    variance = max(float((centred.mean(axis=0) + given).var(ddof=1)) - drawn, drawn) / n
    return Estimate(value, n, t_interval(value, np.sqrt(variance), n - 1).item())
