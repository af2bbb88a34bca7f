"""How far a feature alone moves the score, on average over other rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from glasshouse import Explanation, NotExplainableError, Question, UserError


@dataclass(frozen=True)
class MainEffects:
    """The mean score of background rows that have a row's value of one feature, minus their own mean score.

    This is the partial dependence (Friedman 2001, "Greedy Function Approximation", Annals of Statistics 29:1189,
    section 8.2) at the row's value, centred. Where features do not interact, the values of a row are its Shapley
    values; what is left of its score is the work of features together.
    """

    others: int = 30
    """How many background rows lend the other features."""

    def __post_init__(self) -> None:
        if not isinstance(self.others, int) or self.others < 1:
            raise UserError(
                "explainer 'main_effects'", f"others is {self.others!r}; expected a whole number of at least 1."
            )

    def explain(self, question: Question) -> Explanation:
        """Of every row of a table."""
        if question.owner is None or question.features is None:
            raise NotExplainableError("its inputs are not columns of features")
        rows, others = question.rows, question.background[: self.others]
        usual = question.scores(others).mean(axis=0)
        values = np.zeros((len(rows), question.features, len(usual)))
        for feature in range(question.features):
            columns = torch.from_numpy(np.flatnonzero(question.owner == feature))
            lent = others.repeat(len(rows), 1)
            lent[:, columns] = rows[:, columns].repeat_interleave(len(others), dim=0)
            scores = question.scores(lent).reshape(len(rows), len(others), -1)
            values[:, feature] = scores.mean(axis=1) - usual
        asked = len(others) * (1 + len(rows) * question.features)
        return Explanation(values=values, evaluations=asked, details=f"Over {len(others)} background rows.")
