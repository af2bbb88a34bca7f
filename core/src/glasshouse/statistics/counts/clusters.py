"""Counts of clustered rows (a person's visits, a hospital's patients), which are not independent.

A clustered table stores the contribution of each cluster. Closed-form intervals and tests use effective counts: the
rows of a proportion divided by its design effect, the variance between clusters over that of independent rows (Rao and
Scott 1992, Biometrics 48:577), with the degrees of freedom of the clusters (Korn and Graubard 1998, Survey Methodology
24:193). Statistics without a closed form are resampled by cluster: see `ClusteredCounts.units`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse, special

from glasshouse.statistics.counts.table import (
    GroupColumn,
    GroupCounts,
    cell_of_each_row,
    count,
    listed_groups,
    marginal_groups,
)
from glasshouse.statistics.intervals.estimates import Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class UnitCounts:
    """A count table with the contribution of each independent unit (row or cluster), for the Poisson bootstrap.

    `sums` (u, cells) sparse: the contribution of one unit to the flattened table; `multiplicity` (u,): the number of
    equal units. Rows of the same cell and weight are one entry, so that few distinct weights take little memory.
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
    """Count rows as `count` does, and store the contribution of each unit.

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


@dataclass(frozen=True, kw_only=True, eq=False)
class ClusteredCounts(GroupCounts):
    """A count table with the contribution of each of u clusters. It counts as weighted, also without weights."""

    clusters: NDArray[Any]
    """(u,) names of the clusters, ascending and unique."""
    sums: sparse.csr_array
    """(u, cells) sums of weights of each cluster in the flattened cells."""

    def marginal(self, names: Sequence[str]) -> ClusteredCounts:
        """As `GroupCounts.marginal`, by cluster."""
        table = super().marginal(names)
        _, _, slot = marginal_groups(self.attributes, self.codes, names)
        return self.of(table, self.clusters, self._moved(slot, len(table)))

    def overall(self) -> ClusteredCounts:
        """All rows as one group."""
        return self.marginal(())

    def __add__(self, other: GroupCounts) -> ClusteredCounts:
        """The table of the rows of both; clusters of the same name are one cluster.

        Raises:
            ValueError: as for `GroupCounts`, or if the other table is not clustered.
        """
        if not isinstance(other, ClusteredCounts):
            raise ValueError("count tables that merge both have clusters, or neither has")
        table = super().__add__(other)
        _, slot = listed_groups(self.attributes, np.concatenate([self.codes, other.codes]))
        parts = [
            part._moved(place, len(table)) for part, place in ((self, slot[: len(self)]), (other, slot[len(self) :]))
        ]
        clusters, place = np.unique(np.concatenate([self.clusters, other.clusters]), return_inverse=True)
        stacked = sparse.vstack(parts).tocoo()
        shape = (len(clusters), table.cells.size)
        moved = sparse.coo_array((stacked.data, (place[stacked.row], stacked.col)), shape=shape)
        return self.of(table, clusters, moved)

    def only(self, groups: NDArray[np.bool_]) -> ClusteredCounts:
        """Some of the groups (G,)."""
        table, place = only_groups(_plain(self), groups), np.cumsum(groups) - 1
        each = self.sums.tocoo()
        group, inner = np.divmod(each.col, self._inner)
        kept = groups[group]
        where = (each.row[kept], place[group[kept]] * self._inner + inner[kept])
        shape = (len(self.clusters), table.cells.size)
        return self.of(table, self.clusters, sparse.coo_array((each.data[kept], where), shape=shape))

    @property
    def units(self) -> UnitCounts:
        """The clusters as units of the Poisson bootstrap."""
        return UnitCounts(table=self, sums=self.sums, multiplicity=np.ones(len(self.clusters), dtype=np.int64))

    def effective(self, numerator: Floats, denominator: Floats) -> Floats:
        """(G,) effective number of rows of a proportion with these numerator and denominator cells (c,) of a group.

        p (1 - p) over the variance between clusters, times the squared ratio of a normal to a t quantile, and at most
        the effective number of independent rows. With no or only hits the variance between clusters is 0, and each
        cluster counts as one observation of its weight.
        """
        weight = self.cells.reshape(len(self), -1) @ denominator
        squares = self.squares.reshape(len(self), -1) @ denominator
        occupied = self._occupied(denominator > 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            rate = self.cells.reshape(len(self), -1) @ numerator / weight
            residual = numerator - rate[:, None] * denominator
            spread = self._sum_of_squares(residual)
            # rounding errors of the products must not count as a variance
            whole = self._sum_of_squares(np.broadcast_to(denominator, residual.shape))
            variance = np.where(spread > 1e-12 * whole, spread, 0.0) / weight**2 * occupied / (occupied - 1)
            seen = (rate > 0) & (rate < 1) & (occupied > 1)
            found = np.where(seen, rate * (1 - rate) / variance, weight**2 / whole)
            tails = special.stdtrit(np.maximum(occupied - 1, 1), 0.975)
            capped = np.minimum(found * (special.ndtri(0.975) / tails) ** 2, weight**2 / squares)
        return np.where(weight > 0, capped, 0.0)

    def _sum_of_squares(self, factors: Floats) -> Floats:
        """(G,) sums over clusters of the squared sum of a group's cells, each times its factor (G, c)."""
        group, inner, other, products = self._products
        terms = factors[group, inner] * factors[group, other] * products
        return np.asarray(np.bincount(group, weights=terms, minlength=len(self)), dtype=np.float64)

    @cached_property
    def _products(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], Floats]:
        """Group, two of its cells, and the sum over clusters of the product of their contributions, where not 0."""
        found = (self.sums.T @ self.sums).tocoo()
        group, inner = np.divmod(found.row.astype(np.int64), self._inner)
        other_group, other = np.divmod(found.col.astype(np.int64), self._inner)
        same = group == other_group
        return group[same], inner[same], other[same], np.asarray(found.data[same], dtype=np.float64)

    @cached_property
    def _clusters_with(self) -> dict[bytes, NDArray[np.int64]]:
        return {}

    def _occupied(self, cells: NDArray[np.bool_]) -> NDArray[np.int64]:
        """(G,) clusters with any weight in some of a group's cells (c,)."""
        known = self._clusters_with
        if cells.tobytes() not in known:
            each = self.sums.tocoo()
            group, inner = np.divmod(each.col, self._inner)
            inside = cells[inner] & (each.data > 0)
            pairs = np.unique(each.row[inside].astype(np.int64) * len(self) + group[inside])
            known[cells.tobytes()] = np.bincount(pairs % len(self), minlength=len(self))
        return known[cells.tobytes()]

    @property
    def _inner(self) -> int:
        return int(self.cells.shape[1] * self.cells.shape[2])

    def _moved(self, slot: NDArray[np.int64], groups: int) -> sparse.csr_array:
        """The sums with each group's cells at the position of group slot[k]."""
        each = self.sums.tocoo()
        group, inner = np.divmod(each.col, self._inner)
        shape = (len(self.clusters), groups * self._inner)
        return sparse.coo_array((each.data, (each.row, slot[group] * self._inner + inner)), shape=shape).tocsr()

    @staticmethod
    def of(table: GroupCounts, clusters: NDArray[Any], sums: Any) -> ClusteredCounts:
        """A table with the contribution (u, cells) of each cluster, sparse."""
        return ClusteredCounts(
            attributes=table.attributes,
            classes=table.classes,
            codes=table.codes,
            cells=table.cells.astype(np.float64),
            rows=table.rows,
            squares=table.squares,
            clusters=clusters,
            sums=sums.tocsr(),
        )


