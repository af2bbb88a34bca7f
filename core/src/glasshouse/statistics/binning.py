"""Scores into bins: from rows to the occupied bins of a histogram, and from bins to fewer bins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasshouse.statistics.estimates import Floats

EDGES = np.linspace(0, 1, 21)
"""No bin of probabilities reaches over one of these edges, so that calibration over 5, 10 or 20 bins is exact."""

LEAST = 2.0**-40
"""Probabilities nearer to 0 or 1 than this share a bin."""

_MOST_SORTED_APART = 4096
"""Up to this many cells each is sorted by itself, which is several times faster than sorting by two keys."""

# A bin's number has the segment in its last five bits, which a shift leaves free; an exact one needs none.
_HALF = int(np.float64(0.5).view(np.int64))
_ALL_BUT_SIGN = np.int64(2**63 - 1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Entries:
    """Occupied bins, (e,) each, in ascending order of cell and score.

    `cell` is group x targets + target; `bin` the bin's number, which grows with the score and is the same in every
    cell. `weights` and `squares` are sums of weights and of their squares, None where each row counts once. `totals`
    are (weighted) sums of scores.
    """

    cell: NDArray[np.int64]
    bin: NDArray[np.int64]
    rows: NDArray[np.int64]
    totals: Floats
    low: Floats
    high: Floats
    weights: Floats | None
    squares: Floats | None

    def __len__(self) -> int:
        return int(self.cell.shape[0])

    @classmethod
    def none(cls, *, weighted: bool) -> Entries:
        """No bin at all."""
        return entries_of_rows(
            np.empty(0, np.int64), np.empty(0), np.empty(0) if weighted else None, 0, probability=True
        )

    @classmethod
    def joined(cls, parts: Sequence[Entries]) -> Entries:
        """All bins of several, one after the other, not yet in order."""
        columns: dict[str, list[Any]] = {
            field.name: [getattr(part, field.name) for part in parts] for field in fields(cls)
        }
        whole: dict[str, Any] = {
            name: None if found[0] is None else np.concatenate(found) for name, found in columns.items()
        }
        return cls(**whole)

    def regrouped(self, slot: NDArray[np.int64], targets: int) -> Entries:
        """The same bins with group k become group slot[k], not yet in order."""
        group, target = np.divmod(self.cell, targets)
        return replace(self, cell=slot[group] * targets + target)


def entries_of_rows(
    cell: NDArray[np.int64], scores: NDArray[Any], weights: Floats | None, shift: int, *, probability: bool
) -> Entries:
    """Rows in any order as occupied bins: one sort by cell and score, then sums over runs."""
    order = _order_by_cell(cell)
    cell, scores = cell[order], scores[order]
    weights = None if weights is None else weights[order]
    scores, weights = _sorted_within(cell, scores, weights)
    score = scores.astype(np.float64, copy=False)
    bins = _leading_bits(score, shift, probability=probability)
    starts = _starts(cell, bins)
    if probability and shift:
        starts = _split_at_edges(starts, score)
        bins[starts] += segment(score[starts])
    return _summed(starts, cell, bins, score, weights)


def merged_entries(entries: Entries, shift: int, *, probability: bool) -> Entries:
    """Bins in any order as ordered ones of a fineness, equal ones added up."""
    order = np.lexsort((entries.low, entries.cell))
    cell, low = entries.cell[order], entries.low[order]
    bins = numbered(low, shift, probability=probability)  # all of a finer bin are in one coarser
    starts = _starts(cell, bins)

    def summed(values: NDArray[Any] | None) -> Any:
        return None if values is None else np.add.reduceat(values[order], starts) if len(starts) else values[:0]

    return Entries(
        cell=cell[starts],
        bin=bins[starts],
        rows=summed(entries.rows),
        totals=summed(entries.totals),
        low=low[starts],
        high=np.maximum.reduceat(entries.high[order], starts) if len(starts) else low[:0],
        weights=summed(entries.weights),
        squares=summed(entries.squares),
    )


def aligned_order(group: NDArray[np.int64], bins: NDArray[np.int64]) -> NDArray[np.intp]:
    """The order by group and bin of ordered entries: within a group, each target's bins are one ascending run."""
    bounds = np.concatenate([[0], np.flatnonzero(group[1:] != group[:-1]) + 1, [len(group)]])
    if len(bounds) > _MOST_SORTED_APART:
        return np.lexsort((bins, group))
    # A stable sort merges the two runs in linear time.
    pairs = pairwise(bounds)
    return np.concatenate([np.argsort(bins[start:end], kind="stable") + start for start, end in pairs])


