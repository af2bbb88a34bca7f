"""The occupied bins of a histogram: created from rows by sorting, merged, and joined into fewer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasshouse.statistics.intervals.estimates import Floats
from glasshouse.statistics.scores.bin_numbers import (
    PLACES,
    SHIFT,
    Numbers,
    bin_numbers,
    coarser,
    coarser_places,
    places_in_bins,
    positions,
)

_MAX_SORTED_SEPARATELY = 4096
"""Up to this many cells each cell is sorted separately, which is several times faster than sorting by two keys."""

_LARGEST, _SMALLEST = np.uint16(2**PLACES - 1), np.uint16(0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Bins:
    """b occupied bins in ascending order of group and number, with the rows of each of t targets.

    For a target without rows, `low` is the largest place and `high` the smallest, so that merging needs no special
    case.
    """

    group: Numbers
    """(b,)"""
    number: Numbers
    """(b,) the bin's number, see `glasshouse.statistics.scores.bin_numbers`; the same in every group."""
    rows: NDArray[np.int64]
    """(t, b)"""
    totals: Floats
    """(t, b) (weighted) sums of scores."""
    low: NDArray[np.uint16]
    """(t, b) place of the smallest score, in 65,536ths of the bin."""
    high: NDArray[np.uint16]
    """(t, b) place of the largest score."""
    weights: Floats | None
    """(t, b) sums of weights; None if each row counts once."""
    squares: Floats | None
    """(t, b) sums of squared weights."""

    def __len__(self) -> int:
        return int(self.number.shape[0])

    @property
    def targets(self) -> int:
        """The number of targets: 1 if targets are unknown or not distinguished."""
        return int(self.rows.shape[0])

    @classmethod
    def none(cls, targets: int, *, weighted: bool) -> Bins:
        """Empty bins."""
        nothing, empty = np.empty(0, np.int64), np.empty((targets, 0))
        place = empty.astype(np.uint16)
        weights = empty if weighted else None
        return cls(
            group=nothing,
            number=nothing,
            rows=empty.astype(np.int64),
            totals=empty,
            low=place,
            high=place,
            weights=weights,
            squares=weights,
        )

    @classmethod
    def joined(cls, parts: Sequence[Bins]) -> Bins:
        """The concatenated bins of several parts, not sorted."""
        columns: dict[str, list[Any]] = {
            field.name: [getattr(part, field.name) for part in parts] for field in fields(cls)
        }
        whole: dict[str, Any] = {
            name: None if found[0] is None else np.concatenate(found, axis=-1) for name, found in columns.items()
        }
        return cls(**whole)

    def regrouped(self, slot: Numbers) -> Bins:
        """The same bins with group k as group slot[k], not sorted."""
        return replace(self, group=slot[self.group])

    def of_targets(self, target: Numbers) -> Bins:
        """Bins by target from bins without targets, given the target (0 or 1) of each bin's rows (b,)."""
        elsewhere = np.stack([target != 0, target != 1])

        def placed(values: NDArray[Any] | None, empty: Any) -> Any:
            return None if values is None else np.where(elsewhere, values.dtype.type(empty), values)

        return replace(
            self,
            rows=placed(self.rows, 0),
            totals=placed(self.totals, 0),
            low=placed(self.low, _LARGEST),
            high=placed(self.high, _SMALLEST),
            weights=placed(self.weights, 0),
            squares=placed(self.squares, 0),
        )

    def merged(self) -> Bins:
        """Sorted, with equal bins added up."""
        return self._summed(np.lexsort((self.number, self.group)))

    def coarser(self, old: int, new: int, *, probability: bool) -> Bins:
        """Sorted bins of one shift as sorted bins of a larger shift; the same bins for the same shift."""
        if old == new:
            return self

        def moved(place: NDArray[np.uint16], empty: np.uint16) -> NDArray[np.uint16]:
            found = coarser_places(self.number, place, old, new, probability=probability)
            return np.where(self.rows > 0, found, empty)

        changed = replace(
            self,
            number=coarser(self.number, old, new, probability=probability),
            low=moved(self.low, _LARGEST),
            high=moved(self.high, _SMALLEST),
        )
        return changed._summed(None)

    def fitted(self, shift: int, most: int, *, probability: bool) -> tuple[Bins, int]:
        """Sorted bins joined until there are at most `most`, and their shift."""
        found = self
        while len(found) > most:
            wider = next_shift(shift)
            found, shift = found.coarser(shift, wider, probability=probability), wider
        return found, shift

    def _summed(self, order: NDArray[np.intp] | None) -> Bins:
        """Add up runs of equal group and number, after sorting by `order`; None: already sorted."""
        group, number = (self.group, self.number) if order is None else (self.group[order], self.number[order])
        changed = np.ones(len(number), dtype=bool)
        np.not_equal(number[1:], number[:-1], out=changed[1:])
        changed[1:] |= group[1:] != group[:-1]
        starts = np.flatnonzero(changed)

        def reduced(values: NDArray[Any] | None, ufunc: np.ufunc = np.add) -> Any:
            if values is None or not len(starts):
                return values
            ordered = values if order is None else values[:, order]
            return ordered if len(starts) == len(number) else ufunc.reduceat(ordered, starts, axis=1)

        return Bins(
            group=group[starts],
            number=number[starts],
            rows=reduced(self.rows),
            totals=reduced(self.totals),
            low=reduced(self.low, np.minimum),
            high=reduced(self.high, np.maximum),
            weights=reduced(self.weights),
            squares=reduced(self.squares),
        )


