"""Rows of probabilities into a dense table of bins, in place and without sorting: the fast way to `Bins`."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasshouse.statistics.bin_numbers import EDGES, PLACES, SHIFT, Numbers, odds
from glasshouse.statistics.binning import Bins
from glasshouse.statistics.estimates import Floats

MOST_SLOTS = 4_000_000
"""Slots, cells times bins, that a table may have: 20 bytes each, 36 with weights."""

_BLOCK = 32_768
"""Rows numbered at a time, so that what is computed on the way stays in the processor's cache."""

_CHUNK = 1_048_576
"""Rows counted at a time: each time the whole table goes through the cache."""

_WORTH_TWO = 200_000
"""From this many rows on, two threads share the work."""

_INNER = EDGES[1:-1]
_AT_EDGES = odds(_INNER).view(np.int64) >> SHIFT


class BinTable:
    """Counts and sums by cell and bin, between two bins. A cell is target x groups + group.

    A bin that reaches over one of `EDGES` holds what lies below and at the edge; what lies above it has a slot of its
    own after the last bin.
    """

    def __init__(self, cells: int, first: int, last: int, *, weighted: bool) -> None:
        """Empty, for the bins from `first` to `last`, as `span` has them."""
        self.cells, self.first, self.last = cells, first, last
        self.bins = last - first + 1
        self.width = self.bins + len(_INNER)
        self.low = np.full(cells * self.width, 2**PLACES - 1, dtype=np.uint16)
        self.high = np.zeros(cells * self.width, dtype=np.uint16)
        self.rows: NDArray[np.int64] = np.zeros(len(self.low), dtype=np.int64)
        self.totals = np.zeros(len(self.low))
        self.weights = np.zeros(len(self.low)) if weighted else None
        self.squares = np.zeros(len(self.low)) if weighted else None
        self._near_edge = np.zeros(self.bins, dtype=np.bool_)
        self._near_edge[_AT_EDGES[(first <= _AT_EDGES) & (last >= _AT_EDGES)] - first] = True

    def add(self, cell: NDArray[Any], scores: NDArray[Any], weights: Floats | None) -> None:
        """Count rows, whose cells and bins the table has."""
        for start in range(0, len(scores), _CHUNK):
            part = slice(start, start + _CHUNK)
            self._add(cell[part], scores[part], None if weights is None else weights[part])

    def _add(self, cell: NDArray[Any], scores: NDArray[Any], weights: Floats | None) -> None:
        n, score = len(scores), scores.astype(np.float64, copy=False)
        slot, place = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.uint16)

        def number(part: slice) -> None:
            self._number(cell[part], score[part], slot[part], place[part])

        def count() -> None:
            self.rows += np.bincount(slot, minlength=len(self.rows))
            np.minimum.at(self.low, slot, place)
            if self.weights is not None and self.squares is not None and weights is not None:
                self.weights += np.bincount(slot, weights=weights, minlength=len(self.rows))

        def add_up() -> None:
            values = score if weights is None else score * weights
            self.totals += np.bincount(slot, weights=values, minlength=len(self.rows))
            np.maximum.at(self.high, slot, place)
            if self.squares is not None and weights is not None:
                self.squares += np.bincount(slot, weights=weights * weights, minlength=len(self.rows))

        together = n >= _WORTH_TWO
        _both(lambda: number(slice(n // 2)), lambda: number(slice(n // 2, None)), together=together)
        _both(count, add_up, together=together)

    def _number(self, cell: NDArray[Any], score: Floats, slots: NDArray[np.int64], places: NDArray[np.uint16]) -> None:
        """Write each row's slot, and its score's place in the bin."""
        for start in range(0, len(score), _BLOCK):
            part = slice(start, start + _BLOCK)
            bins = odds(score[part]).view(np.int64)
            bins >>= SHIFT - PLACES
            places[part] = bins  # the last bits alone
            bins >>= PLACES
            bins -= self.first
            near = np.flatnonzero(np.take(self._near_edge, bins))
            if len(near):
                edge = np.searchsorted(_AT_EDGES, bins[near] + self.first)
                above = score[part][near] > _INNER[edge]
                bins[near[above]] = self.bins + edge[above]
            np.multiply(cell[part], self.width, out=slots[part])
            slots[part] += bins

    def grown(self, cells: int, first: int, last: int) -> BinTable:
        """A table with what this one holds, and room for more cells and bins."""
        larger = BinTable(cells, first, last, weighted=self.weights is not None)
        start, end = self.first - first, self.first - first + self.bins
        for name in ("rows", "totals", "low", "high", "weights", "squares"):
            mine, theirs = getattr(self, name), getattr(larger, name)
            if mine is not None:
                old, new = mine.reshape(self.cells, -1), theirs.reshape(cells, -1)[: self.cells]
                new[:, start:end] = old[:, : self.bins]
                new[:, larger.bins :] = old[:, self.bins :]
        return larger

    def bins_of(self, groups: int) -> Bins:
        """The occupied bins, for cells of that many groups."""
        targets = self.cells // groups
        rows = self.rows.reshape(targets, -1)
        slot = self._in_order(np.flatnonzero((rows[0] if targets == 1 else rows[0] | rows[1]) > 0))
        group = slot // self.width

        def taken(values: NDArray[Any] | None) -> Any:
            return None if values is None else np.take(values.reshape(targets, -1), slot, axis=1)

        return Bins(
            group=group,
            number=self._numbers()[slot - group * self.width],
            rows=taken(self.rows),
            totals=taken(self.totals),
            low=taken(self.low),
            high=taken(self.high),
            weights=taken(self.weights),
            squares=taken(self.squares),
        )

    def _in_order(self, slot: NDArray[np.intp]) -> NDArray[np.intp]:
        """Slots, given in ascending order, in that of their bins: what lies above an edge comes right after its bin."""
        group = slot // self.width
        place = slot - group * self.width
        bins = place < self.bins
        if bins.all():
            return slot
        apart = ~bins
        regular, after = slot[bins], group[apart] * self.width + _AT_EDGES[place[apart] - self.bins] - self.first
        return np.insert(regular, np.searchsorted(regular, after, side="right"), slot[apart])

    def _numbers(self) -> Numbers:
        """(width,) numbers of the bins, and of the parts above an edge."""
        place = np.arange(self.first, self.last + 1)
        below = np.searchsorted(_AT_EDGES, place, side="left")
        return np.concatenate([(place << SHIFT) + below, (_AT_EDGES << SHIFT) + np.arange(1, len(_AT_EDGES) + 1)])


def span(scores: NDArray[Any]) -> tuple[int, int]:
    """The first and last bin that probabilities, one at least, are in, as a table has them."""
    ends = np.array([scores.min(), scores.max()], dtype=np.float64)
    first, last = odds(ends).view(np.int64) >> SHIFT
    return int(first), int(last)


def slots(cells: int, first: int, last: int) -> int:
    """How many slots a table has."""
    return cells * (last - first + 1 + len(_INNER))


def tabulated_bins(
    group: NDArray[Any], groups: int, target: NDArray[Any] | None, scores: NDArray[Any], weights: Floats | None
) -> Bins | None:
    """The same as `bins_of_rows` by way of a table; None where that would be too large for what it saves."""
    if not len(scores):
        return None
    first, last = span(scores)
    cells = groups if target is None else 2 * groups
    if slots(cells, first, last) > min(MOST_SLOTS, 4 * len(scores)):
        return None
    table = BinTable(cells, first, last, weighted=weights is not None)
    table.add(group if target is None else target * groups + group, scores, weights)
    return table.bins_of(groups)


def _both(here: Callable[[], None], there: Callable[[], None], *, together: bool) -> None:
    """Do both, together in two threads: NumPy lets go of the interpreter while it counts."""
    if not together:
        here()
        there()
        return
    with ThreadPoolExecutor(max_workers=1) as thread:
        waiting = thread.submit(there)
        here()
        waiting.result()
