"""Reject empty splits and predictions with non-finite scores."""

from __future__ import annotations

import numpy as np
from glasshouse import Predictions, UserError


def refuse_non_finite(predictions: Predictions, who: str) -> None:
    """Raise if a score is NaN or infinite: no decision follows from it.

    Args:
        predictions: of the evaluated split.
        who: the component in messages, e.g. ``audit 'fairness'``.

    Raises:
        UserError: if there is such a score.
    """
    bad = int(np.count_nonzero(~np.isfinite(predictions.scores).all(axis=1)))
    if bad:
        raise UserError(
            who,
            f"expected finite scores; {bad} of {len(predictions)} rows of the {predictions.split} split have NaN "
            "or infinite scores.",
            "Check the training: has its loss diverged?",
        )


def refuse_empty(predictions: Predictions, who: str) -> None:
    """Raise if the split has no rows.

    Args:
        predictions: of the evaluated split.
        who: the component in messages, e.g. ``audit 'fairness'``.

    Raises:
        UserError: for a split without rows.
    """
    if not len(predictions):
        raise UserError(who, f"the {predictions.split} split has no rows.", "Choose another `evaluate_on:`.")
