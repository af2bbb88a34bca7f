"""Predictions of which nothing can be said."""

from __future__ import annotations

import numpy as np
from glasshouse import Predictions, UserError


def refuse_non_finite(predictions: Predictions, audit: str) -> None:
    """A decision by a score that is NaN or infinite is none.

    Raises:
        UserError: if there is such a score.
    """
    bad = int(np.count_nonzero(~np.isfinite(predictions.scores).all(axis=1)))
    if bad:
        raise UserError(
            f"audit '{audit}'",
            f"expected finite scores; {bad} of {len(predictions)} rows of the {predictions.split} split have NaN "
            "or infinite ones.",
            "Look at the training: has its loss diverged?",
        )


def refuse_empty(predictions: Predictions, audit: str) -> None:
    """Nothing can be chosen on no rows.

    Raises:
        UserError: for a split without rows.
    """
    if not len(predictions):
        raise UserError(
            f"audit '{audit}'", f"the {predictions.split} split has no rows.", "Choose another `evaluate_on:`."
        )
