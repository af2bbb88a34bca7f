"""What a model says when some features of a row are those of background rows: the means of all checks of faithfulness.

The worth of what is left is the mean score over background rows, as in the coalition games of Shapley values
(Lundberg and Lee, "A Unified Approach to Interpreting Model Predictions", 2017).
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

    `owner` (width,) numbers the feature of each column: columns of one feature are replaced together. `shape` is that
    of one input. No more than `max_batch` inputs are scored at once.
    """

    score: Score
    rows: Tensor
    background: Tensor
    owner: Tensor
    shape: tuple[int, ...]
    max_batch: int = 8192

    @classmethod
    def of(cls, question: Question) -> FeatureReplacement:
        """That of a question; where nothing is known of features, every number of an input is one."""
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
        """How many background rows are drawn for a row: no more than wanted, than there are, and than a batch holds."""
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

        The `row` (u,) numbers the rows, which may come more than once, `drawn` (u, r) the background rows that the mean
        is over, and `step` (u, d) says with which step, from 1 on, a feature is replaced; beyond `steps` it never is.
        One call of the model scores one step of as many rows and background rows as a batch holds.
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
        """The rows as an array, which random numbers of each row are made from."""
        found: NDArray[np.generic] = self.rows.cpu().numpy()
        return found
