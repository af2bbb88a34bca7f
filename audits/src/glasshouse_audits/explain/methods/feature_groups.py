"""Features as the columns that the shap library explains, whatever encodes them.

A row of d numbers says for each feature which row of a table, that of the explained row and the background, its
columns are taken from. Methods that mix rows column by column thus move all columns of one feature together.
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
            raise NotExplainableError("it explains tables only")
        self.question = question
        self.features = int(question.owner.max()) + 1
        self.evaluations = 0
        self._owner = torch.from_numpy(question.owner.astype(np.int64))
        self._table = torch.cat([question.rows[:1], question.background])

    @property
    def background(self) -> NDArray[np.int64]:
        """(b, d): every background row as it is."""
        return np.repeat(np.arange(1, len(self._table))[:, None], self.features, axis=1)

    @property
    def row(self) -> NDArray[np.int64]:
        """(1, d): the explained row as it is."""
        return np.zeros((1, self.features), dtype=np.int64)

    def select_row(self, row: int) -> None:
        """Make a row of the question number 0."""
        self._table[0] = self.question.rows[row]

    def score(self, sources: NDArray[np.float64]) -> NDArray[np.float64]:
        """(m, k) scores where the features (m, d) are taken from rows of the table."""
        import torch

        found: list[NDArray[np.float64]] = []
        self.evaluations += len(sources)
        for part in np.array_split(sources, max(1, -(-len(sources) // self.question.max_batch))):
            found.append(self.question.scores(self._mixed(torch.from_numpy(part).long())))
        return np.concatenate(found)

    def _mixed(self, sources: Tensor) -> Tensor:
        return self._table.gather(0, sources[:, self._owner])
