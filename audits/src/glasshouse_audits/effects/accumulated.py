"""Accumulated local effects of one feature: Apley and Zhu 2020, JRSS B 82:1059.

Each row is moved only to the two neighbouring points of its own value, so the model is evaluated on realistic rows. The
mean differences are summed to a curve, whose mean over the rows is set to 0.

The value at a point is a weighted sum of the mean differences, minus the mean over the rows. Each row contributes to
one difference (two, for levels) and to that mean, so the variance is a sum over rows and no resampling is needed. The
points and the order of levels are treated as fixed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from glasshouse.statistics import Estimate, Intervals, normal_interval
from numpy.typing import NDArray
from scipy.sparse import csr_array

from glasshouse_audits.effects.grids import Floats, Grid, Inputs, Score, scores_of, scores_with

# Most quantiles of a column used to compare two levels.
_QUANTILES = 20


@dataclass(frozen=True, eq=False)
class LocalEffects:
    """Accumulated effects of one feature on one output."""

    grid: Grid
    """The points, without those of a number that end intervals with too few rows."""
    effects: Floats
    """(g,) in the output's unit; their mean over the rows is 0."""
    intervals: Intervals
    """(g,) normal."""
    effect_range: Estimate
    """The highest effect minus the lowest; its interval ignores that the points were selected on the same rows."""


def local_effects(score: Score, x: Inputs, grid: Grid, *, min_rows: int) -> list[LocalEffects]:
    """Effects over the rows `x` for each of the score's outputs; rows without a place on the grid are excluded.

    Args:
        score: the model.
        x: (n, width) encoded rows.
        grid: of at least two points.
        min_rows: fewest rows in an interval between two points of a number.
    """
    return _of_levels(score, x, grid) if grid.values is None else _of_number(score, x, grid, min_rows)


def _of_number(score: Score, x: Inputs, grid: Grid, min_rows: int) -> list[LocalEffects]:
    known = x[grid.place >= 0]
    at = known[:, grid.columns[0]]
    grid = grid.only(_with_enough(at, grid.encodings[:, 0], min_rows))
    # rows at a point belong to the interval that ends there; rows beyond the outer points to the outer intervals
    interval = np.clip(np.searchsorted(grid.encodings[:, 0], at) - 1, 0, len(grid) - 2)
    below, above = scores_with(score, known, grid.columns, grid.encodings[interval], grid.encodings[interval + 1])
    # the curve's value at a row is the mean of the values at both ends of its interval
    place = (interval, interval + 1)
    return [_accumulate(grid, one, interval, np.arange(len(known)), place) for one in (above - below).T]


def _with_enough(at: NDArray[np.float32], points: NDArray[np.float32], min_rows: int) -> NDArray[np.intp]:
    """Numbers of the points that end intervals with at least `min_rows` rows; both outer points stay."""
    interval = np.clip(np.searchsorted(points, at) - 1, 0, len(points) - 2)
    kept, waiting = [0], 0
    for end, count in enumerate(np.bincount(interval, minlength=len(points) - 1), start=1):
        waiting += int(count)
        if waiting >= min_rows:
            kept.append(end)
            waiting = 0
    last = len(points) - 1
    if kept[-1] != last:
        kept = [*(kept[:-1] if len(kept) > 1 else kept), last]
    return np.array(kept, dtype=np.intp)


def _of_levels(score: Score, x: Inputs, grid: Grid) -> list[LocalEffects]:
    """Rows of a level are moved to the next and to the previous level, in an order of similar neighbours."""
    kept = grid.place >= 0
    known, level = x[kept], grid.place[kept]
    others = np.delete(known, list(grid.columns), axis=1)
    order = order_levels_by_similarity(others, level, len(grid))
    position = np.argsort(order)[level]
    here = scores_of(score, known)
    last = len(grid) - 1
    up, down = np.flatnonzero(position < last), np.flatnonzero(position > 0)
    (after,) = scores_with(score, known[up], grid.columns, grid.encodings[order[position[up] + 1]])
    (before,) = scores_with(score, known[down], grid.columns, grid.encodings[order[position[down] - 1]])
    differences = np.concatenate([after - here[up], here[down] - before])
    interval = np.concatenate([position[up], position[down] - 1])
    rows = np.concatenate([up, down])
    back = np.argsort(order)
    return [_accumulate(grid, one, interval, rows, (position, position), back) for one in differences.T]