def next_shift(shift: int) -> int:
    """The next coarser shift: two bits at a time up to the default shift, then one."""
    return PLACES if shift == 0 else min(shift + 2, SHIFT) if shift < SHIFT else shift + 1


def bins_of_rows(
    group: Numbers,
    target: Numbers | None,
    scores: NDArray[Any],
    weights: Floats | None,
    shift: int,
    *,
    probability: bool,
) -> Bins:
    """Occupied bins of unsorted rows: one sort by group, target and score, then sums over runs.

    Args:
        group: (n,) numbers from 0.
        target: (n,) 0 and 1; None: targets are not distinguished.
        scores: (n,) finite; in [0, 1] if `probability`.
        weights: (n,); None: each row counts once.
        shift: see `glasshouse.statistics.scores.bin_numbers`; 0: one bin for each distinct score.
        probability: the scale.
    """
    cell = group if target is None else group * 2 + target
    order = _order_by_cell(cell)
    cell, scores = cell[order], scores[order]
    weights = None if weights is None else weights[order]
    scores, weights = _sorted_within(cell, scores, weights)
    score = scores.astype(np.float64, copy=False)
    number = bin_numbers(score, shift, probability=probability)
    if shift:
        place = places_in_bins(positions(score, probability=probability), shift)
    else:
        place = np.zeros(len(score), dtype=np.uint16)
    changed = np.ones(len(cell), dtype=bool)
    np.not_equal(number[1:], number[:-1], out=changed[1:])
    changed[1:] |= cell[1:] != cell[:-1]
    starts = np.flatnonzero(changed)
    ends = np.append(starts[1:], len(score))[: len(starts)]

    def summed(values: Floats) -> Floats:
        sums: Floats = np.add.reduceat(values, starts) if len(starts) else np.empty(0)
        return sums[None]

    cell, number = cell[starts], number[starts]
    found = Bins(
        group=cell,
        number=number,
        rows=(ends - starts).astype(np.int64)[None],
        totals=summed(score if weights is None else score * weights),
        low=place[starts][None],
        high=place[ends - 1][None],
        weights=None if weights is None else summed(weights),
        squares=None if weights is None else summed(weights * weights),
    )
    if target is None:
        return found
    owner, code = np.divmod(cell, 2)
    return replace(found, group=owner).of_targets(code)._summed(_aligned_order(owner, number))


def _order_by_cell(cell: Numbers) -> NDArray[np.intp]:
    largest = int(cell.max()) if len(cell) else 0
    small = cell.astype(np.uint8 if largest < 2**8 else np.uint16) if largest < 2**16 else cell
    return np.argsort(small, kind="stable")  # a radix sort for 8 and 16 bits


def _sorted_within(cell: Numbers, scores: NDArray[Any], weights: Floats | None) -> tuple[NDArray[Any], Floats | None]:
    """Scores and their weights sorted within each run of equal cells; `scores` is changed in place."""
    bounds = _bounds(cell)
    if len(bounds) > _MAX_SORTED_SEPARATELY:
        order = np.lexsort((scores, cell))
        return scores[order], None if weights is None else weights[order]
    for start, end in pairwise(bounds):
        if weights is None:
            scores[start:end].sort()
        else:
            order = np.argsort(scores[start:end]) + start
            scores[start:end], weights[start:end] = scores[order], weights[order]
    return scores, weights


def _aligned_order(group: Numbers, number: Numbers) -> NDArray[np.intp]:
    """The order by group and number of bins by group, target and number: two ascending runs in each group."""
    bounds = _bounds(group)
    if len(bounds) > _MAX_SORTED_SEPARATELY:
        return np.lexsort((number, group))
    # a stable sort merges two ascending runs in linear time
    pairs = [np.argsort(number[start:end], kind="stable") + start for start, end in pairwise(bounds)]
    return np.concatenate([*pairs, np.empty(0, dtype=np.intp)])


def _bounds(values: Numbers) -> NDArray[np.intp]:
    """The starts of runs of equal values, and the end of the last run."""
    inner = np.flatnonzero(values[1:] != values[:-1]) + 1
    return np.concatenate([[0], inner, [len(values)]]) if len(values) else np.zeros(1, dtype=np.intp)
