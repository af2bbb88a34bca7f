"""What a `glasshouse.Question` to an explainer consists of: outputs, features of columns, and an evaluation budget."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from glasshouse import Evidence, Feature, Question, UserError
from numpy.typing import NDArray

MAX_EVALUATIONS = 500_000
"""Most model evaluations for each row."""

_MAX_CLASSES = 3
"""Classes explained at most, for a multiclass target without a favourable class."""

_OPERATIONS = 1e12
"""Floating-point operations for all rows together: one or two minutes on one CPU core."""

_OPERATIONS_OF_MANY_FEATURES = 2e11
"""Operations where two random orders of the features exceed `_OPERATIONS`: the checks repeat them several times."""

_LEAST_ROWS = 10
_LEAST_BACKGROUND = 10


def affordable(question: Question) -> tuple[int, int]:
    """How many rows and background rows to explain, where two random orders of all features cost too much for all.

    First the background shrinks to `_LEAST_BACKGROUND` rows, then the explained rows to `_LEAST_ROWS`, until two orders
    take at most `_OPERATIONS_OF_MANY_FEATURES`. Operations are counted, so the sizes are the same on every machine.
    """
    rows, background = len(question.rows), len(question.background)
    each = operations_per_row(question)
    if two_permutations(question) * rows * each <= _OPERATIONS:
        return rows, background
    features = question.rows.shape[1] if question.features is None else question.features
    pairs = _OPERATIONS_OF_MANY_FEATURES / (4 * features * each)
    fewer = max(min(background, _LEAST_BACKGROUND), min(background, int(pairs / rows)))
    return max(min(rows, _LEAST_ROWS), min(rows, int(pairs / fewer))), fewer


def evaluation_budget(question: Question) -> int:
    """Model evaluations for each row: `MAX_EVALUATIONS`, or what `_OPERATIONS` allow, but at least `two_permutations`.

    Operations are counted, not timed, so the budget is the same on every machine.
    """
    paid = _OPERATIONS / (max(1, len(question.rows)) * operations_per_row(question))
    return min(MAX_EVALUATIONS, max(two_permutations(question), int(paid)))


def two_permutations(question: Question) -> int:
    """Evaluations of a row in two random orders of its features, forwards and backwards, and one for the row itself."""
    features = question.rows.shape[1] if question.features is None else question.features
    return 4 * features * len(question.background) + 1


def operations_per_row(question: Question) -> int:
    """Floating-point operations of the model for one row: matrix products, convolutions and attention.

    At least two per parameter, because not every operation is counted.
    """
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counted:
        question.scores(question.rows[:1])
    return max(1, int(counted.get_total_flops()), 2 * question.model.parameters)


def feature_of_column(features: Sequence[Feature], width: int) -> NDArray[np.intp]:
    """Position of the feature that each of `width` encoded columns belongs to, (width,).

    Raises:
        UserError: unless every column belongs to exactly one feature.
    """
    owner = np.full(width, -1, dtype=np.intp)
    for position, feature in enumerate(features):
        for column in feature.columns:
            if not 0 <= column < width:
                problem = f"feature '{feature.name}' has column {column}; the encoded inputs have {width} columns."
            elif owner[column] >= 0:
                problem = f"column {column} belongs to '{features[owner[column]].name}' and to '{feature.name}'."
            else:
                owner[column] = position
                continue
            raise UserError("audit 'feature_attribution'", problem, "Correct `columns` in the data's features.")
    if (owner < 0).any():
        raise UserError(
            "audit 'feature_attribution'",
            f"encoded columns {np.flatnonzero(owner < 0)[:8].tolist()} belong to no feature.",
            "Declare a feature for each in the data's `DataInfo`.",
        )
    return owner


def explained_outputs(evidence: Evidence) -> list[tuple[int, str | None]]:
    """Positions and names of the scores to explain: the favourable class, or the classes predicted most often."""
    target = evidence.info.target
    if target.kind == "regression":
        return [(0, None)]
    if target.favourable_index is not None:
        return [(target.favourable_index, target.classes[target.favourable_index])]
    frequency = np.bincount(evidence.evaluated.predicted, minlength=len(target.classes))
    chosen = np.sort(np.argsort(-frequency, kind="stable")[:_MAX_CLASSES])
    return [(int(k), target.classes[k]) for k in chosen]
