"""Tests of subgroups that a search found: on other rows, or by permutation.

The best of many thousand subgroups looks bad by chance alone. Either each is tested on rows that the search did not use
(Cox 1975, Biometrika 62:441), with Holm's correction; or the search is repeated on permuted losses, and the quality of
its best subgroup is the null distribution (Westfall and Young 1993, Resampling-Based Multiple Testing, section 2.6).
"""

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

_EMPTY = "no rows in the subgroup, or none outside it"


@dataclass(frozen=True)
class Confirmation:
    """A subgroup compared with all other rows."""

    loss: Estimate
    """Mean loss in the subgroup; an error rate if losses are 0 and 1."""
    rest: Estimate
    """Mean loss of all other rows."""
    difference: Estimate
    """`loss` minus `rest`; above 0 the model performs worse in the subgroup."""
    p_value: float | None
    """One-sided, adjusted for all tested subgroups; None if no test is possible."""


def confirm(
    found: Sequence[Subgroup],
    codes: Codes,
    loss: Floats,
    *,
    weights: Floats | None = None,
    clusters: NDArray[np.int64] | None = None,
) -> list[Confirmation]:
    """Test each subgroup on rows that the search did not use: is its mean loss above that of the rest?

    Losses of 0 and 1: one-sided Fisher's exact test, Clopper-Pearson and Newcombe intervals. Other losses: Welch's
    test and its interval. With weights or clusters: the linearised difference and Student's t (`linearized_error`).
    P-values are adjusted by Holm's method.

    Args:
        found: subgroups found on other rows.
        codes: (c, n) code of each row in each column.
        loss: (n,) losses of the rows.
        weights: (n,) sample weights.
        clusters: (n,) the cluster of each row.
    """
    tested = compare_with_rest(found, codes, loss, weights=weights, clusters=clusters)
    adjusted = holm([np.nan if one.p_value is None else one.p_value for one in tested])
    return [replace(one, p_value=None if np.isnan(p) else float(p)) for one, p in zip(tested, adjusted, strict=True)]


def compare_with_rest(
    found: Sequence[Subgroup],
    codes: Codes,
    loss: Floats,
    *,
    weights: Floats | None = None,
    clusters: NDArray[np.int64] | None = None,
) -> list[Confirmation]:
    """As `confirm`, without adjusting the p-values."""
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
    repeat_search: Callable[[Floats, Floats | None], Sequence[Subgroup]],
    *,
    rng: np.random.Generator,
    permutations: int,
    weights: Floats | None = None,
) -> list[float]:
    """Max-statistic p-values: the share of searches on permuted losses whose best subgroup is at least as good.

    Losses, with their weights, are permuted among the rows and the whole search is repeated. Its best quality is the
    maximum over all statistics it examines, so p = (1 + b) / (1 + B) controls the family-wise error rate (Westfall and
    Young 1993), including the selection by the search itself.

    Args:
        found: subgroups found on these rows.
        loss: (n,) losses of the rows.
        repeat_search: the search as a function of losses and weights.
        rng: random generator of the permutations.
        permutations: B.
        weights: (n,) sample weights.
    """
    best = np.full(permutations, -np.inf)
    for at in range(permutations):
        order = rng.permutation(len(loss))
        by_chance = repeat_search(loss[order], None if weights is None else weights[order])
        best[at] = by_chance[0].quality if by_chance else -np.inf
    return [(1 + int(np.sum(best >= one.quality - 1e-9))) / (1 + permutations) for one in found]


def _proportions(inside: Floats, rest: Floats) -> Confirmation:
    hits, n, others, m = int(inside.sum()), len(inside), int(rest.sum()), len(rest)
    first, second = _proportion(hits, n), _proportion(others, m)
    if not n or not m:
        return Confirmation(first, second, Estimate(None, n, undefined=_EMPTY), None)
    difference = Estimate(hits / n - others / m, n, newcombe(hits, n, others, m).item())
    return Confirmation(first, second, difference, float(stats.hypergeom.sf(hits - 1, n + m, hits + others, n)))


def _proportion(hits: int, total: int) -> Estimate:
    if not total:
        return Estimate(None, 0, undefined="no rows")
    return Estimate(hits / total, total, clopper_pearson(hits, total).item())


def _means(inside: Floats, rest: Floats) -> Confirmation:
    first, second = mean(inside), mean(rest)
    if min(len(inside), len(rest)) < 2:
        return Confirmation(
            first,
            second,
            Estimate(None, len(inside), undefined="fewer than two rows in the subgroup or outside it"),
            None,
        )
    parts = np.array([np.var(each, ddof=1) / len(each) for each in (inside, rest)])
    difference = float(inside.mean() - rest.mean())
    if not parts.sum():
        return Confirmation(first, second, Estimate(difference, len(inside)), None)
    freedom = parts.sum() ** 2 / np.sum(parts**2 / (np.array([len(inside), len(rest)]) - 1))
    interval = t_interval(difference, np.sqrt(parts.sum()), freedom).item()
    welch = Interval(interval.low, interval.high, interval.level, "welch")
    return Confirmation(
        first,
        second,
        Estimate(difference, len(inside), welch),
        float(stats.t.sf(difference / np.sqrt(parts.sum()), freedom)),
    )


def _linearized(inside: NDArray[np.bool_], loss: Floats, weights: Floats, clusters: NDArray[np.int64]) -> Confirmation:
    """Weighted means and their difference; degrees of freedom from the smaller number of clusters (or rows)."""
    first, second = (clustered_mean(loss[rows], clusters[rows], weights=weights[rows]) for rows in (inside, ~inside))
    if first.value is None or second.value is None:
        return Confirmation(first, second, Estimate(None, first.n, undefined=_EMPTY), None)
    parts = np.where(
        inside,
        weights * (loss - first.value) / weights[inside].sum(),
        -weights * (loss - second.value) / weights[~inside].sum(),
    )
    error, _ = linearized_error(parts, clusters)
    freedom = min(len(np.unique(clusters[inside])), len(np.unique(clusters[~inside]))) - 1
    difference = first.value - second.value
    if freedom < 1 or not error > 0:
        return Confirmation(first, second, Estimate(difference, first.n), None)
    interval = t_interval(difference, error, freedom).item()
    named = Interval(interval.low, interval.high, interval.level, "student_t_linearized")
    return Confirmation(
        first, second, Estimate(difference, first.n, named), float(stats.t.sf(difference / error, freedom))
    )
