"""Invented loans, of which it is known who repays and why."""

from __future__ import annotations

import numpy as np
from glasshouse import RawTable, SensitiveColumn, TabularDataModule
from numpy.typing import NDArray

ROWS = 800


class InventedLoans(TabularDataModule):
    """800 people; the log-odds of repaying are (income - 3) - 0.5 (debt - 2), and years of employment say nothing.

    Women earn half a unit less, so that fewer of them repay, which income explains. The model does not see the sex.
    """

    name = "invented_loans"

    def load(self) -> RawTable:
        """The whole table; always the same."""
        random = np.random.default_rng(3)
        woman = random.random(ROWS) < 0.5
        income = random.normal(3.0, 1.0, ROWS) - 0.5 * woman
        debt = random.gamma(2.0, 1.0, ROWS)
        repaid = random.random(ROWS) < chance(income, debt)
        return RawTable(
            columns={
                "income": income,
                "debt": debt,
                "years": random.gamma(2.0, 3.0, ROWS),
                "sex": np.where(woman, "woman", "man"),
                "repaid": np.where(repaid, "yes", "no"),
            },
            target="repaid",
            task="binary",
            classes=("no", "yes"),
            favourable="yes",
            features=("income", "debt", "years"),
            sensitive=(SensitiveColumn(name="sex", column="sex"),),
            source="made by glasshouse-monotone",
            licence="CC0-1.0",
            synthetic=True,
        )


def chance(income: NDArray[np.float64], debt: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) the probability that a loan is repaid."""
    probability: NDArray[np.float64] = 1.0 / (1.0 + np.exp(0.5 * (debt - 2.0) - (income - 3.0)))
    return probability
