"""Rows of probabilities into a dense table of bins, in place and without sorting: the fast way to `Bins`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasshouse.statistics.bin_numbers import EDGES, FARTHEST, PLACES, SHIFT, Numbers, numbered, odds, segment
from glasshouse.statistics.binning import Bins
from glasshouse.statistics.estimates import Floats

MOST_SLOTS = 4_000_000
"""Slots, cells times bins, that a table may have: 20 bytes each, 36 with weights."""

_BLOCK = 32_768
"""Rows numbered at a time, so that what is computed on the way stays in the processor's cache."""

_WORTH_TWO = 200_000
"""From this many rows on, two threads fill a table each."""

_INNER = EDGES[1:-1]
_AT_EDGES = odds(_INNER).view(np.int64) >> SHIFT


class BinTable:
    """Counts and sums by cell and bin, between two numbers of bins. A cell is target x groups + group.

    A bin that reaches over one of `EDGES` holds what lies below and at the edge; what lies above it has a slot of its
    own after the last bin.
    """

    def __init__(self, cells: int, first: int, last: int, *, weighted: bool) -> None:
        """Empty, for bins from `first` to `last`, as `span` has them."""
        self.cells, self.first, self.last = cells, first, last
        self.bins = last - first + 1
        self.width = self.bins + len(_INNER)
        slots = cells * self.width
        self.rows = np.zeros(slots, dtype=np.int64)
        self.totals = np.zeros(slots)
        self.low = np.full(slots, 2**PLACES - 1, dtype=np.uint16)
        self.high = np.zeros(slots, dtype=np.uint16)
        self.weights = np.zeros(slots) if weighted else None
        self.squares = np.zeros(slots) if weighted else None
        # One more than the edge that a bin reaches over, 0 for none.
        self._edge = np.zeros(self.bins, dtype=np.uint8)
        inside = (first <= _AT_EDGES) & (last >= _AT_EDGES)
        self._edge[_AT_EDGES[inside] - first] = np.flatnonzero(inside) + 1

    def add(self, cell: NDArray[Any], scores: NDArray[Any], weights: Floats | None) -> None:
        """Count rows, whose cells and bins the table has."""
        for start in range(0, len(scores), _BLOCK):
            part = slice(start, start + _BLOCK)
            score = scores[part].astype(np.float64, copy=False)
            slot = odds(score).view(np.int64)
            slot >>= SHIFT - PLACES
            place = slot.astype(np.uint16)  # the last bits alone
            slot >>= PLACES
            slot -= self.first
            edge = self._edge[slot]
            if edge.any():
                near = np.flatnonzero(edge)
                which = edge[near] - 1
                above = score[near] > _INNER[which]
                slot[near[above]] = self.bins + which[above]
            slot += cell[part].astype(np.int64) * self.width
            np.add.at(self.rows, slot, 1)
            np.minimum.at(self.low, slot, place)
            np.maximum.at(self.high, slot, place)
            if weights is None or self.weights is None or self.squares is None:
                np.add.at(self.totals, slot, score)
                continue
            weight = weights[part]
            np.add.at(self.totals, slot, score * weight)
            np.add.at(self.weights, slot, weight)
            np.add.at(self.squares, slot, weight * weight)

    def __iadd__(self, other: BinTable) -> BinTable:
        """Add a table of the same cells and bins, or of some of them."""
        for (cell, there), mine in zip(np.ndindex(other.cells, 2), range(0), strict=False):
            del cell, there, mine
        return self

    def bins_of(self, groups: int) -> Bins:
        """The occupied bins, for cells of that many groups."""
        targets = self.cells // groups
        shape = (targets, groups, self.width)
        rows = self.rows.reshape(shape)
        number = self._numbers()
        order = np.argsort(number, kind="stable")
        seen = rows[0] > 0 if targets == 1 else (rows[0] | rows[1]) > 0
        group, place = np.nonzero(seen[:, order])
        slot = group * self.width + order[place]

        def taken(values: NDArray[Any] | None) -> Any:
            return None if values is None else np.take(values.reshape(targets, -1), slot, axis=1)

        return Bins(
            group=group,
            number=number[order[place]],
            rows=taken(self.rows),
            totals=taken(self.totals),
            low=taken(self.low),
            high=taken(self.high),
            weights=taken(self.weights),
            squares=taken(self.squares),
        )
