"""Similarity of explanations of the same rows: rank correlation and top-k overlap, with reasons if undefined."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from glasshouse.statistics import Estimate, mean
from numpy.typing import NDArray

from glasshouse_audits.explain.checks.check_result import clipped, mean_of_defined
from glasshouse_audits.explain.checks.similarity import TOP, rank_correlation, top_overlap

Floats = NDArray[np.float64]

STATISTICS = ("rank_correlation", f"top_{TOP}_overlap")

_SIMILARITIES: tuple[Callable[[Floats, Floats], Floats], ...] = (rank_correlation, top_overlap)
_RANGES = ((-1.0, 1.0), (0.0, 1.0))
_UNDEFINED = (
    "in every row one of the explanations ranks all features equal",
    f"there are at most {TOP} features, or no row has an attribution other than 0",
)


def mean_similarities(original: Floats, others: Sequence[Floats]) -> dict[str, Estimate]:
    """Similarity of explanations (n, d) to others of the same rows: means over the others, then over rows.

    Keys are the names in `STATISTICS`; the intervals are over rows.
    """
    found = {}
    for name, similarity, limits, undefined in zip(STATISTICS, _SIMILARITIES, _RANGES, _UNDEFINED, strict=True):
        rows = np.mean([similarity(original, other) for other in others], axis=0)
        found[name] = clipped(mean_of_defined(rows, undefined), *limits)
    return found


def similarities_by_output(original: Floats, other: Floats) -> Floats:
    """Both similarities of explanations (n, d, k), means over rows: (k, 2), NaN if undefined in every row."""
    found = [
        [mean_of_defined(similarity(original[:, :, j], other[:, :, j]), "none").value for similarity in _SIMILARITIES]
        for j in range(original.shape[2])
    ]
    return np.array(found, dtype=np.float64)


def mean_over_repeats(found: Floats) -> dict[str, Estimate]:
    """Means of repeated similarities (r, 2) of one output, with intervals over the repeats."""
    estimates = {}
    for column, name, limits, undefined in zip(found.T, STATISTICS, _RANGES, _UNDEFINED, strict=True):
        known = column[~np.isnan(column)]
        estimates[name] = clipped(mean(known), *limits) if len(known) else Estimate(None, 0, undefined=undefined)
    return estimates


def undefined_similarities(reason: str) -> dict[str, Estimate]:
    """Both similarities undefined, with the reason."""
    return {name: Estimate(None, 0, undefined=reason) for name in STATISTICS}