def numbered(scores: Floats, shift: int, *, probability: bool) -> NDArray[np.int64]:
    """The number of the bin that each score is in."""
    bins = _leading_bits(scores, shift, probability=probability)
    return bins + segment(scores) if probability and shift else bins


def segment(scores: Floats) -> NDArray[np.int64]:
    """Between which two of `EDGES` probabilities lie; a bin holds its upper edge."""
    return np.searchsorted(EDGES[1:-1], scores, side="left")


def _leading_bits(scores: Floats, shift: int, *, probability: bool) -> NDArray[np.int64]:
    """Numbers that grow with the scores, equal for scores of one bin: a double without its last `shift` bits.

    These are spaced evenly on each halving, so they are logarithmic in p. Above 0.5 the bits of 1 - p are used,
    mirrored: 1 - p is exact there, and spacing is that of the logit.
    """
    if not probability:
        bits = (scores + 0.0).view(np.int64)  # + 0.0 makes -0.0 the same number as 0.0
        return ((bits ^ ((bits >> 63) & _ALL_BUT_SIGN)) >> shift) << shift
    upper = scores > 0.5
    rest = np.where(upper, 1 - scores, scores) + 0.0
    if shift:
        np.maximum(rest, LEAST / 2, out=rest)
    bits = (rest.view(np.int64) >> shift) << shift
    return np.where(upper, 2 * _HALF - bits, bits)


def _order_by_cell(cell: NDArray[np.int64]) -> NDArray[np.intp]:
    largest = int(cell.max()) if len(cell) else 0
    small = cell.astype(np.uint8 if largest < 2**8 else np.uint16) if largest < 2**16 else cell
    return np.argsort(small, kind="stable")  # a radix sort for 8 and 16 bits


def _sorted_within(
    cell: NDArray[np.int64], scores: NDArray[Any], weights: Floats | None
) -> tuple[NDArray[Any], Floats | None]:
    """Scores, and weights with them, sorted within each run of equal cells; the scores' own array is changed."""
    bounds = np.concatenate([[0], np.flatnonzero(cell[1:] != cell[:-1]) + 1, [len(cell)]])
    if len(bounds) > _MOST_SORTED_APART:
        order = np.lexsort((scores, cell))
        return scores[order], None if weights is None else weights[order]
    for start, end in pairwise(bounds):
        if weights is None:
            scores[start:end].sort()
        else:
            order = np.argsort(scores[start:end]) + start
            scores[start:end], weights[start:end] = scores[order], weights[order]
    return scores, weights


def _starts(cell: NDArray[np.int64], bins: NDArray[np.int64]) -> NDArray[np.intp]:
    """Where runs of equal cell and bin begin."""
    changed = np.ones(len(cell), dtype=bool)
    np.not_equal(bins[1:], bins[:-1], out=changed[1:])
    changed[1:] |= cell[1:] != cell[:-1]
    return np.flatnonzero(changed)


def _split_at_edges(starts: NDArray[np.intp], scores: Floats) -> NDArray[np.intp]:
    """The same runs, those cut in two that reach over one of `EDGES`."""
    if not len(starts):
        return starts
    ends = np.append(starts[1:], len(scores))
    across = np.flatnonzero(segment(scores[starts]) != segment(scores[ends - 1]))
    if not len(across):
        return starts
    lengths = ends[across] - starts[across]
    rows = np.repeat(starts[across] - np.concatenate([[0], np.cumsum(lengths)[:-1]]), lengths) + np.arange(
        lengths.sum()
    )
    parts = segment(scores[rows])
    more = rows[1:][(parts[1:] != parts[:-1]) & (rows[1:] == rows[:-1] + 1)]
    more = more[~np.isin(more, starts[across])]
    return np.insert(starts, np.searchsorted(starts, more), more)


def _summed(
    starts: NDArray[np.intp], cell: NDArray[np.int64], bins: NDArray[np.int64], scores: Floats, weights: Floats | None
) -> Entries:
    ends = np.append(starts[1:], len(scores))[: len(starts)]

    def summed(values: Floats) -> Floats:
        return np.add.reduceat(values, starts) if len(starts) else np.empty(0)

    return Entries(
        cell=cell[starts],
        bin=bins[starts],
        rows=(ends - starts).astype(np.int64),
        totals=summed(scores if weights is None else scores * weights),
        low=scores[starts],
        high=scores[ends - 1],
        weights=None if weights is None else summed(weights),
        squares=None if weights is None else summed(weights * weights),
    )
