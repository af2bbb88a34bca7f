"""Main effects: the centred partial dependence of the score on each feature."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from glasshouse import Explanation, NotExplainableError, Question, UserError


@dataclass(frozen=True)
class MainEffects:
    """The mean score of background rows with a row's value of one feature, minus their mean score without it.

    This is the centred partial dependence (Friedman 2001, "Greedy Function Approximation", Annals of Statistics
    29:1189, section 8.2) at the row's value. Without interactions, a row's main effects are its Shapley values; the
    rest of its score is due to interactions.
    """

    others: int = 30
    """Number of background rows to average over, at least 1."""

    def __post_init__(self) -> None:
        if not isinstance(self.others, int) or self.others < 1:
            raise UserError(
                "explainer 'main_effects'", f"others is {self.others!r}; expected a whole number of at least 1."
            )

    def explain(self, question: Question) -> Explanation:
        """The main effects of every feature for every row, in units of the score."""
        if question.owner is None or question.features is None:
            raise NotExplainableError("its inputs are not columns of features")
        rows, others = question.rows, question.background[: self.others]
        baseline = question.scores(others).mean(axis=0)
        values = np.zeros((len(rows), question.features, len(baseline)))
        for feature in range(question.features):
            columns = torch.from_numpy(np.flatnonzero(question.owner == feature))
            mixed = others.repeat(len(rows), 1)
            mixed[:, columns] = rows[:, columns].repeat_interleave(len(others), dim=0)
            scores = question.scores(mixed).reshape(len(rows), len(others), -1)
            values[:, feature] = scores.mean(axis=1) - baseline
        evaluations = len(others) * (1 + len(rows) * question.features)
        return Explanation(values=values, evaluations=evaluations, details=f"Over {len(others)} background rows.")
