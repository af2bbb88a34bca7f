"""Similarity of two explanations of the same rows, independent of their units."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Floats = NDArray[np.float64]

TOP = 3
"""Number of features with the largest attributions of a row that are compared."""


def rank_correlation(first: Floats, second: Floats) -> Floats:
    """Spearman's correlation of the signed attributions (n, d) of each row, (n,), from -1 to 1; 1 is the same order.

    NaN if one of the two has no ranking: a single feature, or equal attributions.
    """
    ranks = [rankdata(values, axis=1) for values in (first, second)]
    a, b = (r - r.mean(axis=1, keepdims=True) for r in ranks)
    size = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    found: Floats = np.divide((a * b).sum(axis=1), size, out=np.full(len(a), np.nan), where=size > 0)
    return np.clip(found, -1, 1)


def top_overlap(first: Floats, second: Floats, *, top: int = TOP) -> Floats:
    """Share of the `top` largest absolute attributions that two explanations (n, d) of a row have in common, (n,).

    A feature with an attribution of 0 never counts. NaN if neither explanation has any other, or if there are at most
    `top` features.
    """
    if first.shape[1] <= top:
        return np.full(len(first), np.nan)
    a, b = (_strongest(np.abs(values), top) for values in (first, second))
    most = np.maximum(a.sum(axis=1), b.sum(axis=1))
    found: Floats = np.divide((a & b).sum(axis=1), most, out=np.full(len(a), np.nan), where=most > 0)
    return found


def relative_distance(original: Floats, other: Floats) -> Floats:
    """Euclidean distance between explanations (n, d) of a row, relative to the original's norm, (n,).

    0 is no difference; NaN if the original is all 0.
    """
    length = np.linalg.norm(original, axis=1)
    distance = np.linalg.norm(other - original, axis=1)
    found: Floats = np.divide(distance, length, out=np.full(len(length), np.nan), where=length > 0)
    return found


def _strongest(sizes: Floats, top: int) -> NDArray[np.bool_]:
    """(n, d) whether a feature is among the `top` largest of its row and above 0."""
    chosen = np.zeros(sizes.shape, dtype=bool)
    np.put_along_axis(chosen, np.argsort(-sizes, axis=1, kind="stable")[:, :top], True, axis=1)
    return chosen & (sizes > 0)
