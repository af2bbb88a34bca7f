"""Max-sensitivity: how far an explanation moves when its row changes slightly.

Yeh, Hsieh, Suggala, Inouye and Ravikumar, "On the (In)fidelity and Sensitivity of Explanations", NeurIPS 2019,
definition 3.1, in the normalised form of `captum.metrics.sensitivity_max`: the largest distance between the
explanations of a row and of neighbours within a radius, relative to the explanation's norm.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from glasshouse import Question
from numpy.typing import NDArray

from glasshouse_audits.explain.checks.draws import uniforms
from glasshouse_audits.explain.checks.similarity import relative_distance

if TYPE_CHECKING:
    from torch import Tensor

Floats = NDArray[np.float64]

RADIUS = 0.02
"""Captum's default; here in standard deviations of each column."""


def max_sensitivity(original: Floats, moved: Sequence[Floats]) -> Floats:
    """Largest relative distance (n, k) between explanations (n, d, k) of rows and of each of their neighbours.

    0 is best, larger is worse; NaN if the original is all 0.
    """
    outputs = range(original.shape[2])
    found = [np.stack([relative_distance(original[..., j], one[..., j]) for j in outputs], axis=1) for one in moved]
    largest: Floats = np.max(found, axis=0)
    return largest


def neighbours(
    rows: Tensor, spread: NDArray[np.float64], *, samples: int = 5, radius: float = RADIUS, seed: int = 0
) -> Tensor:
    """Rows (n, ...) moved at random, (samples, n, ...): each number by at most `radius` times its `spread` (width,)."""
    import torch

    content = rows.flatten(1).numpy()
    n, width = content.shape
    noise = 2 * uniforms(content, samples * width, seed=seed, use="neighbours").reshape(n, samples, width) - 1
    moved = content[:, None] + radius * spread * noise
    return torch.as_tensor(moved.swapaxes(0, 1).reshape(samples, *rows.shape)).to(rows.dtype)


def column_standard_deviations(question: Question) -> NDArray[np.float64]:
    """Standard deviation (width,) over the background of each number that can move slightly; 0 for the others.

    Categories cannot move: in a table only numeric features do, in texts nothing does.
    """
    background = question.background.flatten(1)
    if not background.is_floating_point():
        return np.zeros(background.shape[1])
    spread: NDArray[np.float64] = background.double().std(dim=0, correction=0).numpy()
    if question.owner is not None:
        numeric = np.array([feature.kind == "numeric" for feature in question.model.info.features])
        spread = np.where(numeric[question.owner], spread, 0.0)
    return spread
