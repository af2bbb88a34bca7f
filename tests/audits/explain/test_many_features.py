"""How many rows are explained where two random orders of all features are too much work, counted in operations."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from glasshouse_audits.explain import question as questions
from glasshouse_audits.explain.question import affordable, two_permutations


@pytest.mark.parametrize(
    ("features", "operations", "expected"),
    [(13, 10_000, (200, 100)), (100, 21_000, (200, 100)), (2000, 264_000, (10, 10)), (400, 60_000, (200, 10))],
)
def test_fewer_rows_are_explained_where_features_are_many(monkeypatch, features, operations, expected):
    monkeypatch.setattr(questions, "operations_per_row", lambda _: operations)
    asked = SimpleNamespace(rows=torch.zeros(200, features), background=torch.zeros(100, features), features=features)
    rows, background = affordable(asked)
    assert (rows, background) == expected
    small = SimpleNamespace(rows=asked.rows[:rows], background=asked.background[:background], features=features)
    assert two_permutations(small) * rows * operations <= 1e12


def test_a_sample_smaller_than_the_least_is_kept(monkeypatch):
    monkeypatch.setattr(questions, "operations_per_row", lambda _: 10**9)
    asked = SimpleNamespace(rows=torch.zeros(3, 50), background=torch.zeros(4, 50), features=50)
    assert affordable(asked) == (3, 4)
