"""What a large model's explanations may cost: operations counted by hand, and budgets that follow from them."""

from __future__ import annotations

import torch
from glasshouse_audits.explain.question import MAX_EVALUATIONS, evaluation_budget, operations_per_row, two_permutations
from torch import nn


def test_the_products_of_a_network_are_counted(question, mlp) -> None:
    # By hand: two operations for each weight, 5 x 16 + 16 x 16 + 16; below that of all parameters, biases included.
    assert operations_per_row(question(mlp)) == max(2 * (80 + 256 + 16), 2 * (80 + 16 + 256 + 16 + 16 + 1))


def test_attention_counts_for_more_than_its_weights(question) -> None:
    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Linear(1, 8), nn.Linear(8, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            tokens = self.first(x.unsqueeze(2))
            return self.last(nn.functional.scaled_dot_product_attention(tokens, tokens, tokens).mean(dim=1))

    # Five tokens of eight numbers: 5 x 8 products to make them, 5 x 5 x 8 twice for attention, 8 at the end.
    assert operations_per_row(question(Attention())) == 2 * (5 * 8 + 2 * 5 * 5 * 8 + 8)


def test_a_small_network_has_the_whole_budget_and_a_large_one_two_orders_at_least(question, mlp) -> None:
    assert evaluation_budget(question(mlp)) == MAX_EVALUATIONS
    large = nn.Sequential(nn.Linear(5, 4000), nn.ReLU(), nn.Linear(4000, 4000), nn.ReLU(), nn.Linear(4000, 1))
    asked = question(large, rows=200, background=100)
    assert operations_per_row(asked) > 32e6
    assert evaluation_budget(asked) == two_permutations(asked) == 4 * 3 * 100 + 1
    between = nn.Sequential(nn.Linear(5, 300), nn.ReLU(), nn.Linear(300, 300), nn.ReLU(), nn.Linear(300, 1))
    asked = question(between, rows=200)
    assert evaluation_budget(asked) == int(1e12 / 200 / operations_per_row(asked)) < MAX_EVALUATIONS
