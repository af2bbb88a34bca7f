"""Rows to choose on, apart from the rows that what was chosen is judged on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from glasshouse import Evidence, Predictions
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Part:
    """Some rows of a split: their positions in it, and the predictions for them."""

    rows: NDArray[np.intp]
    predictions: Predictions
    name: str
    """How a sentence calls them: ``the validate split``, ``a half of the test split``."""

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def split(self) -> str:
        """The split that they are rows of."""
        return self.predictions.split


def apart(evidence: Evidence, *, share: float = 0.0) -> tuple[Part, Part]:
    """Two parts without a common row: one to choose on, one to judge on.

    The validation split serves to choose on where it is at hand, with targets and the same attributes, and has at
    least `share` times the rows of the judged split; all of the judged split then is judged on. Otherwise the judged
    split is halved at random under the evidence's seed, clusters staying whole. The training split never serves: the
    model knows its answers.
    """
    judged = evidence.evaluated
    other = evidence.predictions.get("validate")
    if (
        other is not None
        and evidence.evaluate_on != "validate"
        and (judged.targets is None or other.targets is not None)
        and {name: group.levels for name, group in other.groups.items()}
        == {name: group.levels for name, group in judged.groups.items()}
        and len(other) >= max(1, share * len(judged))
    ):
        return whole(other), whole(judged)
    units = np.arange(len(judged)) if judged.clusters is None else np.unique(judged.clusters, return_inverse=True)[1]
    order = np.random.default_rng(evidence.seed).permutation(units.max(initial=-1) + 1)
    chosen = np.isin(units, order[: len(order) // 2])
    halves = np.flatnonzero(chosen), np.flatnonzero(~chosen)
    first, second = (f"{which} of the {judged.split} split" for which in ("a random half", "the other half"))
    return Part(halves[0], taken(judged, halves[0]), first), Part(halves[1], taken(judged, halves[1]), second)


def taken(predictions: Predictions, rows: NDArray[np.intp]) -> Predictions:
    """The predictions for some of the rows."""

    def of(values: NDArray[Any] | None) -> Any:
        return None if values is None else values[rows]

    return replace(
        predictions,
        index=predictions.index[rows],
        scores=predictions.scores[rows],
        targets=of(predictions.targets),
        losses=of(predictions.losses),
        weights=of(predictions.weights),
        clusters=of(predictions.clusters),
        groups={name: replace(group, codes=group.codes[rows]) for name, group in predictions.groups.items()},
    )


def whole(predictions: Predictions) -> Part:
    """All rows of a split."""
    return Part(np.arange(len(predictions)), predictions, f"the {predictions.split} split")
