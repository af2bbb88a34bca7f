"""Subgroups in which a model is worst: a beam search, and two ways to tell what it found from chance.

Subgroup discovery: a subgroup is a conjunction of conditions on columns; its quality is how far the mean loss in it
lies above that of the rest, in standard errors (the mean test of Klösgen 1996, "Explora", in Advances in Knowledge
Discovery and Data Mining, section 10.3). The best of many thousand is high by chance alone, so what the search says of
it counts for nothing. Either each is tested again on other rows (Cox 1975, Biometrika 62:441), with Holm's correction;
or the search is done over on rows whose losses were exchanged at random, and its best of all is what each must surpass
(Westfall and Young 1993, Resampling-Based Multiple Testing, section 2.6).
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

Floats = NDArray[np.float64]
Codes = NDArray[np.int16]

_WITHIN = 0.8
"""A subgroup lies within another if more than this share of its rows does."""

_BLOCK = 16_384
"""Rows whose conditions are held as numbers at a time."""


@dataclass(frozen=True, order=True)
class Condition:
    """A row's code in one column lies from `low` to `high`, both included."""

    column: int
    low: int
    high: int


@dataclass(frozen=True)
class Subgroup:
    """A conjunction of conditions on different columns, with what the search saw of it."""

    conditions: tuple[Condition, ...]
    size: int
    quality: float
    """Mean loss above that of the rest, in standard errors."""

    def members(self, codes: Codes) -> NDArray[np.bool_]:
        """(n,) which rows belong to it, from codes (columns, n)."""
        inside = np.ones(codes.shape[1], dtype=bool)
        for each in self.conditions:
            inside &= (codes[each.column] >= each.low) & (codes[each.column] <= each.high)
        return inside


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


def conditions(sizes: Sequence[tuple[int, int]]) -> list[Condition]:
    """Every single condition: each range of bins but the whole, and each level.

    Args:
        sizes: for each column its number of codes, and how many of them are bins in ascending order.
    """
    found = []
    for column, (codes, ordered) in enumerate(sizes):
        ranges = [(low, high) for low in range(ordered) for high in range(low, ordered)]
        found += [Condition(column, low, high) for low, high in ranges if (low, high) != (0, ordered - 1)]
        found += [Condition(column, level, level) for level in range(ordered, codes)]
    return found


def search(
    codes: Codes,
    loss: Floats,
    known: Sequence[Condition],
    *,
    depth: int,
    width: int,
    minimum: int,
    origins: Sequence[int] | None = None,
    weights: Floats | None = None,
) -> list[Subgroup]:
    """The best subgroups of every length up to `depth`, the best first.

    One level of the beam is two matrix products: subgroups x conditions over the rows, block by block.

    Args:
        codes: (c, n) code of each row in each column.
        loss: (n,) what is high where the model fails.
        known: the conditions that may be put together.
        depth: most conditions of a subgroup.
        width: subgroups of one length that are refined further.
        minimum: fewest rows of a subgroup, and of its complement.
        origins: for each column what it is made from; two columns of one origin never meet. Default: all different.
        weights: (n,) what each row counts for; standard errors then take the effective number of rows.
    """
    n = codes.shape[1]
    if not known or not n or (weights is not None and not weights.sum() > 0):
        return []
    centred = loss - np.average(loss, weights=weights)
    spread = float(np.sqrt(np.average(centred**2, weights=weights)))
    if spread == 0.0:
        return []
    source = np.arange(len(codes)) if origins is None else np.asarray(origins)
    source_of = np.array([source[each.column] for each in known])
    beam: list[tuple[int, ...]] = [()]
    found: dict[tuple[int, ...], Subgroup] = {}
    for _ in range(depth):
        if weights is None:
            sizes, sums = _refined(codes, [np.ones(n), centred], known, beam)
            weight, squares = sizes, sizes
        else:
            columns = [np.ones(n), weights * centred, weights, weights**2]
            sizes, sums, weight, squares = _refined(codes, columns, known, beam)
        sizes = np.round(sizes)
        total, total_squares = (float(n), float(n)) if weights is None else (weights.sum(), (weights**2).sum())
        rest, rest_squares = total - weight, total_squares - squares
        large = (sizes >= minimum) & (n - sizes >= minimum) & (weight > 0) & (rest > 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            error = spread * np.sqrt(squares / weight**2 + np.maximum(rest_squares, 0) / rest**2)
            # Losses are centred, so those of the rest sum to minus those inside.
            quality = np.where(large, (sums / weight + sums / rest) / error, -np.inf)
        for row, chosen in enumerate(beam):
            quality[row, np.isin(source_of, source_of[list(chosen)])] = -np.inf
        fresh: dict[tuple[int, ...], Subgroup] = {}
        for place in np.argsort(-quality, axis=None, kind="stable"):
            row, column = divmod(int(place), len(known))
            if len(fresh) == width or quality[row, column] <= 0:
                break
            key = tuple(sorted((*beam[row], column)))
            parent = found.get(beam[row])
            if key in fresh or (parent is not None and quality[row, column] <= parent.quality):
                continue  # a condition that makes nothing worse only makes the description longer
            fresh[key] = Subgroup(
                tuple(sorted(known[k] for k in key)), int(sizes[row, column]), float(quality[row, column])
            )
        if not fresh:
            break
        found |= fresh
        beam = list(fresh)
    return sorted(found.values(), key=lambda one: (-one.quality, len(one.conditions), one.conditions))


def _refined(
    codes: Codes, summed: Sequence[Floats], known: Sequence[Condition], beam: Sequence[tuple[int, ...]]
) -> list[Floats]:
    """For each of some columns (n,) its sum over each subgroup with each condition added (subgroups, conditions)."""
    column = np.array([each.column for each in known])
    low, high = (np.array([[getattr(each, end)] for each in known], dtype=np.int16) for end in ("low", "high"))
    found = [np.zeros((len(beam), len(known))) for _ in summed]
    for start in range(0, codes.shape[1], _BLOCK):
        block = codes[:, start : start + _BLOCK][column]
        holds = ((block >= low) & (block <= high)).astype(np.float32)
        inside = np.stack([holds[list(chosen)].prod(axis=0) for chosen in beam])
        for total, values in zip(found, summed, strict=True):
            total += (inside * values[start : start + _BLOCK].astype(np.float32)) @ holds.T
    return found


def distinct(found: Sequence[Subgroup], codes: Codes, *, most: int, overlap: float = 0.5) -> list[Subgroup]:
    """The first `most` subgroups that say something new.

    Left out are those that share too many rows with a better one, and those that a better one lies within: they are
    bad because of it.

    Args:
        found: the best first.
        codes: (c, n) of the rows that were searched.
        overlap: largest accepted share of common rows among the rows of either (Jaccard's index).
    """
    kept: list[Subgroup] = []
    masks: list[NDArray[np.bool_]] = []
    for one in found:
        inside = one.members(codes)
        common = [int(np.sum(inside & other)) for other in masks]
        near = any(
            both > overlap * (inside.sum() + other.sum() - both) or both > _WITHIN * other.sum()
            for both, other in zip(common, masks, strict=True)
        )
        if not near:
            kept.append(one)
            masks.append(inside)
        if len(kept) == most:
            break
    return kept


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
