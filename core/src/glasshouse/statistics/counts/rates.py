"""Rates from confusion matrices, with fairlearn's names, vectorised over groups and bootstrap replicates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from glasshouse.statistics.counts.clusters import ClusteredCounts
from glasshouse.statistics.counts.table import Cells, GroupCounts
from glasshouse.statistics.intervals.estimates import Floats


class Confusion(NamedTuple):
    """Confusion matrix of one class against the rest; each cell has the table's leading shape."""

    tp: Cells
    fp: Cells
    fn: Cells
    tn: Cells


@dataclass(frozen=True, eq=False)
class Rate:
    """A rate as numerator over denominator, each of shape (...); undefined if the denominator is 0."""

    name: str
    numerator: Cells
    denominator: Cells
    proportion: bool
    """Whether the numerator counts a subset of the denominator's rows, so that binomial intervals apply."""
    reason: str
    """The reason if the rate is undefined: ``no rows with target 1``."""

    @property
    def values(self) -> Floats:
        """The rates; NaN where undefined."""
        numerator = np.asarray(self.numerator, dtype=np.float64)
        undefined = np.full(numerator.shape, np.nan)
        return np.asarray(np.divide(numerator, self.denominator, out=undefined, where=self.denominator > 0))

    def undefined(self, *index: int) -> str | None:
        """The reason why the rate at an index is undefined; None if it is defined."""
        return None if self.denominator[index] > 0 else self.reason


class _OneClass(NamedTuple):
    """A rate of one class against the rest, from its confusion matrix, and the reason if it is undefined."""

    parts: Callable[[Confusion], tuple[Cells, Cells]]
    reason: str
    proportion: bool = True


class _AllClasses(NamedTuple):
    """A rate of the whole table that does not depend on the positive class."""

    parts: Callable[[Cells], tuple[Cells, Cells]]
    reason: str
    proportion: bool = True


def _correct(cells: Cells) -> tuple[Cells, Cells]:
    hits = np.einsum("...kk->...", cells)
    misses = (cells * (1 - np.eye(cells.shape[-1], dtype=cells.dtype))).sum(axis=(-2, -1))
    return hits, hits + misses  # not the total, which rounding of weights could make smaller than the hits


def _mean_f1(cells: Cells) -> tuple[Cells, Cells]:
    hits = np.einsum("...kk->...k", cells)
    either = cells.sum(axis=-1) + cells.sum(axis=-2)
    scores = 2 * hits / np.where(either > 0, either, 1)
    return scores.mean(axis=-1), np.all(either > 0, axis=-1).astype(np.int64)


def _mean_precision(cells: Cells) -> tuple[Cells, Cells]:
    selected = cells.sum(axis=-2)
    precisions = np.einsum("...kk->...k", cells) / np.where(selected > 0, selected, 1)
    return precisions.mean(axis=-1), np.all(selected > 0, axis=-1).astype(np.int64)


def _mean_recall(cells: Cells) -> tuple[Cells, Cells]:
    actual = cells.sum(axis=-1)
    recalls = np.einsum("...kk->...k", cells) / np.where(actual > 0, actual, 1)
    return recalls.mean(axis=-1), np.all(actual > 0, axis=-1).astype(np.int64)


_NO_TARGET = "no rows with target {label}"
_NO_OTHER_TARGET = "no rows with a target other than {label}"
_NO_SELECTED = "no rows predicted {label}"
_NO_REJECTED = "no rows predicted other than {label}"

_RATES: dict[str, _OneClass | _AllClasses] = {
    "prevalence": _OneClass(lambda c: (c.tp + c.fn, c.tp + c.fn + c.fp + c.tn), "no rows"),
    "accuracy": _AllClasses(_correct, "no rows"),
    "balanced_accuracy": _AllClasses(_mean_recall, "a class without rows", proportion=False),
    "true_positive_rate": _OneClass(lambda c: (c.tp, c.tp + c.fn), _NO_TARGET),
    "false_negative_rate": _OneClass(lambda c: (c.fn, c.tp + c.fn), _NO_TARGET),
    "false_positive_rate": _OneClass(lambda c: (c.fp, c.fp + c.tn), _NO_OTHER_TARGET),
    "true_negative_rate": _OneClass(lambda c: (c.tn, c.fp + c.tn), _NO_OTHER_TARGET),
    "precision": _OneClass(lambda c: (c.tp, c.tp + c.fp), _NO_SELECTED),
    "false_discovery_rate": _OneClass(lambda c: (c.fp, c.tp + c.fp), _NO_SELECTED),
    "false_omission_rate": _OneClass(lambda c: (c.fn, c.fn + c.tn), _NO_REJECTED),
    "f1": _OneClass(
        lambda c: (2 * c.tp, 2 * c.tp + c.fp + c.fn), "no rows with target or prediction {label}", proportion=False
    ),
    "macro_precision": _AllClasses(_mean_precision, "a class that is never predicted", proportion=False),
    "macro_f1": _AllClasses(_mean_f1, "a class without rows and predictions", proportion=False),
    "treatment_equality": _OneClass(
        lambda c: (c.fn, c.fp), "no rows with another target predicted {label}", proportion=False
    ),
}

