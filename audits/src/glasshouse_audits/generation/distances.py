"""Nearest neighbours by brute force: blocked matrix products, with exact distances to the neighbours found."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]

_BLOCK = 2**22
"""Numbers in one block of squared distances: 16 MiB for any number of rows."""


@dataclass(frozen=True, eq=False)
class Nearest:
    """The nearest reference row of each query, and the Euclidean distance to it."""

    index: NDArray[np.int64]
    distance: NDArray[np.float64]


def as_rows(examples: Any) -> Matrix:
    """Examples (n, ...), a tensor or an array, as contiguous rows of single-precision numbers (n, d)."""
    array = np.asarray(examples, dtype=np.float32)
    return np.ascontiguousarray(array.reshape(len(array), math.prod(array.shape[1:])))


def nearest(queries: Matrix, references: Matrix, *, own: NDArray[np.int64] | None = None) -> Nearest:
    """The nearest of `references` (m, d) for each of `queries` (n, d).

    Products in single precision find the nearest row; its distance is computed in double precision from the two rows,
    so that the distance of a copy is exactly 0.

    Args:
        queries: at least one.
        references: at least one; at least two with `own`.
        own: (n,) the number of each query itself among the `references`, which is not a candidate.
    """
    centre = references.mean(axis=0)  # distances do not change, and products of centred rows lose fewer digits
    a, b = queries - centre, references - centre
    squares = np.einsum("ij,ij->i", b, b)
    best = np.full(len(a), np.inf, dtype=np.float32)
    index = np.zeros(len(a), dtype=np.int64)
    step = max(1, _BLOCK // max(1, len(a)))
    for start in range(0, len(b), step):
        # |a - b|^2 minus |a|^2, which is the same for all references of a query
        found = squares[start : start + step] - 2 * (a @ b[start : start + step].T)
        if own is not None:
            inside = np.flatnonzero((own >= start) & (own < start + step))
            found[inside, own[inside] - start] = np.inf
        place = found.argmin(axis=1)
        value = found[np.arange(len(a)), place]
        closer = value < best
        best[closer], index[closer] = value[closer], place[closer] + start
    return Nearest(index, _exact(queries, references[index]))


def squared_distances(a: Matrix, b: Matrix) -> NDArray[np.float64]:
    """(n, m) squared Euclidean distances of all pairs; all are in memory at once."""
    x, y = a.astype(np.float64), b.astype(np.float64)
    squares = (x * x).sum(axis=1)[:, None] + (y * y).sum(axis=1) - 2 * (x @ y.T)
    positive: NDArray[np.float64] = np.maximum(squares, 0)
    return positive


def _exact(a: Matrix, b: Matrix) -> NDArray[np.float64]:
    distances = np.empty(len(a))
    step = max(1, _BLOCK // max(1, a.shape[1]))
    for start in range(0, len(a), step):
        part = slice(start, start + step)
        distances[part] = np.linalg.norm(a[part].astype(np.float64) - b[part], axis=1)
    return distances
