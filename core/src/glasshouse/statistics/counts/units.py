"""Sums by independent unit, for the bootstrap of weighted rows and of clusters of rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from glasshouse.statistics.counts.table import GroupColumn, GroupCounts, cell_of_each_row, count


@dataclass(frozen=True, kw_only=True, eq=False)
class UnitCounts:
    """A count table together with what each independent unit (row or cluster) adds to it.

    `sums` (u, cells) sparse: what one unit adds to the flattened table; `multiplicity` (u,): how many equal units
    there are. Rows of equal cell and weight are one entry, so that few distinct weights cost little.
    """

    table: GroupCounts
    sums: sparse.csr_array
    multiplicity: NDArray[np.int64]


def count_units(
    groups: Iterable[GroupColumn],
    targets: ArrayLike | None,
    predicted: ArrayLike,
    *,
    classes: Sequence[str],
    weights: ArrayLike | None = None,
    clusters: ArrayLike | None = None,
) -> UnitCounts:
    """Count rows as `count` does and keep what each unit adds.

    Args:
        clusters: (n,) any values; rows of one value are drawn together (a person's visits, a hospital's patients).
            None: every row is a unit.

    Raises:
        ValueError: as `count`, or if the clusters are not of the rows' length.
    """
    columns = tuple(groups)
    table = count(columns, targets, predicted, classes=classes, weights=weights)
    cell = cell_of_each_row(table, columns, targets, predicted)
    weight = np.ones(len(cell)) if weights is None else np.asarray(weights, dtype=np.float64)
    if clusters is None:
        distinct, code = np.unique(weight, return_inverse=True)
        pairs, multiplicity = np.unique(cell * len(distinct) + code, return_counts=True)
        cell, code = np.divmod(pairs, max(1, len(distinct)))
        unit, weight = np.arange(len(pairs)), distinct[code]
    else:
        members: NDArray[Any] = np.asarray(clusters)
        if members.shape != cell.shape:
            raise ValueError(f"clusters name one cluster a row, got {members.shape} for {len(cell)} rows")
        names, unit = np.unique(members, return_inverse=True)
        multiplicity = np.ones(len(names), dtype=np.int64)
    sums = sparse.coo_array((weight, (unit, cell)), shape=(len(multiplicity), table.cells.size)).tocsr()
    return UnitCounts(table=table, sums=sums, multiplicity=multiplicity)
