"""Whether subgroups found by a search are worse than the rest: a test on other rows, or a permutation test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from glasshouse.statistics import (
    Estimate,
    Interval,
    clopper_pearson,
    clustered_mean,
    holm,
    linearized_error,
    mean,
    newcombe,
    t_interval,
)
from numpy.typing import NDArray
from scipy import stats

from glasshouse_audits.fairness.subgroups.search import Codes, Floats, Subgroup


@dataclass(frozen=True)
class Confirmation:
    """What other rows say of a subgroup."""

    loss: Estimate
    """Mean loss inside; an error rate where losses are 0 and 1."""
    rest: Estimate
    """Mean loss of all other rows."""
    difference: Estimate
    """Inside minus rest; above 0 the model does worse inside."""
    p_value: float | None
    """One-sided, adjusted for all subgroups that were tested; None where it cannot be tested."""


def confirm(
    found: Sequence[Subgroup],
    codes: Codes,
    loss: Floats,
    *,
    weights: Floats | None = None,
    clusters: NDArray[np.int64] | None = None,
) -> list[Confirmation]:
    """Test each subgroup on rows that the search did not see: is the mean loss inside above that of the rest?

    Losses of 0 and 1: Fisher's exact test on one side, Clopper-Pearson and Newcombe intervals. Others: Welch's test
    and its interval. With weights or clusters: the linearised difference and Student's t (`linearized_error`).

    Args:
        found: subgroups from other rows than these.
        codes: (c, n) code of each row in each column.
        loss: (n,) their losses.
        weights: (n,) what each row counts for.
        clusters: (n,) the cluster of each row.
    """
    tested = compared(found, codes, loss, weights=weights, clusters=clusters)
    adjusted = holm([np.nan if one.p_value is None else one.p_value for one in tested])
    return [replace(one, p_value=None if np.isnan(p) else float(p)) for one, p in zip(tested, adjusted, strict=True)]


def compared(
    found: Sequence[Subgroup],
    codes: Codes,
    loss: Floats,
    *,
    weights: Floats | None = None,
    clusters: NDArray[np.int64] | None = None,
) -> list[Confirmation]:
    """As `confirm`, each subgroup for itself: p-values are not adjusted."""
    masks = [one.members(codes) for one in found]
    if weights is not None or clusters is not None:
        w = np.ones(len(loss)) if weights is None else weights
        of = np.arange(len(loss)) if clusters is None else clusters
        return [_linearized(inside, loss, w, of) for inside in masks]
    tested = _proportions if np.isin(loss, (0.0, 1.0)).all() else _means
    return [tested(loss[inside], loss[~inside]) for inside in masks]


def permuted_p_values(
    found: Sequence[Subgroup],
    loss: Floats,
    again: Callable[[Floats, Floats | None], Sequence[Subgroup]],
    *,
    rng: np.random.Generator,
    permutations: int,
    weights: Floats | None = None,
) -> list[float]:
    """For each subgroup how often the best that a search finds by chance is as good: p-values that hold for all.

    Losses, with their weights, are exchanged among the rows at random, and the whole search is done over: its best
    quality is the largest of all statistics that it looks at, so p = (1 + b) / (1 + B) keeps the chance of any false
    alarm (Westfall and Young 1993), with what the search's own choices add.

    Args:
        found: of the search on these rows.
        loss: (n,) their losses.
        again: the search as a function of losses and weights.
        rng: source of the permutations.
        permutations: B.
        weights: (n,) what each row counts for.
    """
    best = np.full(permutations, -np.inf)
    for at in range(permutations):
        order = rng.permutation(len(loss))
        by_chance = again(loss[order], None if weights is None else weights[order])
        best[at] = by_chance[0].quality if by_chance else -np.inf
    return [(1 + int(np.sum(best >= one.quality - 1e-9))) / (1 + permutations) for one in found]


def _proportions(inside: Floats, rest: Floats) -> Confirmation:
    hits, n, others, m = int(inside.sum()), len(inside), int(rest.sum()), len(rest)
    first, second = _share(hits, n), _share(others, m)
    if not n or not m:
        return Confirmation(first, second, Estimate(None, n, undefined="no rows in it, or none outside"), None)
    apart = Estimate(hits / n - others / m, n, newcombe(hits, n, others, m).item())
    return Confirmation(first, second, apart, float(stats.hypergeom.sf(hits - 1, n + m, hits + others, n)))


def _share(hits: int, total: int) -> Estimate:
    if not total:
        return Estimate(None, 0, undefined="no rows")
    return Estimate(hits / total, total, clopper_pearson(hits, total).item())


def _means(inside: Floats, rest: Floats) -> Confirmation:
    first, second = mean(inside), mean(rest)
    if min(len(inside), len(rest)) < 2:
        return Confirmation(
            first, second, Estimate(None, len(inside), undefined="fewer than two rows in it or outside"), None
        )
    parts = np.array([np.var(each, ddof=1) / len(each) for each in (inside, rest)])
    apart = float(inside.mean() - rest.mean())
    if not parts.sum():
        return Confirmation(first, second, Estimate(apart, len(inside)), None)
    freedom = parts.sum() ** 2 / np.sum(parts**2 / (np.array([len(inside), len(rest)]) - 1))
    interval = t_interval(apart, np.sqrt(parts.sum()), freedom).item()
    welch = Interval(interval.low, interval.high, interval.level, "welch")
    return Confirmation(
        first, second, Estimate(apart, len(inside), welch), float(stats.t.sf(apart / np.sqrt(parts.sum()), freedom))
    )


def _linearized(inside: NDArray[np.bool_], loss: Floats, weights: Floats, clusters: NDArray[np.int64]) -> Confirmation:
    """Weighted means and their difference; rows, or clusters, are independent, and those inside give the freedom."""
    first, second = (clustered_mean(loss[rows], clusters[rows], weights=weights[rows]) for rows in (inside, ~inside))
    if first.value is None or second.value is None:
        return Confirmation(first, second, Estimate(None, first.n, undefined="no rows in it, or none outside"), None)
    parts = np.where(
        inside,
        weights * (loss - first.value) / weights[inside].sum(),
        -weights * (loss - second.value) / weights[~inside].sum(),
    )
    error, _ = linearized_error(parts, clusters)
    freedom = min(len(np.unique(clusters[inside])), len(np.unique(clusters[~inside]))) - 1
    apart = first.value - second.value
    if freedom < 1 or not error > 0:
        return Confirmation(first, second, Estimate(apart, first.n), None)
    interval = t_interval(apart, error, freedom).item()
    named = Interval(interval.low, interval.high, interval.level, "student_t_linearized")
    return Confirmation(first, second, Estimate(apart, first.n, named), float(stats.t.sf(apart / error, freedom)))
