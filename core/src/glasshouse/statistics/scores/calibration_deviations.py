"""Deviations of the bins of weighted or clustered rows from calibration, with their covariance."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from glasshouse.statistics.intervals.estimates import Floats
from glasshouse.statistics.intervals.means import columns
from glasshouse.statistics.scores.histograms import ScoreHistogram


def binned_deviations(histogram: ScoreHistogram, group: int, *, bins: int = 10) -> tuple[Floats, Floats, float]:
    """Deviations (b,), their covariance (b, b) and the total weight of one group of a histogram, for independent rows.

    All rows of a fine bin are placed at its mean score, which changes a squared distance by at most the bin's width.

    Raises:
        ValueError: if there are no targets.
    """
    if not histogram.has_targets:
        raise ValueError("the targets of these scores are not known")
    score, _, weights, squares = histogram.bins(group)
    some = weights.sum(axis=1) > 0  # a bin with weight 0 has no mean score
    score, weights, squares = score[some], weights[some], squares[some]
    place: NDArray[np.intp] = np.maximum(np.ceil(score * bins).astype(np.intp) - 1, 0)
    distance = score[:, None] - np.array([0.0, 1.0])

    def summed(values: Floats) -> Floats:
        return np.asarray(np.bincount(place, weights=values, minlength=bins), dtype=np.float64)

    return (
        summed((weights * distance).sum(axis=1)),
        np.diag(summed((squares * distance**2).sum(axis=1))),
        float(weights.sum()),
    )


def clustered_deviations(
    targets: ArrayLike,
    probabilities: ArrayLike,
    clusters: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    bins: int = 10,
) -> tuple[Floats, Floats, float]:
    """Deviations (b,), their covariance (b, b) and the total weight of clustered rows (see `binned_deviations`)."""
    y, p, w = columns(targets, probabilities, weights=weights)
    names, place = np.unique(np.asarray(clusters), return_inverse=True)
    bin_of: NDArray[np.intp] = np.maximum(np.ceil(p * bins).astype(np.intp) - 1, 0)
    cell = place * bins + bin_of
    by_cluster = np.bincount(cell, weights=w * (p - y), minlength=len(names) * bins).reshape(len(names), bins)
    return np.asarray(by_cluster.sum(axis=0)), np.asarray(by_cluster.T @ by_cluster), float(w.sum())
