"""What methods share: attributions of rows in batches, and how many inputs the model has been asked about."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from glasshouse import NotExplainableError, Question, in_batches
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor


# What captum says whenever it does what it is asked to.
_KNOWN_WARNINGS = (
    r"Input Tensor \d+ did not already require gradients",
    "Setting forward, backward hooks and attributes on non-linear",
    "You are providing multiple inputs for Lime",
)


@contextmanager
def with_gradients() -> Iterator[None]:
    """Gradients for the block.

    Raises:
        NotExplainableError: where the model's scores have none.
    """
    import torch

    try:
        with torch.enable_grad():
            yield
    except RuntimeError as error:
        if "does not require grad" not in str(error):  # as torch says it
            raise
        raise NotExplainableError("the model's scores cannot be differentiated") from error


class CountedScore:
    """The asked scores of inputs, differentiable; `evaluations` counts the inputs."""

    def __init__(self, question: Question) -> None:
        self._score = question.score
        self.evaluations = 0

    def __call__(self, x: Tensor) -> Tensor:
        """(m, k) scores of (m, ...) inputs."""
        self.evaluations += len(x)
        return self._score(x)

    def of(self, output: int) -> Callable[[Tensor], Tensor]:
        """The scores (m,) of one of the asked outputs."""
        return lambda x: self(x)[:, output]


def attributions_by_row(
    question: Question, attribute: Callable[[Tensor, int], Tensor], *, inputs_per_row: int
) -> NDArray[np.float64]:
    """Attributions of all rows and asked outputs, per feature (n, d, k), else per input (n, ..., k).

    Args:
        attribute: from rows (m, ...) on the model's device and the number of an asked output to attributions of the
            rows' shape.
        held: inputs that `attribute` evaluates or differentiates at once for each row.

    Raises:
        NotExplainableError: where `attribute` needs gradients, and the scores have none.
    """
    import torch

    device = question.model.device
    most = max(1, question.max_batch // inputs_per_row)

    def found(output: int) -> Tensor:
        return in_batches(lambda x: attribute(x.to(device), output), question.rows, most=most).double()

    with with_gradients(), warnings.catch_warnings():
        for known in _KNOWN_WARNINGS:
            warnings.filterwarnings("ignore", known)
        return question.by_feature(torch.stack([found(k) for k in range(len(question.outputs))], dim=-1).numpy())


def mean_background_row(question: Question) -> Tensor:
    """The mean background row (1, ...), on the model's device: where methods with one baseline start."""
    return question.background.mean(dim=0, keepdim=True).to(question.model.device)


def score_of_mean_background(question: Question) -> NDArray[np.float64]:
    """The asked scores of the mean background row, for every row (n, k)."""
    return np.repeat(question.scores(mean_background_row(question)), len(question.rows), axis=0)


def mean_score_of_background(question: Question) -> NDArray[np.float64]:
    """The mean asked scores over the background, for every row (n, k)."""
    return np.repeat(question.scores(question.background).mean(axis=0, keepdims=True), len(question.rows), axis=0)
