"""Rates of a confusion table, by fairlearn's names, vectorised over groups and bootstrap replicates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from glasshouse.statistics.counts import Cells, GroupCounts
from glasshouse.statistics.estimates import Estimate, Floats
from glasshouse.statistics.intervals import clopper_pearson, wilson


class Confusion(NamedTuple):
    """Cells for one class against the rest, each of the table's leading shape."""

    tp: Cells
    fp: Cells
    fn: Cells
    tn: Cells


@dataclass(frozen=True, eq=False)
class Rate:
    """A rate as numerator over denominator, each of shape (...); undefined where the denominator is 0."""

    name: str
    numerator: Cells
    denominator: Cells
    proportion: bool
    """Whether the numerator counts some of the denominator's rows, so that binomial intervals apply."""
    reason: str
    """Why the rate is undefined where it is: ``no rows with target 1``."""

    @property
    def values(self) -> Floats:
        """The rates; NaN where undefined."""
        numerator = np.asarray(self.numerator, dtype=np.float64)
        return np.divide(numerator, self.denominator, out=np.full(numerator.shape, np.nan), where=self.denominator > 0)

    def undefined(self, *index: int) -> str | None:
        """Why there is no rate at an index, or None where there is one."""
        return None if self.denominator[index] > 0 else self.reason


class _Definition(NamedTuple):
    parts: Callable[[Confusion], tuple[Cells, Cells]]
    reason: str
    proportion: bool = True


_EVERYONE = "no rows"
_DEFINITIONS: dict[str, _Definition] = {
    "count": _Definition(lambda c: (sum(c), np.ones_like(c.tp)), "", proportion=False),
    "prevalence": _Definition(lambda c: (c.tp + c.fn, sum(c)), _EVERYONE),
    "selection_rate": _Definition(lambda c: (c.tp + c.fp, sum(c)), _EVERYONE),
    "true_positive_rate": _Definition(lambda c: (c.tp, c.tp + c.fn), "no rows with target {label}"),
    "false_negative_rate": _Definition(lambda c: (c.fn, c.tp + c.fn), "no rows with target {label}"),
    "false_positive_rate": _Definition(lambda c: (c.fp, c.fp + c.tn), "no rows with a target other than {label}"),
    "true_negative_rate": _Definition(lambda c: (c.tn, c.fp + c.tn), "no rows with a target other than {label}"),
    "precision": _Definition(lambda c: (c.tp, c.tp + c.fp), "no rows predicted {label}"),
    "false_discovery_rate": _Definition(lambda c: (c.fp, c.tp + c.fp), "no rows predicted {label}"),
    "false_omission_rate": _Definition(lambda c: (c.fn, c.fn + c.tn), "no rows predicted other than {label}"),
    "f1": _Definition(
        lambda c: (2 * c.tp, 2 * c.tp + c.fp + c.fn), "no rows with target or prediction {label}", proportion=False
    ),
}
_OVER_ALL_CLASSES = {
    "accuracy": _Definition(lambda c: (c.tp, c.tp + c.fn), _EVERYONE),
    "balanced_accuracy": _Definition(lambda c: (c.tp, c.tp), "a class without rows", proportion=False),
}
_WITHOUT_TARGETS = ("count", "selection_rate")

RATES = (*_DEFINITIONS, *_OVER_ALL_CLASSES)
"""Names of the rates. `count` is the number of rows (or sum of weights) itself."""


def confusion(cells: Cells, *, positive: int = 1) -> Confusion:
    """One class against the rest, from cells (..., K, K); only additions, so that empty stays exactly 0."""
    raise NotImplementedError


def rate(cells: Cells, name: str, *, positive: int = 1, label: str | None = None) -> Rate:
    """A rate for every leading index of `cells` (..., K, K): groups, or replicates x groups.

    Args:
        cells: counts or sums of weights by target and prediction; (..., 1, K) without targets.
        name: one of `RATES`.
        positive: code of the class that counts as positive; the others are the rest.
        label: that class's name in reasons.

    `accuracy` and `balanced_accuracy` are over all classes, whichever is positive. All but `count` lie in [0, 1].

    Raises:
        ValueError: if the name is not known or needs targets that the cells lack.
    """
    raise NotImplementedError


def group_rates(
    table: GroupCounts,
    name: str,
    *,
    positive: int = 1,
    level: float = 0.95,
    method: Literal["wilson", "clopper_pearson"] = "wilson",
) -> tuple[Estimate, ...]:
    """A rate in every group of a table, in its order, each with its denominator and interval.

    Intervals are for proportions; f1, balanced accuracy and count have none here (see `bootstrap`). With weights
    they use the effective number of rows (sum w)^2 / sum w^2 (Kish 1965, Survey Sampling, 11.7) and say so in the
    method: ``wilson_effective``.
    """
    raise NotImplementedError


def group_rate_values(table: GroupCounts, name: str, *, positive: int = 1) -> NDArray[Any]:
    """(G,) a rate in every group; NaN where undefined."""
    return rate(table.cells, name, positive=positive).values