_PARTS: dict[str, _OneClass | _AllClasses] = {
    "jaccard_index": _OneClass(lambda c: (c.tp, c.tp + c.fp + c.fn), "no rows with target or prediction {label}"),
    "false_negative_share": _OneClass(lambda c: (c.fn, c.fn + c.fp), "no errors"),
}
"""Proportions of which other rates are functions."""

RATES = ("count", "selection_rate", *_RATES)
"""Names of the rates. `count` is the number of rows (or sum of weights) itself; it and `selection_rate` need no
targets."""


def confusion(cells: Cells, *, positive: int = 1) -> Confusion:
    """One class against the rest, from cells (..., K, K) by target and prediction.

    Only additions: a difference of rounded sums of weights could be slightly above 0 for an empty set.

    Raises:
        ValueError: if the class is not one of the K, or the cells have no targets.
    """
    classes = _classes(cells, positive)
    if cells.shape[-2] != classes:
        raise ValueError("a confusion matrix needs targets, and these counts have none")
    others = [k for k in range(classes) if k != positive]
    truly, otherwise = cells[..., positive, :], cells[..., others, :].sum(axis=-2)
    return Confusion(
        tp=truly[..., positive],
        fp=otherwise[..., positive],
        fn=truly[..., others].sum(axis=-1),
        tn=otherwise[..., others].sum(axis=-1),
    )


def rate(cells: Cells, name: str, *, positive: int = 1, label: str | None = None) -> Rate:
    """A rate for every leading index of `cells` (..., K, K): groups, or replicates x groups.

    Args:
        cells: counts or sums of weights by target and prediction; (..., 1, K) without targets.
        name: one of `RATES`.
        positive: code of the class that counts as positive; the others are the rest.
        label: that class's name in reasons; its code if left out.

    `accuracy`, `balanced_accuracy` (the mean recall of the classes, undefined where one has no rows), `macro_precision`
    and `macro_f1` (the classes' unweighted means, undefined where one class has none) are over all classes, whichever
    is positive. `treatment_equality` is false negatives over false positives (Berk et al. 2021, Sociological Methods &
    Research 50:3), from 0 upward. All others but `count` lie in [0, 1].

    Raises:
        ValueError: if the name or the class is not known, or the rate needs targets that the cells lack.
    """
    if name in ("count", "selection_rate"):
        decisions = cells.sum(axis=-2)
        total = decisions.sum(axis=-1)
        if name == "count":
            return Rate(name, total, np.ones_like(total), proportion=False, reason="")
        _classes(cells, positive)
        return Rate(name, decisions[..., positive], total, proportion=True, reason="no rows")
    if name not in _RATES and name not in _PARTS:
        raise ValueError(f"'{name}' is not a rate; known: {', '.join(RATES)}")
    if cells.shape[-2] == 1:
        raise ValueError(f"{name} needs targets, and these counts have none")
    rule = _RATES[name] if name in _RATES else _PARTS[name]
    if isinstance(rule, _OneClass):
        numerator, denominator = rule.parts(confusion(cells, positive=positive))
    else:
        numerator, denominator = rule.parts(cells)
    reason = rule.reason.format(label=positive if label is None else f"'{label}'")
    return Rate(name, numerator, denominator, rule.proportion, reason)


def effective_counts(table: GroupCounts, name: str, *, positive: int = 1) -> tuple[Floats, Floats]:
    """(G,) hits and total of a proportion in each group, for intervals and tests.

    Unweighted these are the counts; with weights the total is the effective number of rows, (sum w)^2 / sum w^2; of a
    clustered table that of `ClusteredCounts.effective`.
    """
    found = rate(table.cells, name, positive=positive)
    total = np.asarray(found.denominator, dtype=np.float64)
    if not table.weighted:
        return np.asarray(found.numerator, dtype=np.float64), total
    if isinstance(table, ClusteredCounts):
        single_cells = np.eye(table.cells[0].size).reshape(
            -1, *table.cells.shape[1:]
        )  # for every cell a table with one row in it
        counted = rate(single_cells, name, positive=positive)
        effective = table.effective(counted.numerator, counted.denominator)
    else:
        squares = rate(table.squares, name, positive=positive).denominator
        effective = np.divide(total**2, squares, out=np.zeros_like(total), where=squares > 0)
    return np.where(effective > 0, found.values * effective, 0.0), effective


def _classes(cells: Cells, positive: int) -> int:
    classes = int(cells.shape[-1])
    if not 0 <= positive < classes:
        raise ValueError(f"positive is the code of a class, 0 to {classes - 1}; got {positive}")
    return classes
