"""Inequality of the benefits of decisions: generalized entropy and differential fairness."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glasshouse.statistics.counts.rates import confusion, effective_counts
from glasshouse.statistics.counts.table import Cells, GroupCounts
from glasshouse.statistics.intervals.estimates import Estimate, Floats, Interval
from glasshouse.statistics.intervals.proportions import clopper_pearson, wilson


@dataclass(frozen=True, eq=False)
class Entropy:
    """Generalized entropy of benefits, 0 if all are equal; `total` = `between` + `within` groups.

    Arrays of the leading shape of the cells; NaN without rows, or if all benefits are 0.
    """

    total: Floats
    between: Floats
    within: Floats


def generalized_entropy(cells: Cells, *, alpha: float = 2.0, positive: int = 1) -> Entropy:
    """Inequality of benefits over cells (..., G, K, K) by group, target and prediction, split by group.

    A row's benefit is prediction - target + 1, of the class `positive`: 0 for a false negative, 1 for a correct
    prediction, 2 for a false positive. `alpha` 1 is the Theil index, 0 the mean logarithmic deviation (infinite, and so
    undefined, as soon as one benefit is 0), 2 half the squared coefficient of variation. Source: Speicher et
    al. 2018, KDD, sections 2.2 and 3.2.
    """
    found = confusion(cells, positive=positive)
    # (..., G, 3): rows of each group with benefits 0, 1 and 2
    rows = np.stack([found.fn, found.tp + found.tn, found.fp], axis=-1).astype(np.float64)
    benefits = np.arange(3.0)
    size = rows.sum(axis=-1)
    all_rows = size.sum(axis=-1)
    sums = (rows * benefits).sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        average = sums.sum(axis=-1) / all_rows
        own = sums / size
        total = _mean((rows.sum(axis=-2)), benefits / average[..., None], alpha)
        between = _mean(size, np.where(size > 0, own, average[..., None]) / average[..., None], alpha)
    defined = (all_rows > 0) & (average > 0) & np.isfinite(total)
    total, between = np.where(defined, total, np.nan), np.where(defined, between, np.nan)
    return Entropy(np.maximum(total, 0), np.maximum(between, 0), np.maximum(total - between, 0))


def theil_index(cells: Cells, *, positive: int = 1) -> Entropy:
    """`generalized_entropy` with alpha 1."""
    return generalized_entropy(cells, alpha=1.0, positive=positive)


def differential_fairness(
    table: GroupCounts, *, smoothing: float = 0.0, level: float = 0.95
) -> tuple[Estimate, dict[str, str] | None, dict[str, str] | None]:
    """The largest logarithm of a ratio between two groups' rates of any decision; 0 is best, no upper limit.

    Returns epsilon and the groups with the higher and the lower rate. `smoothing` is added to the count of every
    decision in every group (the concentration of a symmetric Dirichlet prior); without it epsilon is undefined if a
    group never gets a decision that another group gets. The interval is computed from simultaneous intervals of all
    rates (Bonferroni); there is none with smoothing. Groups without rows are left out.
    Source: Foulds et al. 2020, ICDE, definition 3.1 and equations 6 and 7.

    Raises:
        ValueError: if the smoothing is negative.
    """
    if smoothing < 0:
        raise ValueError(f"smoothing must not be negative, got {smoothing}")
    decisions: NDArray[np.float64] = table.cells.sum(axis=1).astype(np.float64)
    kept = np.flatnonzero(decisions.sum(axis=1) > 0)
    n = int(table.sizes.sum())
    if len(kept) < 2:
        return Estimate(None, n, undefined="fewer than two groups with rows"), None, None
    smoothed = decisions[kept] + smoothing
    rates = smoothed / smoothed.sum(axis=1, keepdims=True)
    used = np.flatnonzero(rates.max(axis=0) > 0)
    if np.any(rates[:, used] == 0):
        never = next(k for k in used if np.any(rates[:, k] == 0))
        reason = f"infinite: a group is never predicted '{table.classes[never]}'"
        return Estimate(None, n, undefined=reason), None, None
    spread = np.log(rates[:, used].max(axis=0)) - np.log(rates[:, used].min(axis=0))
    decisive = used[int(np.argmax(spread))]
    groups = table.groups
    high, low = kept[int(np.argmax(rates[:, decisive]))], kept[int(np.argmin(rates[:, decisive]))]
    interval = None if smoothing else _epsilon_interval(table, kept, used, level)
    return Estimate(float(spread.max()), n, interval), groups[int(high)], groups[int(low)]


def _epsilon_interval(table: GroupCounts, kept: NDArray[np.intp], used: NDArray[np.intp], level: float) -> Interval:
    """The interval of epsilon from simultaneous intervals of all rates.

    For binary decisions one rate determines the other, so the Bonferroni correction is for as many intervals as groups.
    """
    free = 1 if len(table.classes) == 2 else len(used)
    each = 1 - (1 - level) / (free * len(kept))
    method = wilson if table.weighted else clopper_pearson
    lows, highs = [], []
    for k in used:
        hits, total = effective_counts(table, "selection_rate", positive=int(k))
        found = method(hits[kept], total[kept], level=each)
        lows.append((found.low.max(), found.low.min()))
        highs.append((found.high.max(), found.high.min()))
    name = f"simultaneous_{found.method}" + ("_effective" if table.weighted else "")
    smallest = (
        max(
            max(0.0, float(np.log(low_max) - np.log(high_min)))
            for (low_max, _), (_, high_min) in zip(lows, highs, strict=True)
            if low_max > 0
        )
        if any(low_max > 0 for low_max, _ in lows)
        else 0.0
    )
    with np.errstate(divide="ignore"):
        largest = max(
            float(np.log(high_max) - np.log(low_min)) for (_, low_min), (high_max, _) in zip(lows, highs, strict=True)
        )
    if not np.isfinite(largest):
        return Interval(None, None, level, name, undefined="a rate may be 0, and the ratio infinite")
    return Interval(smallest, largest, level, name)


def _mean(rows: Floats, relative: Floats, alpha: float) -> Floats:
    """Mean over the last axis, weighted by `rows`, of the entropy's term for a benefit relative to the average.

    The terms for alpha 0 and 1 are the limits of the general one.
    """
    if alpha == 0:
        terms = -np.log(relative)
    elif alpha == 1:
        terms = relative * np.log(np.where(relative > 0, relative, 1))
    else:
        terms = (relative**alpha - 1) / (alpha * (alpha - 1))
    return np.asarray(np.where(rows > 0, rows * terms, 0).sum(axis=-1) / rows.sum(axis=-1))
