"""How far a score moves when one feature is taken from other rows."""

from dataclasses import dataclass

import numpy as np
from glasshouse import Explanation, Question


@dataclass(frozen=True)
class Exchange:
    """Mean change of the score when one feature at a time comes from background rows; columns move together."""

    others: int = 20
    """How many background rows lend their features."""

    def explain(self, question: Question) -> Explanation:
        """Of every row of a table; the values add up to nothing."""
        lenders = question.background[: self.others]
        own = question.scores(question.rows)
        values = np.zeros((len(own), question.features, own.shape[1]))
        for feature in range(question.features):
            columns = np.flatnonzero(question.owner == feature)
            for lender in lenders:
                rows = question.rows.clone()
                rows[:, columns] = lender[columns]
                values[:, feature] += (own - question.scores(rows)) / len(lenders)
        asked = len(own) * (1 + question.features * len(lenders))
        return Explanation(values=values, evaluations=asked, details=f"Features of {len(lenders)} background rows.")
