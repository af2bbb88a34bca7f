"""Subgroups in which a model is worst: a beam search, and a test on rows that the search did not see.

Subgroup discovery: a subgroup is a conjunction of conditions on columns; its quality is how far the mean loss in it
lies above that of the rest, in standard errors (the mean test of Klösgen 1996, "Explora", in Advances in Knowledge
Discovery and Data Mining, section 10.3). The best of many thousand is high by chance alone, so nothing that the search
says of them counts: each is tested again on other rows (Cox 1975, Biometrika 62:441), with Holm's correction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from glasshouse.statistics import Estimate, Interval, clopper_pearson, holm, mean, newcombe, t_interval
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
    """One-sided, Holm-adjusted over all subgroups that were tested; None where it cannot be tested."""


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
    """
    n = codes.shape[1]
    spread = float(np.std(loss)) if n else 0.0
    if not known or spread == 0.0:
        return []
    source = np.arange(len(codes)) if origins is None else np.asarray(origins)
    source_of = np.array([source[each.column] for each in known])
    beam: list[tuple[int, ...]] = [()]
    found: dict[tuple[int, ...], Subgroup] = {}
    for _ in range(depth):
        sizes, sums = _refined(codes, loss - loss.mean(), known, beam)
        error = spread * np.sqrt(1 / np.maximum(sizes, 1) + 1 / np.maximum(n - sizes, 1))
        # Losses are centred, so those of the rest sum to minus those inside.
        quality = (sums / np.maximum(sizes, 1) + sums / np.maximum(n - sizes, 1)) / error
        quality[(sizes < minimum) | (n - sizes < minimum)] = -np.inf
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
    codes: Codes, loss: Floats, known: Sequence[Condition], beam: Sequence[tuple[int, ...]]
) -> tuple[Floats, Floats]:
    """(subgroups, conditions) rows of each subgroup with each condition added, and the sum of their losses."""
    column = np.array([each.column for each in known])
    low, high = (np.array([[getattr(each, end)] for each in known], dtype=np.int16) for end in ("low", "high"))
    sizes, sums = np.zeros((len(beam), len(known))), np.zeros((len(beam), len(known)))
    for start in range(0, codes.shape[1], _BLOCK):
        block = codes[:, start : start + _BLOCK][column]
        holds = ((block >= low) & (block <= high)).astype(np.float32)
        inside = np.stack([holds[list(chosen)].prod(axis=0) for chosen in beam])
        sizes += inside @ holds.T
        sums += (inside * loss[start : start + _BLOCK].astype(np.float32)) @ holds.T
    return np.round(sizes), sums


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


def confirm(found: Sequence[Subgroup], codes: Codes, loss: Floats) -> list[Confirmation]:
    """Test each subgroup on rows that the search did not see: is the mean loss inside above that of the rest?

    Losses of 0 and 1: Fisher's exact test on one side, Clopper-Pearson and Newcombe intervals. Others: Welch's test
    and its interval.

    Args:
        found: subgroups from other rows than these.
        codes: (c, n) code of each row in each column.
        loss: (n,) their losses.
    """
    compared = _proportions if np.isin(loss, (0.0, 1.0)).all() else _means
    tested = [compared(loss[inside], loss[~inside]) for inside in (one.members(codes) for one in found)]
    adjusted = holm([np.nan if one.p_value is None else one.p_value for one in tested])
    return [
        Confirmation(one.loss, one.rest, one.difference, None if np.isnan(p) else float(p))
        for one, p in zip(tested, adjusted, strict=True)
    ]


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
