"""Samples of both audits: generated examples, and rows of a split."""

from __future__ import annotations

import numpy as np
from glasshouse import Evidence, UserError, chosen_inputs
from numpy.typing import NDArray

from glasshouse_audits.generation.distances import Matrix, as_rows


def generated(evidence: Evidence, count: int, *, audit: str) -> NDArray[np.float32]:
    """`count` generated examples (count, *input_shape), the same for every audit of a run.

    Raises:
        UserError: if some of their numbers are not finite.
    """
    assert evidence.model is not None
    examples: NDArray[np.float32] = evidence.model.generate(count, seed=evidence.seed).numpy()
    if not np.isfinite(examples).all():
        raise UserError(
            f"audit '{audit}'",
            "generated examples contain NaN or infinite numbers.",
            "Check the training: has its loss diverged?",
        )
    return examples


def rows_of(evidence: Evidence, split: str, most: int, rng: np.random.Generator, *, audit: str) -> Matrix:
    """Inputs of a split as rows of numbers: all of them, or a random sample of `most`.

    Raises:
        UserError: if some of their numbers are not finite.
    """
    total = len(evidence.predictions[split])
    chosen = np.arange(total) if total <= most else np.sort(rng.choice(total, size=most, replace=False))
    rows = as_rows(chosen_inputs(evidence, split, chosen))
    if not np.isfinite(rows).all():
        raise UserError(f"audit '{audit}'", f"inputs of the {split} split contain NaN or infinite numbers.")
    return rows


def has_train(evidence: Evidence) -> bool:
    """Whether there are training rows, and the evaluated split is another one."""
    return "train" in evidence.predictions and evidence.evaluate_on != "train"