def count_clusters(
    groups: Iterable[GroupColumn],
    targets: ArrayLike | None,
    predicted: ArrayLike,
    *,
    classes: Sequence[str],
    clusters: ArrayLike,
    weights: ArrayLike | None = None,
) -> ClusteredCounts:
    """Count rows as `count` does, by cluster.

    Args:
        clusters: (n,) the cluster of each row.

    Raises:
        ValueError: as `count`, or if the clusters are not of the rows' length.
    """
    weight = np.ones(len(np.asarray(predicted))) if weights is None else weights
    found = count_units(groups, targets, predicted, classes=classes, weights=weight, clusters=clusters)
    return ClusteredCounts.of(found.table, np.unique(np.asarray(clusters)), found.sums)


def only_groups(table: GroupCounts, groups: NDArray[np.bool_]) -> GroupCounts:
    """A table of some of the groups (G,), by cluster if it is clustered."""
    if isinstance(table, ClusteredCounts):
        return table.only(groups)
    return GroupCounts(
        attributes=table.attributes,
        classes=table.classes,
        codes=table.codes[groups],
        cells=table.cells[groups],
        rows=table.rows[groups],
        squares=table.squares[groups],
    )


def _plain(table: GroupCounts) -> GroupCounts:
    return GroupCounts(
        attributes=table.attributes,
        classes=table.classes,
        codes=table.codes,
        cells=table.cells,
        rows=table.rows,
        squares=table.squares,
    )
