"""Running counts under provisional codes, because the levels are only complete after the last row."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasshouse.data.level_names import level_order, number_of
from glasshouse.errors import UserError
from glasshouse.frames.clusters import ClusterTally
from glasshouse.frames.columns import MAX_LEVELS, MAX_NUMERIC_CLASSES
from glasshouse.statistics.numbers.sums import GroupSums
from glasshouse.statistics.scores.bin_numbers import PER_DOUBLING, SHIFT
from glasshouse.statistics.scores.bin_tables import MAX_SLOTS, BinTable, slots, span
from glasshouse.statistics.scores.binning import Bins, bins_of_rows

MISSING_CODE = 0

_CODE = re.compile(r"[-+]?0\d")

MAX_FINE_BINS = 500_000
"""Maximum number of bins finer than the default while rows are counted; with more, bins are joined. Merging takes
several times their memory."""

MAX_DEFAULT_BINS = 2_000_000
"""Maximum number of bins of the default width, which are merged once."""


class NumbersFoundLaterError(UserError):
    """Values that looked like classes in the first rows are numbers: they have to be read again as such."""

    def __init__(self, column: str) -> None:
        super().__init__(
            f"column '{column}'",
            "has whole numbers in its first rows and other numbers later: classes or numbers?",
            "For classes give --classes A,B,...; for probabilities --threshold T.",
        )


class Vocabulary:
    """The values of one column so far, with provisional codes; code 0 is a missing value."""

    def __init__(self, column: str, levels: Sequence[str] = (), *, fixed: bool = False) -> None:
        self.column = column
        self.fixed = fixed
        self.codes: dict[str, int] = {name: k + 1 for k, name in enumerate(levels)}
        self.may_be_numbers = False
        """Whether the levels are those of a column of numbers, or of text that may be numbers."""
        self.order: Sequence[str] = ()
        """The levels in their own order, if the data have one."""

    @property
    def levels(self) -> tuple[str, ...]:
        """Names in the order of their codes, starting at code 1."""
        return tuple(self.codes)

    @property
    def sorted_levels(self) -> tuple[str, ...]:
        """Names in the order of the data, or sorted if they have none."""
        if self.fixed:
            return self.levels
        if set(self.order) >= set(self.levels):
            return tuple(name for name in self.order if name in self.codes)
        return tuple(level_order(self.levels))

    def code(self, name: str | None) -> int:
        """The code of a level; None is a missing value.

        Raises:
            UserError: for more than `MAX_LEVELS` different values.
        """
        if name is None:
            return MISSING_CODE
        code = self.codes.setdefault(name, len(self.codes) + 1)
        if code > MAX_LEVELS:
            if self.may_be_numbers and are_numbers(self.codes):
                raise NumbersFoundLaterError(self.column)
            raise UserError(
                f"column '{self.column}'",
                f"has more than {MAX_LEVELS:,} different values; expected groups or classes.",
                "Bin numbers: --sensitive COLUMN=40,60. For predicted numbers give --threshold, or a numeric target.",
            )
        return code


def are_numbers(names: Collection[str]) -> bool:
    """Whether all names are numbers, with fractions or too many for classes; codes with leading zeros are none."""
    numbers = [number_of(name) for name in names]
    if any(number is None for number in numbers) or any(_CODE.match(name) for name in names):
        return False
    return len(numbers) > MAX_NUMERIC_CLASSES or any(number % 1 for number in numbers if number is not None)


@dataclass(eq=False)
class HistogramTally:
    """Bins by combination of groups; bins are joined in pairs if there are too many.

    Probabilities are counted in a dense table while it is small enough, everything else by sorting.
    """

    probability: bool
    weighted: bool
    exact: bool = False
    most_slots: int = MAX_SLOTS
    shift: int = field(init=False)
    table: BinTable | None = None
    pending: list[Bins] = field(default_factory=list)
    waiting: int = 0

    def __post_init__(self) -> None:
        self.shift = 0 if self.exact else SHIFT
        self._dense = self.probability and not self.exact

    def add(self, number: NDArray[np.int64], scores: NDArray[Any], weights: NDArray[np.float64] | None) -> None:
        """Count rows with the number of their combination, their score and their weight."""
        if not len(scores):
            return
        if self._dense and self._room(int(number.max()) + 1, *span(scores)):
            assert self.table is not None
            self.table.add(number, None, scores, weights)
        else:
            self.take(bins_of_rows(number, None, scores, weights, self.shift, probability=self.probability))

    def take(self, bins: Bins) -> None:
        """Add bins of the current shift; bins of several batches are merged together."""
        self.pending.append(bins)
        self.waiting += len(bins)
        if self.waiting > 2 * self._most:
            self.settle()

    def settle(self) -> Bins:
        """All bins so far, with equal bins merged."""
        if self.table is not None:
            self.pending.append(self.table.occupied())
            self.table = None
        merged = Bins.joined(self.pending or [Bins.none(1, weighted=self.weighted)]).merged()
        merged, self.shift = merged.fitted(self.shift, self._most, probability=self.probability)
        self._dense = self._dense and self.shift == SHIFT
        self.pending, self.waiting = [merged], len(merged)
        return merged

    @property
    def _most(self) -> int:
        return MAX_FINE_BINS if self.shift < SHIFT else MAX_DEFAULT_BINS

    def _room(self, groups: int, first: int, last: int) -> bool:
        """Whether the table covers these bins, enlarged if necessary by whole doublings of the odds."""
        known = self.table
        if known is not None and groups <= known.groups and known.first <= first and last <= known.last:
            return True
        first, last = first - first % PER_DOUBLING, last - last % PER_DOUBLING + PER_DOUBLING - 1
        if known is not None:
            groups = known.groups if groups <= known.groups else max(groups, 2 * known.groups)
            first, last = min(first, known.first), max(last, known.last)
        if slots(groups, first, last) > self.most_slots:
            self.settle()
            self._dense = False
            return False
        if known is None:
            self.table = BinTable(groups, first, last, weighted=self.weighted)
        else:
            self.table = known.grown(groups, first, last)
        return True


@dataclass(eq=False)
class Tally:
    """Counts, bins and sums so far.

    `cells` maps (group codes ..., target code, prediction code) to (rows, weight, squared weight); for regression both
    codes are 0. `combinations` maps (group codes ..., target code) to the number in bins and sums. `scores` are by
    class; the key None is the favourable class.
    """

    groups: list[Vocabulary]
    targets: Vocabulary
    predictions: Vocabulary
    weighted: bool
    cells: dict[tuple[int, ...], NDArray[np.float64]] = field(default_factory=dict)
    combinations: dict[tuple[int, ...], int] = field(default_factory=dict)
    scores: dict[str | None, HistogramTally] = field(default_factory=dict)
    values: HistogramTally | None = None
    errors: HistogramTally | None = None
    clusters: ClusterTally | None = None
    sums: list[tuple[NDArray[np.int64], GroupSums]] = field(default_factory=list)
    center: float | None = None
    left_out: dict[str, int] = field(default_factory=dict)
    rows_read: int = 0
    """Rows so far, those left out included."""

    def count(self, codes: NDArray[np.int64], amounts: NDArray[np.float64]) -> None:
        """Add cells: codes (m, a + 2) and their rows, weights and squared weights (m, 3)."""
        for key, amount in zip(map(tuple, codes.tolist()), amounts, strict=True):
            known = self.cells.get(key)
            self.cells[key] = amount if known is None else known + amount

    def number(self, codes: NDArray[np.int64]) -> NDArray[np.int64]:
        """The numbers of combinations (m, a + 1); new combinations get the next numbers."""
        known = self.combinations
        numbers = [known.setdefault(key, len(known)) for key in map(tuple, codes.tolist())]
        return np.array(numbers, dtype=np.int64)

    def leave_out(self, reason: str, rows: int) -> None:
        """Count rows that are left out of all tables."""
        if rows:
            self.left_out[reason] = self.left_out.get(reason, 0) + rows
