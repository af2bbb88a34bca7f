"""Two disjoint sets of rows: one to choose on (thresholds, subgroups), one to evaluate the choice on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from glasshouse import Evidence, Predictions
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class RowSubset:
    """Some rows of a split: their positions in it, and the predictions for them."""

    rows: NDArray[np.intp]
    predictions: Predictions
    name: str
    """As a sentence names it: ``the validate split``, ``a random half of the test split``."""

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def split(self) -> str:
        """The split that the rows belong to."""
        return self.predictions.split


def holdout_split(evidence: Evidence, *, share: float = 0.0) -> tuple[RowSubset, RowSubset]:
    """Rows to choose on, and disjoint rows to evaluate on.

    The validation split is used to choose on if it has targets and the same attributes, and at least `share` times
    the rows of the evaluated split; the whole evaluated split is then evaluated on. Otherwise the evaluated split is
    halved at random with the evidence's seed, clusters kept together. The training split is never used, because the
    model was fitted to it.
    """
    evaluated = evidence.evaluated
    other = evidence.predictions.get("validate")
    if (
        other is not None
        and evidence.evaluate_on != "validate"
        and (evaluated.targets is None or other.targets is not None)
        and {name: group.levels for name, group in other.groups.items()}
        == {name: group.levels for name, group in evaluated.groups.items()}
        and len(other) >= max(1, share * len(evaluated))
    ):
        return whole_split(other), whole_split(evaluated)
    clusters = evaluated.clusters
    units = np.arange(len(evaluated)) if clusters is None else np.unique(clusters, return_inverse=True)[1]
    order = np.random.default_rng(evidence.seed).permutation(units.max(initial=-1) + 1)
    in_first = np.isin(units, order[: len(order) // 2])
    first, second = np.flatnonzero(in_first), np.flatnonzero(~in_first)
    return (
        RowSubset(first, select_rows(evaluated, first), f"a random half of the {evaluated.split} split"),
        RowSubset(second, select_rows(evaluated, second), f"the other half of the {evaluated.split} split"),
    )


def select_rows(predictions: Predictions, rows: NDArray[np.intp]) -> Predictions:
    """The predictions for some of the rows."""

    def selected(values: NDArray[Any] | None) -> Any:
        return None if values is None else values[rows]

    return replace(
        predictions,
        index=predictions.index[rows],
        scores=predictions.scores[rows],
        targets=selected(predictions.targets),
        losses=selected(predictions.losses),
        weights=selected(predictions.weights),
        clusters=selected(predictions.clusters),
        groups={name: replace(group, codes=group.codes[rows]) for name, group in predictions.groups.items()},
    )


def whole_split(predictions: Predictions) -> RowSubset:
    """All rows of a split."""
    return RowSubset(np.arange(len(predictions)), predictions, f"the {predictions.split} split")