def _accumulate(
    grid: Grid,
    differences: Floats,
    interval: NDArray[np.intp],
    rows: NDArray[np.intp],
    place: tuple[NDArray[np.intp], NDArray[np.intp]],
    back: NDArray[np.intp] | None = None,
) -> LocalEffects:
    """Sums of the mean differences, minus their mean over the rows.

    Args:
        grid: g points.
        differences: (m,) of the output over an interval.
        interval: (m,) the number of the interval, from 0 to g - 2.
        rows: (m,) the row that the difference was measured on.
        place: twice (n,) the points whose mean is the curve's value at each row.
        back: (g,) position of each point in the order of the intervals; None if it is the grid's order.
    """
    g, n = len(grid), len(place[0])
    counts = np.bincount(interval, minlength=g - 1)
    means = np.bincount(interval, weights=differences, minlength=g - 1) / counts
    before = np.tri(g, g - 1, -1)  # whether an interval lies before a point
    share = np.bincount(np.concatenate(place), minlength=g) / (2 * n)
    sums = before - share @ before
    if back is not None:
        sums = sums[back]
    effects = sums @ means
    # Contribution of each row to the error of each interval's mean, and to that of the subtracted mean over rows, with
    # the correction for one estimated mean.
    at_row = (before @ means)[np.stack(place)].mean(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        errors = (differences - means[interval]) * (np.sqrt(counts / (counts - 1.0)) / counts)[interval]
        errors_of_mean = (at_row - at_row.mean()) / np.sqrt(n * (n - 1.0))
    entries = np.concatenate([errors, errors_of_mean])
    columns = np.concatenate([interval, np.full(n, g - 1)])
    by_row = csr_array((entries, (np.concatenate([rows, np.arange(n)]), columns)), shape=(n, g))
    covariance = (by_row.T @ by_row).toarray()
    weights = np.column_stack([sums, -np.ones(g)])
    range_weights = weights[effects.argmax()] - weights[effects.argmin()]
    # rounding may leave a variance of -1e-20
    variances = np.maximum(np.einsum("ij,jk,ik->i", weights, covariance, weights), 0)
    value, reach_error = float(np.ptp(effects)), np.sqrt(max(float(range_weights @ covariance @ range_weights), 0.0))
    return LocalEffects(
        grid,
        effects,
        normal_interval(effects, np.sqrt(variances)),
        Estimate(value, n, normal_interval(value, reach_error).item()),
    )


def order_levels_by_similarity(others: Inputs, level: NDArray[np.intp], levels: int) -> NDArray[np.intp]:
    """The levels (g,) in an order in which neighbours are similar in the other features.

    The distance of two levels is the sum over the other columns of the Kolmogorov-Smirnov distance; classical scaling
    to one dimension turns distances into an order (Apley and Zhu 2020, appendix E). The lower numbered of the two
    outer levels comes first.

    Args:
        others: (n, w) the other encoded columns of the rows.
        level: (n,) from 0 to `levels` - 1, each with rows.
        levels: g.
    """
    counts = np.bincount(level, minlength=levels)
    distance = np.zeros((levels, levels))
    for column in others.T[np.ptp(others, axis=0) > 0]:
        steps = np.unique(np.quantile(column, np.linspace(0, 1, _QUANTILES + 1), method="inverted_cdf"))[:-1]
        reached = np.searchsorted(steps, column)  # the first step not exceeded by the value
        table = np.zeros((levels, len(steps) + 1))
        np.add.at(table, (level, reached), 1.0)
        below = table.cumsum(axis=1)[:, :-1] / counts[:, None]
        distance += np.abs(below[:, None] - below[None]).max(axis=2)
    centring = np.eye(levels) - 1 / levels
    scalar_products = -centring @ distance**2 @ centring / 2
    _, vectors = np.linalg.eigh(scalar_products)
    order = np.argsort(np.round(vectors[:, -1], 12), kind="stable")
    return order if order[0] <= order[-1] else order[::-1]
