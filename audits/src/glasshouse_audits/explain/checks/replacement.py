"""Scores of rows with some features replaced by those of background rows, used by all checks of faithfulness.

The score without some features is the mean over background rows, as in the coalition games of Shapley values (Lundberg
and Lee, "A Unified Approach to Interpreting Model Predictions", 2017).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from glasshouse import Question, in_batches
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

Score = Callable[["Tensor"], "Tensor"]
"""From inputs (m, ...) to scores (m, k)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FeatureReplacement:
    """Rows (n, width) and background rows (b, width), flat, on the model's device, and the model that scores mixtures.

    `owner` (width,) is the feature number of each column: columns of one feature are replaced together. `shape` is that
    of one input. At most `max_batch` inputs are scored at once.
    """

    score: Score
    rows: Tensor
    background: Tensor
    owner: Tensor
    shape: tuple[int, ...]
    max_batch: int = 8192

    @classmethod
    def of(cls, question: Question) -> FeatureReplacement:
        """For a question; without known features, every number of an input is a feature."""
        import torch

        rows, background = (x.flatten(1).to(question.model.device) for x in (question.rows, question.background))
        width = rows.shape[1]
        return cls(
            score=question.score,
            rows=rows,
            background=background,
            owner=torch.as_tensor(np.arange(width) if question.owner is None else question.owner).to(rows.device),
            shape=tuple(question.rows.shape[1:]),
            max_batch=question.max_batch,
        )

    @property
    def features(self) -> int:
        """Number of features d."""
        return int(self.owner.max()) + 1

    def drawn(self, most: int) -> int:
        """Number of background rows drawn for a row: at most `most`, the background's size and the batch size."""
        return min(most, len(self.background), self.max_batch)

    def row_scores(self) -> NDArray[np.float64]:
        """(n, k) scores of the rows as they are."""
        import torch

        def compute(x: Tensor) -> Tensor:
            return self.score(x.reshape(-1, *self.shape))

        with torch.no_grad():
            found: NDArray[np.float64] = in_batches(compute, self.rows, most=self.max_batch).double().numpy()
        return found

    def scores(
        self, row: NDArray[np.intp], drawn: NDArray[np.int64], step: NDArray[np.intp], *, steps: int
    ) -> NDArray[np.float64]:
        """Mean scores (u, steps, k) while features of u rows are replaced, step by step.

        `row` (u,) numbers the rows, with repetitions; `drawn` (u, r) numbers the background rows of the mean; `step`
        (u, d) is the step, from 1, at which a feature is replaced (never, if above `steps`). One call of the model
        scores one step of as many rows and background rows as fit in a batch.
        """
        import torch

        draws = drawn.shape[1]

        def compute(row: Tensor, drawn: Tensor, step: Tensor) -> Tensor:
            x = self.rows[row].unsqueeze(1)
            z = self.background[drawn]
            when = step[:, self.owner].unsqueeze(1)
            found = []
            for now in range(1, steps + 1):
                mixed = torch.where(when <= now, z, x)
                found.append(self.score(mixed.view(-1, *self.shape)).view(*z.shape[:2], -1).mean(dim=1))
            return torch.stack(found, dim=1)

        units = (torch.as_tensor(a).to(self.rows.device) for a in (row, drawn, step))
        with torch.no_grad():
            means = in_batches(compute, *units, most=max(1, self.max_batch // draws))
        found: NDArray[np.float64] = means.double().numpy()
        return found

    def content(self) -> NDArray[np.generic]:
        """The rows as an array, the source of each row's random numbers."""
        found: NDArray[np.generic] = self.rows.cpu().numpy()
        return found
