"""The interface of explainers, the plugins of `glasshouse_explainers`: a `Question` in, an `Explanation` out.

The target of an `ExplainerPlugin` is a class whose constructor's keywords are its options and whose
`explain(question)` returns an `Explanation`. Quality checks and figures use only these two classes, so they work for
third-party explainers without additional code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

    from glasshouse.evidence.model_handle import ModelHandle

Completeness = Literal["construction", "promised"]
"""Whether values add up to the change in output by construction, or only by a promise that must be checked."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Question:
    """Which inputs of these rows does `model` base its scores on?

    `rows` (n, ...) are explained; `background` (b, ...) are reference rows, which replace the inputs that a method
    treats as absent. Both are encoded as the model takes them, on the CPU. `outputs` are the k columns of the model's
    scores to explain. For tables `owner` (width,) is the position of the feature that each encoded column belongs to,
    so that the columns of one feature change together; it is None for images and texts.

    `budget` is the maximum number of model evaluations for each row, `tolerance` the standard error, as a share of a
    row's attributions, at which a sampling method may stop. At most `max_batch` inputs are evaluated or differentiated
    at once.
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

    def for_one_explainer(self) -> Question:
        """The same question with rows and background of its own: what an explainer writes there reaches no other."""
        return replace(self, rows=self.rows.clone(), background=self.background.clone())

    def score(self, x: Tensor) -> Tensor:
        """The scores (m, k) to explain, of inputs (m, ...), on the model's device; differentiable."""
        return self.model.probabilities(x)[:, list(self.outputs)]

    def scores(self, x: Tensor) -> NDArray[np.float64]:
        """The scores (m, k) to explain, of any number of inputs (m, ...), `max_batch` at once, without gradients."""
        import torch

        with torch.no_grad():
            found: NDArray[np.float64] = in_batches(self.score, x, most=self.max_batch).double().numpy()
        return found

    def by_feature(self, columns: NDArray[np.float64]) -> NDArray[np.float64]:
        """Attributions per feature (n, d, k) from those per encoded column (n, width, k); unchanged without `owner`."""
        if self.owner is None:
            return columns
        summed = np.zeros((len(columns), int(self.owner.max()) + 1, *columns.shape[2:]))
        np.add.at(summed.swapaxes(0, 1), self.owner, columns.swapaxes(0, 1))
        return summed


@dataclass(frozen=True, kw_only=True, eq=False)
class Explanation:
    """The result of an explainer.

    `values` (n, d, k) for the d features of a table, else (n, ...input, k): the attribution of each input to each
    explained score, in the score's unit. `base` (n, k) is the reference score: if `completeness` is given, a row's
    values add up to its score minus `base`. Sampling methods give a `standard_error` of the shape of `values`; errors
    of rows with the same number in `design` (n,) may be correlated, because they share random draws (None: no rows
    do). `evaluations` is the number of inputs at which the model was evaluated or differentiated, `details` describes
    the computation in one sentence. `suspects` are the parts of the model that the method does not support; the audit
    names them if the values do not add up.
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
    """The target of an `ExplainerPlugin`; the constructor's keywords are its options."""

    def explain(self, question: Question) -> Explanation:
        """Attribute the scores of every row to its inputs.

        Raises:
            NotExplainableError: for a model or an input that the method cannot explain.
        """
        ...


class NotExplainableError(Exception):
    """The method cannot explain this model; the message gives the reason, and the audit tries the next method."""


def in_batches(compute: Callable[..., Tensor], *inputs: Tensor, most: int) -> Tensor:
    """`compute` on consecutive batches of inputs of equal length, at most `most` rows each, concatenated on the CPU.

    If memory runs out, this batch and all further ones are halved.

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
    """The result, or None if memory ran out; returning frees the tensors of the attempt."""
    import torch

    try:
        return compute(*part)
    except torch.OutOfMemoryError:
        return None
