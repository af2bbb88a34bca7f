"""The grid points of a feature's curves: values or levels, each with enough rows to reveal no single one.

Quantile grids of zero-inflated columns collapse to a point, and equidistant grids end in outliers. Here a value that
many rows share is a point of its own; the other rows are split into bins of equal size, and each bin's mean is a point.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from glasshouse import Feature
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Inputs = NDArray[np.float32]
Score = Callable[[Inputs], Floats]
"""From encoded inputs (m, width) to outputs (m, k), row by row."""

# Rows that are changed and evaluated together: larger blocks do not fit in a CPU's cache.
_BLOCK = 8192


@dataclass(frozen=True, eq=False)
class Grid:
    """The g grid points of one feature of n rows."""

    feature: str
    columns: tuple[int, ...]
    """The w encoded columns of the feature."""
    encodings: Inputs
    """(g, w) encoding of each point."""
    values: Floats | None
    """(g,) the points in the feature's own units, ascending; None for levels."""
    labels: tuple[str, ...]
    """Names of the levels; empty for a number."""
    counts: NDArray[np.intp]
    """(g,) number of rows of each point."""
    place: NDArray[np.intp]
    """(n,) number of each row's level, -1 for an excluded level; for a number 0, and -1 if it is missing."""

    def __len__(self) -> int:
        return len(self.encodings)

    def only(self, chosen: NDArray[np.intp]) -> Grid:
        """Some points of a numeric grid."""
        assert self.values is not None
        return replace(self, encodings=self.encodings[chosen], values=self.values[chosen], counts=self.counts[chosen])


def grid_of(feature: Feature, x: Inputs, *, points: int, min_rows: int) -> Grid | str:
    """A grid of at most `points` points, each with at least `min_rows` of the rows `x`; or the reason for none.

    Levels are the distinct encodings among the rows, only the most frequent ones if there are more, in the order of
    the categories.
    """
    block = x[:, list(feature.columns)]
    if not np.isfinite(block).all():
        return "not every value is finite"
    grid = (
        _levels(feature, block, points, min_rows)
        if feature.kind == "categorical"
        else _number(feature, block, points, min_rows)
    )
    if isinstance(grid, Grid) and len(grid) < 2:
        several = len(np.unique(block, axis=0)) > 1
        return f"fewer than two values have {min_rows} rows" if several else "it has a single value in these rows"
    return grid


def bin_means(values: Floats, *, points: int, min_rows: int) -> tuple[Floats, NDArray[np.intp]]:
    """Ascending points (g,) that represent numbers (n,), and how many numbers each represents.

    A value shared by at least n / `points` numbers is a point. The other numbers are split in ascending order into
    parts of equal size, up to the remaining points and with at least `min_rows` numbers each; a part's mean is a point.
    Fewer than `min_rows` other numbers have no point.
    """
    unique, counts = np.unique(values, return_counts=True)
    common = counts >= max(min_rows, len(values) / points)
    rest = np.sort(values[~np.isin(values, unique[common])])
    bins = min(points - int(common.sum()), len(rest) // min_rows)
    parts = np.array_split(rest, bins) if bins > 0 else []
    found = np.concatenate([unique[common], [part.mean() for part in parts]])
    sizes = np.concatenate([counts[common], [len(part) for part in parts]])
    means, inverse = np.unique(found, return_inverse=True)
    return means, np.bincount(inverse, weights=sizes, minlength=len(means)).astype(np.intp)


def own_units(feature: Feature, encoded: NDArray[np.floating]) -> Floats:
    """Encoded numbers in the feature's own units, rounded to single precision."""
    values = feature.center + feature.scale * encoded.astype(np.float64)
    resolution = np.abs(values).max(initial=0.0) * 1e-5
    if resolution == 0 or not np.isfinite(resolution):
        return values
    return np.round(values, int(-np.floor(np.log10(resolution))))


def _number(feature: Feature, block: Inputs, points: int, min_rows: int) -> Grid | str:
    """Grid of a number; a second column, if there is one, marks missing values."""
    if block.shape[1] > 2 or not np.isin(block[:, 1:], (0, 1)).all():
        return "its encoded columns are not a value and a missing-value indicator"
    missing = block[:, 1:].any(axis=1)
    means, counts = bin_means(block[~missing, 0].astype(np.float64), points=points, min_rows=min_rows)
    encodings = np.zeros((len(means), block.shape[1]), dtype=np.float32)
    encodings[:, 0] = means
    place = np.where(missing, -1, 0)
    return Grid(feature.name, feature.columns, encodings, own_units(feature, encodings[:, 0]), (), counts, place)


def _levels(feature: Feature, block: Inputs, points: int, min_rows: int) -> Grid:
    patterns, place, counts = np.unique(block, axis=0, return_inverse=True, return_counts=True)
    enough = np.flatnonzero(counts >= min_rows)
    kept = np.sort(enough[np.argsort(-counts[enough], kind="stable")[:points]])[::-1]  # one-hot: the first level first
    number = np.full(len(patterns), -1, dtype=np.intp)
    number[kept] = np.arange(len(kept))
    return Grid(
        feature.name,
        feature.columns,
        patterns[kept],
        None,
        tuple(_name(feature, pattern) for pattern in patterns[kept]),
        counts[kept],
        number[place.ravel()],
    )


def _name(feature: Feature, pattern: Inputs) -> str:
    """The category of a one-hot block or of a single column of codes, else the encoding itself."""
    if len(pattern) > 1 and np.isin(pattern, (0, 1)).all() and pattern.sum() <= 1:
        if not pattern.any():
            return "unknown category"
        column = int(pattern.argmax())
        return feature.categories[column] if len(pattern) == len(feature.categories) else f"level {column + 1}"
    if len(pattern) == 1 and pattern[0] in range(len(feature.categories)):
        return feature.categories[int(pattern[0])]
    return ", ".join(f"{value:g}" for value in pattern)


def scores_of(score: Score, x: Inputs) -> Floats:
    """Outputs (n, k) of the unchanged rows."""
    return np.concatenate([score(x[start : start + _BLOCK]) for start in range(0, len(x), _BLOCK)])


def scores_with(score: Score, x: Inputs, columns: tuple[int, ...], *replacements: Inputs) -> Iterator[Floats]:
    """Outputs (n, k) of the rows with some columns replaced, once for each of `replacements`, (n, w) or (w,) each."""
    for replacement in replacements:
        found = []
        for start in range(0, len(x), _BLOCK):
            rows = slice(start, start + _BLOCK)
            changed = x[rows].copy()
            changed[:, list(columns)] = replacement if replacement.ndim == 1 else replacement[rows]
            found.append(score(changed))
        yield np.concatenate(found)
