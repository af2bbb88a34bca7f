"""Score histograms of rows."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from glasshouse.statistics.counts.table import GroupColumn, grouped_rows
from glasshouse.statistics.intervals.estimates import Floats
from glasshouse.statistics.scores.bin_numbers import IN_MEMORY
from glasshouse.statistics.scores.bin_tables import tabulated_bins
from glasshouse.statistics.scores.binning import bins_of_rows
from glasshouse.statistics.scores.histograms import CERTIFICATE, Scale, ScoreHistogram, histogram_of_bins

_MIN_FOR_QUICK_TRY = 200_000
"""Number of rows from which it is faster to try bins without places first."""


def score_histogram(
    groups: Iterable[GroupColumn],
    targets: ArrayLike | None,
    scores: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    scale: Scale = "probability",
    exact: bool = False,
) -> ScoreHistogram:
    """Histogram of n scores by group and target.

    Args:
        groups: the attributes of the rows; without any, all rows are one group.
        targets: (n,) 0 and 1; None if unknown.
        scores: (n,) probabilities, or any finite numbers for the scale ``value``.
        weights: (n,) finite weights >= 0; None counts each row once.
        scale: see `ScoreHistogram`.
        exact: one bin for each distinct score; memory grows with their number.

    Raises:
        ValueError: if lengths differ, targets are not 0 and 1, scores are not finite or not in [0, 1], or weights
            are negative or NaN.
    """
    columns = tuple(groups)
    score, target, weight = _checked(columns, targets, scores, weights, scale)
    attributes, listed, group = grouped_rows(columns, len(score))
    probability, shift = scale == "probability", 0 if exact else IN_MEMORY
    found = None
    if probability and shift:
        if target is not None and len(score) >= _MIN_FOR_QUICK_TRY:
            found = tabulated_bins(group, len(listed), target, score, weight, shift, places=False)
            if found is not None:
                quick = histogram_of_bins(attributes, listed, found, scale=scale, shift=shift)
                if np.nanmax(quick.roc_auc_error(), initial=0.0) < CERTIFICATE:
                    return quick
        found = tabulated_bins(group, len(listed), target, score, weight, shift)
    if found is None:
        found = bins_of_rows(group, target, score, weight, shift, probability=probability)
    return histogram_of_bins(attributes, listed, found, scale=scale, shift=shift)


def _checked(
    columns: tuple[GroupColumn, ...],
    targets: ArrayLike | None,
    scores: ArrayLike,
    weights: ArrayLike | None,
    scale: Scale,
) -> tuple[Floats, NDArray[np.int64] | None, Floats | None]:
    score = np.asarray(scores)
    if score.dtype.kind != "f":
        score = score.astype(np.float64)
    lengths = {"scores": len(score)} | {f"group '{column.name}'": len(column.codes) for column in columns}
    least, most = (float(score.min()), float(score.max())) if score.size else (0.0, 1.0)
    if not np.isfinite(least + most):
        raise ValueError("scores must be finite; got NaN or infinity")
    if scale == "probability" and not (least >= 0 and most <= 1):
        raise ValueError(f"probabilities lie in [0, 1], got {least:g} to {most:g}")
    target = None
    if targets is not None:
        given = np.asarray(targets)
        target = given.astype(np.int64, copy=False)
        whole = given.dtype.kind in "biu" or bool(np.all(target == given))
        if given.ndim != 1 or not whole or np.bitwise_or.reduce(target) not in (0, 1):
            raise ValueError("targets of a score histogram are 0 and 1")
        lengths["targets"] = len(target)
    weight = None if weights is None else np.asarray(weights, dtype=np.float64)
    if weight is not None:
        lengths["weights"] = len(weight)
        if not np.all(np.isfinite(weight) & (weight >= 0)):
            raise ValueError("weights are finite and not negative")
    if len(set(lengths.values())) > 1 or score.ndim != 1:
        raise ValueError(f"all columns have one length, got {lengths}")
    return score, target, weight
