"""Rates of every group with their intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np

from glasshouse.statistics.counts.clusters import ClusteredCounts
from glasshouse.statistics.counts.rates import effective_counts, rate
from glasshouse.statistics.counts.table import GroupCounts
from glasshouse.statistics.intervals.estimates import Estimate, Floats, Interval, Intervals
from glasshouse.statistics.intervals.proportions import clopper_pearson, wilson

IntervalMethod = Literal["wilson", "clopper_pearson"]

FEWEST_ROWS = 5
"""Rows of each class below which a mean over classes has no interval."""

_INTERVALS: dict[str, Callable[..., Intervals]] = {"wilson": wilson, "clopper_pearson": clopper_pearson}

_FUNCTIONS_OF_A_PROPORTION: dict[str, tuple[str, Callable[[Floats], Floats]]] = {
    "f1": ("jaccard_index", lambda j: 2 * j / (1 + j)),
    "treatment_equality": ("false_negative_share", lambda share: share / (1 - share)),
}
"""Rates that are increasing functions of a proportion: that proportion, and the function."""

_MEANS_OVER_CLASSES = {
    "balanced_accuracy": "true_positive_rate",
    "macro_precision": "precision",
    "macro_f1": "f1",
}
"""Rates that are the mean of another rate over all classes."""


def group_rates(
    table: GroupCounts, name: str, *, positive: int = 1, level: float = 0.95, method: IntervalMethod = "wilson"
) -> tuple[Estimate, ...]:
    """A rate in every group of a table, in its order, each with its denominator and interval.

    - Proportions have Wilson's interval, or Clopper and Pearson's if all rows, or none, are hits.
    - f1 is 2 J / (1 + J), with J = TP / (TP + FP + FN) a proportion given its denominator, and treatment equality
      s / (1 - s) with s the share of false negatives among errors: the ends of that proportion's interval are
      transformed (``wilson_transformed``).
    - Balanced accuracy and macro averages are means of K proportions or f1 scores: the distances of each to the ends of
      its interval add up like standard errors (``mover``; Zou and Donner 2008, Statistics in Medicine 27:1693). Recalls
      and precisions of different classes are independent given their denominators; f1 scores, which share errors, and
      all of clustered rows are taken to be fully correlated. Undefined if a denominator is below `FEWEST_ROWS`.

    `n` is the denominator of a proportion, else the group's size. With weights the number of rows is the effective one,
    (sum w)^2 / sum w^2 of the denominator (Kish 1965, Survey Sampling, section 11.7): ``wilson_effective``.

    Raises:
        ValueError: as `rate`.
    """
    found = rate(table.cells, name, positive=positive, label=table.classes[positive])
    rows = rate(table.rows, name, positive=positive).denominator if found.proportion else table.sizes
    intervals = rate_intervals(table, name, positive=positive, level=level, method=method)
    values = found.values
    estimates = []
    for k in range(len(table)):
        n, reason = int(rows[k]), found.undefined(k)
        if reason is not None:
            estimates.append(Estimate(None, n, undefined=reason if n == 0 or not found.proportion else "weights of 0"))
        else:
            estimates.append(Estimate(float(values[k]), n, intervals[k]))
    return tuple(estimates)


def rate_intervals(
    table: GroupCounts, name: str, *, positive: int = 1, level: float = 0.95, method: IntervalMethod = "wilson"
) -> list[Interval | None]:
    """The intervals of `group_rates`; None for `count`, which has none."""
    if rate(table.cells, name, positive=positive).proportion:
        return list(_of_proportion(table, name, positive, level, method))
    if name in _FUNCTIONS_OF_A_PROPORTION:
        proportion, function = _FUNCTIONS_OF_A_PROPORTION[name]
        return [
            _transformed(interval, function) for interval in _of_proportion(table, proportion, positive, level, method)
        ]
    if name in _MEANS_OVER_CLASSES:
        return list(_of_mean(table, _MEANS_OVER_CLASSES[name], level, method))
    return [None] * len(table)


def _of_proportion(
    table: GroupCounts, name: str, positive: int, level: float, method: IntervalMethod
) -> list[Interval]:
    hits, total = effective_counts(table, name, positive=positive)
    inner, exact = _INTERVALS[method](hits, total, level=level), clopper_pearson(hits, total, level=level)
    if table.weighted:
        inner, exact = inner.from_effective_counts(), exact.from_effective_counts()
    # without misses, or without hits, a share of a class of samples is at the end itself, where Wilson's is approximate
    extreme = (hits <= 0) | (hits >= total)
    return [(exact if extreme[k] else inner).item(k) for k in range(len(table))]


def _transformed(interval: Interval, function: Callable[[Floats], Floats]) -> Interval:
    if interval.low is None or interval.high is None:
        return interval
    with np.errstate(divide="ignore"):
        low, high = (float(function(np.asarray(end))) for end in (interval.low, interval.high))
    name = f"{interval.method}_transformed"
    if not np.isfinite(high):
        return Interval(None, None, interval.level, name, undefined="no finite upper end: there are no false positives")
    return replace(interval, low=low, high=high, method=name)


def _of_mean(table: GroupCounts, name: str, level: float, method: IntervalMethod) -> list[Interval]:
    classes = len(table.classes)
    counted = _FUNCTIONS_OF_A_PROPORTION[name][0] if name in _FUNCTIONS_OF_A_PROPORTION else name
    values = np.stack([rate(table.cells, name, positive=c).values for c in range(classes)], axis=-1)
    totals = np.stack([effective_counts(table, counted, positive=c)[1] for c in range(classes)], axis=-1)
    of_classes = [rate_intervals(table, name, positive=c, level=level, method=method) for c in range(classes)]
    together = name in _FUNCTIONS_OF_A_PROPORTION or isinstance(table, ClusteredCounts)
    label = "mover_effective" if table.weighted else "mover"
    found = []
    for k in range(len(table)):
        if totals[k].min() < FEWEST_ROWS:
            reason = f"fewer than {FEWEST_ROWS} rows of a class are too few for the interval of a mean over classes"
            found.append(Interval(None, None, level, label, undefined=reason))
            continue
        ends = [of_class[k] for of_class in of_classes]
        low, high = (np.array([getattr(end, side) for end in ends], dtype=np.float64) for side in ("low", "high"))
        below, above = values[k] - low, high - values[k]
        combined = np.sum if together else np.linalg.norm
        mean = float(values[k].mean())
        found.append(
            Interval(
                mean - float(combined(below)) / classes,
                mean + float(combined(above)) / classes,
                level,
                label,
            )
        )
    return found
