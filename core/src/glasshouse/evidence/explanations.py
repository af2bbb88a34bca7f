"""What an explainer is asked and what it answers: the interface behind `glasshouse_explainers`.

The target of an `ExplainerPlugin` is a class whose constructor's keywords are its options and whose
`explain(question)` returns an `Explanation`. Checks and drawings work on these two alone, so a stranger's explainer
gets them without a line of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

    from glasshouse.evidence.model_handle import ModelHandle

Completeness = Literal["construction", "promised"]
"""Values add up to the change of output: by construction, or as a promise that must be checked."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Question:
    """Why does `model` give these rows these scores?

    `rows` (n, ...) are explained and `background` (b, ...) are rows that stand for "the input is not known"; both are
    encoded as the model takes them, on the CPU. `outputs` names the k columns of the model's scores that are asked
    about. For tables `owner` (width,) gives the position of the feature that each encoded column belongs to, so that
    columns which encode one feature move together; it is None for images and texts.

    `budget` is the number of model evaluations for each row at most, `tolerance` the standard error, as a share of a
    row's attributions, at which a sampling method may stop. No more than `max_batch` inputs are evaluated or
    differentiated at once.
    """

    model: ModelHandle
    rows: Tensor
    background: Tensor
    outputs: tuple[int, ...]
    owner: NDArray[np.intp] | None = None
    seed: int = 0
    budget: int = 500_000
    tolerance: float = 0.05
    max_batch: int = 8192

    @property
    def features(self) -> int | None:
        """Number of features d of a table; None without `owner`."""
        return None if self.owner is None else int(self.owner.max()) + 1

    def score(self, x: Tensor) -> Tensor:
        """The asked scores (m, k) of inputs (m, ...) on the model's device; differentiable."""
        return self.model.probabilities(x)[:, list(self.outputs)]

    def scores(self, x: Tensor) -> NDArray[np.float64]:
        """The asked scores (m, k) of any number of inputs (m, ...), `max_batch` at once, without gradients."""
        import torch

        with torch.no_grad():
            found: NDArray[np.float64] = in_batches(self.score, x, most=self.max_batch).double().numpy()
        return found

    def by_feature(self, columns: NDArray[np.float64]) -> NDArray[np.float64]:
        """Attributions per feature (n, d, k) from those per encoded column (n, width, k); as given without `owner`."""
        if self.owner is None:
            return columns
        summed = np.zeros((len(columns), int(self.owner.max()) + 1, *columns.shape[2:]))
        np.add.at(summed.swapaxes(0, 1), self.owner, columns.swapaxes(0, 1))
        return summed


@dataclass(frozen=True, kw_only=True, eq=False)
class Explanation:
    """What an explainer answers.

    `values` (n, d, k) for the d features of a table, else (n, ...input, k): how far each input moved each asked
    score, in the score's unit. `base` (n, k) is what they are counted from: where `completeness` is given, a row's
    values add up to its score minus `base`. `standard_error`, of the shape of `values`, belongs to sampled methods;
    errors of rows with the same number in `design` (n,) may be correlated, since they share random draws (None: no
    two rows do). `evaluations` counts the inputs that the model was asked about or differentiated at, `details` says
    in a sentence how it was done. `suspects` names the parts of the model that the method has no rule for; they are
    told where the values do not add up.
    """

    values: NDArray[np.float64]
    base: NDArray[np.float64] | None = None
    completeness: Completeness | None = None
    standard_error: NDArray[np.float64] | None = None
    design: NDArray[np.int64] | None = None
    evaluations: int = 0
    details: str = ""
    suspects: tuple[str, ...] = ()


class Explainer(Protocol):
    """What an `ExplainerPlugin`'s target is: options are its constructor's keywords."""

    def explain(self, question: Question) -> Explanation:
        """Attribute the asked scores of every row to its inputs.

        Raises:
            NotExplainableError: for a model or an input that the method cannot explain.
        """
        ...


class NotExplainableError(Exception):
    """The method cannot explain this model; the message says what is in its way, the next method is tried."""


def in_batches(compute: Callable[..., Tensor], *inputs: Tensor, most: int) -> Tensor:
    """`compute` of consecutive parts of some inputs of equal length, at most `most` rows at once, joined on the CPU.

    Where memory runs out, the part is halved and so are all that follow.

    Raises:
        torch.OutOfMemoryError: if there is no memory for a single row.
    """
    import torch

    parts: list[Tensor] = []
    start = 0
    while start < len(inputs[0]) or not parts:
        found = _unless_out_of_memory(compute, [x[start : start + most] for x in inputs])
        if found is not None:
            parts.append(found.detach().cpu())
            start += most
        elif most == 1:
            raise torch.OutOfMemoryError("out of memory with a single row")
        else:
            most = max(1, min(most, len(inputs[0]) - start) // 2)
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
    return torch.cat(parts)


def _unless_out_of_memory(compute: Callable[..., Tensor], part: list[Tensor]) -> Tensor | None:
    """None where memory ran out; by the return, what the attempt held is free."""
    import torch

    try:
        return compute(*part)
    except torch.OutOfMemoryError:
        return None
