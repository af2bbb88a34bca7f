"""The data follows its documentation."""

from __future__ import annotations

import numpy as np
import pytest

from glasshouse_monotone.loans import ROWS, InventedLoans, repayment_probability


def test_the_chance_is_the_logistic_function_of_the_log_odds() -> None:
    # log-odds 0; 2.5 - 0.5 = 2, of which the logistic function is 0.880797
    assert repayment_probability(np.array([3.0, 5.5]), np.array([2.0, 3.0])) == pytest.approx([0.5, 0.880797])


def test_people_repay_as_often_as_their_chances_say() -> None:
    table = InventedLoans().load()
    chances = repayment_probability(np.asarray(table.columns["income"]), np.asarray(table.columns["debt"]))
    repaid = np.asarray(table.columns["repaid"]) == "yes"
    # a sum of independent coins: within four of its standard deviations
    assert abs(repaid.sum() - chances.sum()) < 4 * np.sqrt((chances * (1 - chances)).sum())


def test_the_model_sees_three_columns_and_not_the_sex() -> None:
    data = InventedLoans()
    data.setup()
    assert [feature.name for feature in data.info.features] == ["income", "debt", "years"]
    assert [(each.name, each.seen_by_model) for each in data.info.sensitive] == [("sex", False)]
    assert sum(data.info.rows.values()) == ROWS
