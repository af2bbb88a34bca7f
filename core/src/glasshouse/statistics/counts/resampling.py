"""The nonparametric bootstrap on the count table instead of the rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from glasshouse.statistics.counts.clusters import UnitCounts
from glasshouse.statistics.counts.table import Cells, GroupCounts
from glasshouse.statistics.intervals.estimates import Floats, Intervals

MOST_EXCLUDED = 0.05
"""Maximum share of replicates without a group before its interval is undefined: the remaining replicates are not a
random sample of all."""

_BLOCK = 2**21
"""Numbers in memory at a time, whatever the size of the table and the number of replicates."""


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """A statistic of shape (...) and its replicates (B, ...); NaN if it is undefined in a replicate."""

    observed: Floats
    replicates: Floats
    method: str

    @property
    def excluded(self) -> Floats:
        """Share of the replicates in which the statistic is undefined, because they have no row of a group."""
        return np.asarray(np.isnan(self.replicates).mean(axis=0))

    def intervals(self, *, level: float = 0.95, most_excluded: float = MOST_EXCLUDED) -> Intervals:
        """Percentile intervals (Efron and Tibshirani 1993, chapter 13) over the replicates with a defined statistic.

        Undefined if the statistic is undefined, or the share of excluded replicates is above `most_excluded`.
        """
        if not 0 < level < 1:
            raise ValueError(f"a confidence level lies between 0 and 1, got {level}; 95 % is 0.95")
        low, high = _percentiles(self.replicates, [(1 - level) / 2, (1 + level) / 2])
        usable = (self.excluded <= most_excluded) & np.isfinite(self.observed)
        reason = f"undefined in more than {most_excluded:.0%} of the bootstrap replicates"
        return Intervals(np.where(usable, low, np.nan), np.where(usable, high, np.nan), level, self.method, reason)


def bootstrap(
    source: GroupCounts | UnitCounts,
    statistic: Callable[[Cells], ArrayLike],
    *,
    rng: np.random.Generator,
    replicates: int = 1000,
) -> Bootstrap:
    """Resample rows with replacement and compute any function of the table.

    Args:
        source: an unweighted table, whose rows are drawn by multinomial resampling of its cells: exactly the
            bootstrap over rows, in a time that does not depend on their number. Or `count_units` for weights and
            clusters: each unit enters a replicate a Poisson(1) number of times (Hanley and MacGibbon 2006, Computer
            Methods and Programs in Biomedicine 83:57).
        statistic: maps cells (b, G, K, K) to (b, ...), e.g. ``lambda cells: rate(cells, "precision").values``.
        rng: source of randomness.
        replicates: B.

    A group without rows in a replicate leaves its statistic undefined (NaN) there; that replicate is excluded for
    that statistic alone, and `Bootstrap.excluded` says how many were.

    Raises:
        ValueError: if the table is weighted: multinomial resampling would take weights for rows.
    """
    if isinstance(source, UnitCounts):
        table, draws, method = source.table, _poisson(source, rng, replicates), "poisson_bootstrap_percentile"
    elif source.weighted:
        raise ValueError("a weighted table cannot be resampled as rows; bootstrap the result of count_units instead")
    else:
        table, draws, method = source, _multinomial(source, rng, replicates), "bootstrap_percentile"
    observed = np.asarray(statistic(table.cells[None]), dtype=np.float64)[0]
    values = [np.asarray(statistic(cells), dtype=np.float64) for cells in draws]
    return Bootstrap(observed, np.concatenate(values), method)


def gamma_bootstrap(
    table: GroupCounts,
    statistic: Callable[[Cells], ArrayLike],
    *,
    rng: np.random.Generator,
    replicates: int = 1000,
) -> Bootstrap:
    """Resample a weighted table without its rows: each cell is a gamma variable with the moments of its weights.

    In the bootstrap of weighted rows a cell's sum has the mean sum w and the variance sum w^2, and cells are
    independent; a gamma variable with these moments approximates it and for equal weights is exactly the Bayesian
    bootstrap (Rubin 1981, Annals of Statistics 9:130). The time does not depend on the number of rows.

    Args:
        table: of weighted, independent rows.
        statistic: as in `bootstrap`.
        rng: source of randomness.
        replicates: B.
    """
    cells = np.asarray(table.cells, dtype=np.float64).ravel()
    squares = np.asarray(table.squares, dtype=np.float64).ravel()
    occupied = np.flatnonzero(cells)
    shape, scale = cells[occupied] ** 2 / squares[occupied], squares[occupied] / cells[occupied]
    values = []
    for size in _sizes(replicates, cells.size):
        drawn = np.zeros((size, cells.size))
        drawn[:, occupied] = rng.gamma(shape, scale, size=(size, len(occupied)))
        values.append(np.asarray(statistic(drawn.reshape(size, *table.cells.shape)), dtype=np.float64))
    observed = np.asarray(statistic(table.cells[None]), dtype=np.float64)[0]
    return Bootstrap(observed, np.concatenate(values), "gamma_bootstrap_percentile")


def _multinomial(table: GroupCounts, rng: np.random.Generator, replicates: int) -> Iterator[Cells]:
    flat = table.cells.ravel()
    # empty cells stay empty; with them, rounding of the shares could give them a row
    occupied = np.flatnonzero(flat)
    total = int(flat.sum())
    for size in _sizes(replicates, flat.size):
        cells = np.zeros((size, flat.size), dtype=np.int64)
        if total:
            cells[:, occupied] = rng.multinomial(total, flat[occupied] / total, size=size)
        yield cells.reshape(size, *table.cells.shape)


def _poisson(units: UnitCounts, rng: np.random.Generator, replicates: int) -> Iterator[Cells]:
    by_cell = units.sums.T.tocsr()
    for size in _sizes(replicates, max(by_cell.shape)):
        # the sum of m independent Poisson(1) variables is Poisson(m)
        times = rng.poisson(units.multiplicity, size=(size, len(units.multiplicity)))
        yield np.ascontiguousarray((by_cell @ times.T.astype(np.float64)).T).reshape(size, *units.table.cells.shape)


def _sizes(replicates: int, numbers: int) -> Iterator[int]:
    step = max(1, _BLOCK // max(1, numbers))
    for start in range(0, replicates, step):
        yield min(step, replicates - start)


def _percentiles(replicates: Floats, shares: list[float]) -> list[Floats]:
    """np.nanquantile with linear interpolation, without its Python loop over columns."""
    shape = replicates.shape[1:]
    columns = np.sort(replicates.reshape(len(replicates), math.prod(shape)).T, axis=1)  # NaN last
    last = np.maximum(np.isfinite(columns).sum(axis=1) - 1, 0)
    found = []
    for share in shares:
        position = share * last
        below = np.floor(position).astype(np.intp)
        above = np.minimum(below + 1, last)
        lower = np.take_along_axis(columns, below[:, None], axis=1)[:, 0]
        upper = np.take_along_axis(columns, above[:, None], axis=1)[:, 0]
        found.append((lower + (upper - lower) * (position - below)).reshape(shape))
    return found
