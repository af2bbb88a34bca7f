"""Counting of probabilities in a dense table of bins, in place and without sorting: the fast way to `Bins`."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasshouse.statistics.intervals.estimates import Floats
from glasshouse.statistics.scores.bin_numbers import EDGES, PLACES, SHIFT, Numbers, odds
from glasshouse.statistics.scores.binning import Bins

MAX_SLOTS = 4_000_000
"""Maximum number of slots (groups times targets times bins) of a table: 20 bytes each, 36 with weights."""

_BLOCK = 131_072
"""Rows numbered at a time, so that intermediate results stay in the processor's cache."""

_CHUNK = 1_048_576
"""Rows counted at a time: each time the whole table is read through the cache."""

_MIN_FOR_THREADS = 200_000
"""Number of rows from which two threads are faster."""

_INNER = EDGES[1:-1]
_AT_EDGES = odds(_INNER).view(np.int64)


class BinTable:
    """Counts and sums by target, group and bin, between two bins.

    A bin that includes one of `EDGES` counts the scores up to the edge; those above it have a separate slot after the
    last bin.
    """

    def __init__(
        self,
        groups: int,
        first: int,
        last: int,
        *,
        targets: int = 1,
        weighted: bool,
        shift: int = SHIFT,
        places: bool = True,
    ) -> None:
        """An empty table for the bins from `first` to `last`, as returned by `span`.

        Without `places` the scores of a bin are assumed to cover the whole bin, which is conservative and faster.
        """
        self.places = places
        self.groups, self.targets, self.first, self.last, self.shift = groups, targets, first, last, shift
        self.bins = last - first + 1
        self.width = self.bins + len(_INNER)
        size = targets * groups * self.width
        self.low = np.full(size if places else 0, 2**PLACES - 1, dtype=np.uint16)
        self.high = np.zeros(len(self.low), dtype=np.uint16)
        self.rows: NDArray[np.int64] = np.zeros(size, dtype=np.int64)
        self.totals = np.zeros(size)
        self.weights = np.zeros(size) if weighted else None
        self.squares = np.zeros(size) if weighted else None
        self._empty = True
        self._at_edges = _AT_EDGES >> shift
        self._near_edge = np.zeros(self.bins, dtype=np.bool_)
        self._near_edge[self._at_edges[(first <= self._at_edges) & (last >= self._at_edges)] - first] = True

    def add(
        self, group: NDArray[Any], target: NDArray[Any] | None, scores: NDArray[Any], weights: Floats | None
    ) -> None:
        """Count rows; the table must have their groups, targets (None: a single one) and bins."""
        for start in range(0, len(scores), _CHUNK):
            part = slice(start, start + _CHUNK)
            self._add(group[part], _of(target, part), scores[part], _of(weights, part))

    def _add(
        self, group: NDArray[Any], target: NDArray[Any] | None, scores: NDArray[Any], weights: Floats | None
    ) -> None:
        n, score = len(scores), scores.astype(np.float64, copy=False)
        slot, place = np.empty(n, dtype=np.int64), np.empty(n if self.places else 0, dtype=np.uint16)

        def number(start: int, end: int) -> None:
            for begin in range(start, end, _BLOCK):
                part = slice(begin, min(begin + _BLOCK, end))
                self._number(group[part], _of(target, part), score[part], slot[part], _of(place, part))

        def count() -> None:
            self.rows = self._plus(self.rows, np.bincount(slot, minlength=len(self.rows)))
            if self.places:
                np.minimum.at(self.low, slot, place)
            if self.weights is not None and self.squares is not None and weights is not None:
                self.weights += np.bincount(slot, weights=weights, minlength=len(self.rows))

        def add_up() -> None:
            values = score if weights is None else score * weights
            self.totals = self._plus(self.totals, np.bincount(slot, weights=values, minlength=len(self.rows)))
            if self.places:
                np.maximum.at(self.high, slot, place)
            if self.squares is not None and weights is not None:
                self.squares += np.bincount(slot, weights=weights * weights, minlength=len(self.rows))

        together = n >= _MIN_FOR_THREADS
        _both(lambda: number(0, n // 2), lambda: number(n // 2, n), together=together)
        _both(count, add_up, together=together)
        self._empty = False

    def _plus(self, sums: NDArray[Any], more: NDArray[Any]) -> NDArray[Any]:
        return more if self._empty else np.add(sums, more, out=sums)

    def _number(
        self,
        group: NDArray[Any],
        target: NDArray[Any] | None,
        score: Floats,
        slot: NDArray[np.int64],
        place: NDArray[np.uint16] | None,
    ) -> None:
        """Write each row's slot, and the place of its score within the bin if stored, into the given arrays."""
        bins = odds(score).view(np.int64)
        bins >>= self.shift - PLACES
        if self.places and place is not None:
            place[:] = bins.astype(np.uint16)  # only the last bits
        bins >>= PLACES
        bins -= self.first
        near = np.flatnonzero(np.take(self._near_edge, bins))
        if len(near):
            edge = np.searchsorted(self._at_edges, bins[near] + self.first)
            above = score[near] > _INNER[edge]
            bins[near[above]] = self.bins + edge[above]
        bins += np.multiply(group, self.width, dtype=np.int64)
        if target is not None:
            bins += np.multiply(target, self.groups * self.width, dtype=np.int64)
        slot[:] = bins

    def grown(self, groups: int, first: int, last: int) -> BinTable:
        """A copy with the same content and more groups and bins."""
        larger = BinTable(
            groups,
            first,
            last,
            targets=self.targets,
            weighted=self.weights is not None,
            shift=self.shift,
            places=self.places,
        )
        larger._empty = self._empty
        start, end = self.first - first, self.first - first + self.bins
        for name in ("rows", "totals", "low", "high", "weights", "squares"):
            mine, theirs = getattr(self, name), getattr(larger, name)
            if mine is not None:
                old = mine.reshape(self.targets, self.groups, -1)
                new = theirs.reshape(self.targets, groups, -1)[:, : self.groups]
                new[..., start:end] = old[..., : self.bins]
                new[..., larger.bins :] = old[..., self.bins :]
        return larger

    def occupied(self) -> Bins:
        """The bins with rows."""
        rows = self.rows.reshape(self.targets, -1)
        slot = np.flatnonzero((rows[0] if self.targets == 1 else rows[0] | rows[1]) > 0)
        ends = np.searchsorted(slot, np.arange(self.groups + 1) * self.width)
        group = np.repeat(np.arange(self.groups), np.diff(ends))
        slot = self._in_order(slot, group)

        def taken(values: NDArray[Any] | None) -> Any:
            return None if values is None else np.take(values.reshape(self.targets, -1), slot, axis=1)

        counted = taken(self.rows)
        everywhere = np.uint16(2**PLACES - 1)
        return Bins(
            group=group,
            number=self._numbers()[slot - group * self.width],
            rows=counted,
            totals=taken(self.totals),
            low=taken(self.low) if self.places else np.where(counted > 0, np.uint16(0), everywhere),
            high=taken(self.high) if self.places else np.where(counted > 0, everywhere, np.uint16(0)),
            weights=taken(self.weights),
            squares=taken(self.squares),
        )

    def _in_order(self, slot: NDArray[np.intp], group: NDArray[np.intp]) -> NDArray[np.intp]:
        """Slots in the order of their bins: the slot above an edge follows its bin."""
        place = slot - group * self.width
        bins = place < self.bins
        if bins.all():
            return slot
        apart = ~bins
        regular, after = slot[bins], group[apart] * self.width + self._at_edges[place[apart] - self.bins] - self.first
        return np.insert(regular, np.searchsorted(regular, after, side="right"), slot[apart])

    def _numbers(self) -> Numbers:
        """(width,) numbers of the bins and of the parts above an edge."""
        place = np.arange(self.first, self.last + 1)
        below = np.searchsorted(self._at_edges, place, side="left")
        above = np.arange(1, len(_INNER) + 1)
        return np.concatenate([(place << self.shift) + below, (self._at_edges << self.shift) + above])


def span(scores: NDArray[Any], shift: int = SHIFT) -> tuple[int, int]:
    """The first and last bin of probabilities, of which there must be at least one."""
    ends = np.array([scores.min(), scores.max()], dtype=np.float64)
    first, last = odds(ends).view(np.int64) >> shift
    return int(first), int(last)


def slots(groups: int, first: int, last: int, *, targets: int = 1) -> int:
    """The number of slots of a table."""
    return groups * targets * (last - first + 1 + len(_INNER))


def tabulated_bins(
    group: NDArray[Any],
    groups: int,
    target: NDArray[Any] | None,
    scores: NDArray[Any],
    weights: Floats | None,
    shift: int,
    *,
    places: bool = True,
) -> Bins | None:
    """The same as `bins_of_rows` by a dense table; None if the table would be too large to be faster.

    `places` is that of `BinTable`.
    """
    if not len(scores):
        return None
    first, last = span(scores, shift)
    targets = 1 if target is None else 2
    if slots(groups, first, last, targets=targets) > min(MAX_SLOTS, 4 * len(scores)):
        return None
    table = BinTable(groups, first, last, targets=targets, weighted=weights is not None, shift=shift, places=places)
    table.add(group, target, scores, weights)
    return table.occupied()


def _of(values: NDArray[Any] | None, part: slice) -> NDArray[Any] | None:
    return None if values is None else values[part]


def _both(here: Callable[[], None], there: Callable[[], None], *, together: bool) -> None:
    """Run both functions, in two threads if `together`: NumPy releases the interpreter lock while it counts."""
    if not together:
        here()
        there()
        return
    with ThreadPoolExecutor(max_workers=1) as thread:
        waiting = thread.submit(there)
        here()
        waiting.result()
