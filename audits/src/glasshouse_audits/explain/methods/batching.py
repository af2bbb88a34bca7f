"""Attributions of rows in batches, counted model evaluations, and the baselines that methods share."""

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


# captum emits these in normal use.
_KNOWN_WARNINGS = (
    r"Input Tensor \d+ did not already require gradients",
    "Setting forward, backward hooks and attributes on non-linear",
    "You are providing multiple inputs for Lime",
)


@contextmanager
def with_gradients() -> Iterator[None]:
    """Enable gradients for the block.

    Raises:
        NotExplainableError: if the model's scores are not differentiable.
    """
    import torch

    try:
        with torch.enable_grad():
            yield
    except RuntimeError as error:
        if "does not require grad" not in str(error):  # torch's message
            raise
        raise NotExplainableError("the model's scores cannot be differentiated") from error


class CountedScore:
    """The explained scores of inputs, differentiable; `evaluations` counts the inputs."""

    def __init__(self, question: Question) -> None:
        self._score = question.score
        self.evaluations = 0

    def __call__(self, x: Tensor) -> Tensor:
        """(m, k) scores of (m, ...) inputs."""
        self.evaluations += len(x)
        return self._score(x)

    def of(self, output: int) -> Callable[[Tensor], Tensor]:
        """The scores (m,) of one of the explained outputs."""
        return lambda x: self(x)[:, output]


def attributions_by_row(
    question: Question, attribute: Callable[[Tensor, int], Tensor], *, inputs_per_row: int
) -> NDArray[np.float64]:
    """Attributions of all rows and explained outputs: (n, d, k) per feature, else (n, ..., k) per input number.

    Args:
        question: what to explain.
        attribute: maps rows (m, ...) on the model's device and the number of an explained output to attributions of
            the rows' shape.
        inputs_per_row: inputs that `attribute` evaluates or differentiates at once for each row.

    Raises:
        NotExplainableError: if `attribute` needs gradients and the scores are not differentiable.
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
    """The mean background row (1, ...) on the model's device: the baseline of methods with a single baseline."""
    return question.background.mean(dim=0, keepdim=True).to(question.model.device)


def score_of_mean_background(question: Question) -> NDArray[np.float64]:
    """The explained scores of the mean background row, repeated for every row (n, k)."""
    return np.repeat(question.scores(mean_background_row(question)), len(question.rows), axis=0)


def mean_score_of_background(question: Question) -> NDArray[np.float64]:
    """The mean explained scores over the background, repeated for every row (n, k)."""
    return np.repeat(question.scores(question.background).mean(axis=0, keepdims=True), len(question.rows), axis=0)
