"""Features as single columns for the shap library, however many columns encode them.

A row of d numbers gives, for each feature, the row of a table (the explained row and the background rows) from which
its columns are taken. Methods that mix rows column by column then move all columns of a feature together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from glasshouse import NotExplainableError, Question
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor


class FeatureGroups:
    """The table of one explained row (number 0) and the background rows (1 to b); `evaluations` counts inputs."""

    def __init__(self, question: Question) -> None:
        import torch

        if question.owner is None or question.rows.ndim != 2:
            raise NotExplainableError("it explains tabular data only")
        self.question = question
        self.features = int(question.owner.max()) + 1
        self.evaluations = 0
        self._owner = torch.from_numpy(question.owner.astype(np.int64))
        self._table = torch.cat([question.rows[:1], question.background])

    @property
    def background(self) -> NDArray[np.int64]:
        """(b, d): every background row, unmixed."""
        return np.repeat(np.arange(1, len(self._table))[:, None], self.features, axis=1)

    @property
    def row(self) -> NDArray[np.int64]:
        """(1, d): the explained row, unmixed."""
        return np.zeros((1, self.features), dtype=np.int64)

    def select_row(self, row: int) -> None:
        """Make a row of the question the explained row, number 0 of the table."""
        self._table[0] = self.question.rows[row]

    def score(self, sources: NDArray[np.float64]) -> NDArray[np.float64]:
        """(m, k) scores with each feature taken from the table row in `sources` (m, d)."""
        import torch

        found: list[NDArray[np.float64]] = []
        self.evaluations += len(sources)
        for part in np.array_split(sources, max(1, -(-len(sources) // self.question.max_batch))):
            found.append(self.question.scores(self._mixed(torch.from_numpy(part).long())))
        return np.concatenate(found)

    def _mixed(self, sources: Tensor) -> Tensor:
        return self._table.gather(0, sources[:, self._owner])
