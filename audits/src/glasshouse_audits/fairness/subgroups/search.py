"""Beam search for the subgroups in which a model performs worst.

Subgroup discovery: a subgroup is a conjunction of conditions on columns; its quality is the difference between its mean
loss and that of the rest, in standard errors (the mean test of Klösgen 1996, "Explora", in Advances in Knowledge
Discovery and Data Mining, section 10.3). The best of many thousand subgroups has a high quality by chance alone, so the
quality is no evidence by itself: see `confirmation`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.int16]

_WITHIN = 0.8
"""A subgroup counts as part of another if more than this share of its rows belongs to it."""

_BLOCK = 16_384
"""Rows in one block of the matrix product, so that memory stays small."""


@dataclass(frozen=True, order=True)
class Condition:
    """A row's code in one column lies from `low` to `high`, both included."""

    column: int
    low: int
    high: int


@dataclass(frozen=True)
class Subgroup:
    """A conjunction of conditions on different columns, with its size and quality in the search."""

    conditions: tuple[Condition, ...]
    size: int
    quality: float
    """Mean loss minus that of the rest, in standard errors."""

    def members(self, codes: Codes) -> NDArray[np.bool_]:
        """(n,) mask of the rows that belong to it, from codes (columns, n)."""
        inside = np.ones(codes.shape[1], dtype=bool)
        for each in self.conditions:
            inside &= (codes[each.column] >= each.low) & (codes[each.column] <= each.high)
        return inside


def conditions(sizes: Sequence[tuple[int, int]]) -> list[Condition]:
    """Every single condition: each level, and each range of bins except the range of all bins.

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
    candidates: Sequence[Condition],
    *,
    depth: int,
    width: int,
    minimum: int,
    origins: Sequence[int] | None = None,
    weights: Floats | None = None,
) -> list[Subgroup]:
    """The best subgroups of every length up to `depth`, the best first.

    One level of the beam takes two matrix products of subgroups x conditions, block by block of rows.

    Args:
        codes: (c, n) code of each row in each column.
        loss: (n,) loss of each row; larger is worse.
        candidates: the conditions that may be combined.
        depth: largest number of conditions in a subgroup.
        width: subgroups of each length that are refined further.
        minimum: fewest rows of a subgroup, and of its complement.
        origins: for each column the number of its source; columns with the same source are not combined. By default
            all sources differ.
        weights: (n,) sample weights; standard errors then use the effective number of rows.
    """
    n = codes.shape[1]
    if not candidates or not n or (weights is not None and not weights.sum() > 0):
        return []
    centred = loss - np.average(loss, weights=weights)
    spread = float(np.sqrt(np.average(centred**2, weights=weights)))
    if spread == 0.0:
        return []
    source = np.arange(len(codes)) if origins is None else np.asarray(origins)
    source_of = np.array([source[each.column] for each in candidates])
    beam: list[tuple[int, ...]] = [()]
    found: dict[tuple[int, ...], Subgroup] = {}
    for _ in range(depth):
        if weights is None:
            sizes, sums = _refined(codes, [np.ones(n), centred], candidates, beam)
            weight, squares = sizes, sizes
        else:
            columns = [np.ones(n), weights * centred, weights, weights**2]
            sizes, sums, weight, squares = _refined(codes, columns, candidates, beam)
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
            row, column = divmod(int(place), len(candidates))
            if len(fresh) == width or quality[row, column] <= 0:
                break
            key = tuple(sorted((*beam[row], column)))
            parent = found.get(beam[row])
            if key in fresh or (parent is not None and quality[row, column] <= parent.quality):
                continue  # a condition that makes nothing worse only makes the description longer
            fresh[key] = Subgroup(
                tuple(sorted(candidates[k] for k in key)), int(sizes[row, column]), float(quality[row, column])
            )
        if not fresh:
            break
        found |= fresh
        beam = list(fresh)
    return sorted(found.values(), key=lambda one: (-one.quality, len(one.conditions), one.conditions))


def _refined(
    codes: Codes, summed: Sequence[Floats], candidates: Sequence[Condition], beam: Sequence[tuple[int, ...]]
) -> list[Floats]:
    """For each column (n,) its sums over every subgroup with every condition added, (subgroups, conditions)."""
    column = np.array([each.column for each in candidates])
    low, high = (np.array([[getattr(each, end)] for each in candidates], dtype=np.int16) for end in ("low", "high"))
    found = [np.zeros((len(beam), len(candidates))) for _ in summed]
    for start in range(0, codes.shape[1], _BLOCK):
        block = codes[:, start : start + _BLOCK][column]
        holds = ((block >= low) & (block <= high)).astype(np.float32)
        inside = np.stack([holds[list(chosen)].prod(axis=0) for chosen in beam])
        for total, values in zip(found, summed, strict=True):
            total += (inside * values[start : start + _BLOCK].astype(np.float32)) @ holds.T
    return found


def distinct(found: Sequence[Subgroup], codes: Codes, *, most: int, overlap: float = 0.5) -> list[Subgroup]:
    """The first `most` subgroups that are distinct from all better ones.

    Excluded are subgroups that share too many rows with a better one, and those that contain a better one: their
    loss is high because of it.

    Args:
        found: the best first.
        codes: (c, n) of the searched rows.
        most: largest number of subgroups returned.
        overlap: largest accepted Jaccard index of the rows of two subgroups.
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
