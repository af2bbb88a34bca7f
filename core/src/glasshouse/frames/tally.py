"""What has been counted so far, under provisional codes: levels are known only when the last row has been seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasshouse.errors import UserError
from glasshouse.frames.clusters import ClusterTally
from glasshouse.frames.columns import MOST_LEVELS, level_name
from glasshouse.statistics.binning import Entries, merged_entries
from glasshouse.statistics.histograms import MOST_BINS, MOST_EXACT, SHIFT
from glasshouse.statistics.sums import GroupSums

MISSING_CODE = 0


class Vocabulary:
    """The values of one column that have been seen; code 0 is a missing one."""

    def __init__(self, column: str, levels: Sequence[str] = (), *, fixed: bool = False) -> None:
        self.column = column
        self.fixed = fixed
        self.codes: dict[str, int] = {name: k + 1 for k, name in enumerate(levels)}

    @property
    def levels(self) -> tuple[str, ...]:
        """Names in the order of their codes, from code 1 on."""
        return tuple(self.codes)

    def code(self, value: Any) -> int:
        """The code of a value.

        Raises:
            UserError: for more values than a column of groups or classes has.
        """
        name = level_name(value)
        if name is None:
            return MISSING_CODE
        code = self.codes.setdefault(name, len(self.codes) + 1)
        if code > MOST_LEVELS:
            raise UserError(
                f"column '{self.column}'",
                f"has more than {MOST_LEVELS:,} different values; expected groups or classes.",
                "Bin numbers: --sensitive COLUMN=40,60. For predicted numbers give --threshold, or a numeric target.",
            )
        return code


@dataclass(eq=False)
class HistogramTally:
    """Bins by combination of groups, whose numbers grow as combinations are met; joined in pairs when too many."""

    probability: bool
    exact: bool = False
    shift: int = field(init=False)
    pending: list[Entries] = field(default_factory=list)
    waiting: int = 0

    def __post_init__(self) -> None:
        self.shift = 0 if self.exact else SHIFT

    def add(self, entries: Entries) -> None:
        """Take bins in; those of many batches are added up together."""
        self.pending.append(entries)
        self.waiting += len(entries)
        if self.waiting > 2 * (MOST_EXACT if self.shift == 0 else MOST_BINS):
            self.settle()

    def settle(self) -> Entries:
        """All bins so far, equal ones added up."""
        merged = merged_entries(Entries.joined(self.pending), self.shift, probability=self.probability)
        while len(merged) > (MOST_EXACT if self.shift == 0 else MOST_BINS):
            self.shift = max(self.shift + 1, SHIFT)
            merged = merged_entries(merged, self.shift, probability=self.probability)
        self.pending, self.waiting = [merged], len(merged)
        return merged


@dataclass(eq=False)
class Tally:
    """Counts, bins and sums so far.

    `cells` maps (group codes ..., target code, prediction code) to (rows, weight, squared weight); for regression both
    codes are 0. `combinations` numbers (group codes ..., target code), as bins and sums have them.
    """

    groups: list[Vocabulary]
    targets: Vocabulary
    predictions: Vocabulary
    weighted: bool
    cells: dict[tuple[int, ...], NDArray[np.float64]] = field(default_factory=dict)
    combinations: dict[tuple[int, ...], int] = field(default_factory=dict)
    scores: HistogramTally | None = None
    values: HistogramTally | None = None
    errors: HistogramTally | None = None
    clusters: ClusterTally | None = None
    sums: list[tuple[NDArray[np.int64], GroupSums]] = field(default_factory=list)
    center: float | None = None
    left_out: dict[str, int] = field(default_factory=dict)

    def count(self, codes: NDArray[np.int64], amounts: NDArray[np.float64]) -> None:
        """Add cells: codes (m, a + 2) and their rows, weights and squared weights (m, 3)."""
        for key, amount in zip(map(tuple, codes.tolist()), amounts, strict=True):
            known = self.cells.get(key)
            self.cells[key] = amount if known is None else known + amount

    def number(self, codes: NDArray[np.int64]) -> NDArray[np.int64]:
        """The numbers of combinations (m, a + 1), new ones at the end."""
        known = self.combinations
        numbers = [known.setdefault(key, len(known)) for key in map(tuple, codes.tolist())]
        return np.array(numbers, dtype=np.int64)

    def leave_out(self, reason: str, rows: int) -> None:
        """Rows that enter no table."""
        if rows:
            self.left_out[reason] = self.left_out.get(reason, 0) + rows
