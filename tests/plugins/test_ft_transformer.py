"""Tokens by hand, blocks against torch's own attention, gradients everywhere, and that it learns."""

from __future__ import annotations

import pytest
import torch
from glasshouse import UserError
from glasshouse_plugins.models.ft_transformer import Block, FeatureTokenizer, FTTransformer
from torch import nn


def rows(numeric: int, cardinalities: list[int], n: int) -> torch.Tensor:
    blocks = [nn.functional.one_hot(torch.randint(levels, (n,)), levels).float() for levels in cardinalities]
    return torch.cat([torch.randn(n, numeric), *blocks], dim=1)


def test_vectors_of_features_by_hand() -> None:
    """One number, one category of two: x w + b, and the level's own vector + b."""
    vectors = FeatureTokenizer(1, [2], width=2)
    with torch.no_grad():
        vectors.numbers.copy_(torch.tensor([[1.0, -1.0]]))
        vectors.categories[0].copy_(torch.tensor([[5.0, 6.0], [7.0, 8.0]]))
        vectors.bias.copy_(torch.tensor([[0.5, 0.5], [0.0, 1.0]]))
    found = vectors(torch.tensor([[3.0, 0.0, 1.0], [0.0, 0.0, 0.0]]))
    assert found.tolist() == [[[3.5, -2.5], [7.0, 9.0]], [[0.5, 0.5], [0.0, 1.0]]]


@pytest.mark.parametrize("first", [True, False])
def test_a_block_is_torchs_attention_and_a_gated_layer(first: bool) -> None:
    torch.manual_seed(0)
    block = Block(8, 2, 5, attention_dropout=0.3, dropout=0.3, first=first).eval()
    oracle = nn.MultiheadAttention(8, 2, batch_first=True).eval()
    with torch.no_grad():
        oracle.in_proj_weight.copy_(torch.cat([block.query.weight, block.key_and_value.weight]))
        oracle.in_proj_bias.copy_(torch.cat([block.query.bias, block.key_and_value.bias]))
        oracle.out_proj.weight.copy_(block.attended.weight)
        oracle.out_proj.bias.copy_(block.attended.bias)
    x = torch.randn(3, 4, 8)
    seen = x if first else nn.functional.layer_norm(x, (8,))
    after = x + oracle(seen, seen, seen)[0]
    a, b = block.enter(nn.functional.layer_norm(after, (8,))).chunk(2, dim=2)
    expected = after + block.leave(a * b.relu())
    torch.testing.assert_close(block(x, x), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(block(x[:, :1], x), expected[:, :1], rtol=1e-4, atol=1e-5)  # as behind the last block


def test_the_order_of_rows_changes_nothing_and_dropout_is_for_training() -> None:
    torch.manual_seed(0)
    model = FTTransformer(3 + 4 + 2, 3, [4, 2]).eval()
    x = rows(3, [4, 2], 6)
    torch.testing.assert_close(model(x)[[5, 0, 3]], model(x[[5, 0, 3]]), rtol=1e-4, atol=1e-6)
    assert torch.equal(model(x), model(x))
    assert not torch.equal(model.train()(x), model(x))
    assert model(x).shape == (6, 3)


def test_every_column_has_a_gradient_and_every_parameter_too() -> None:
    torch.manual_seed(0)
    model = FTTransformer(2 + 4, 2, [4], blocks=3).eval()
    x = rows(2, [4], 20).requires_grad_()
    model(x)[:, 0].sum().backward()
    assert bool((x.grad != 0).all())
    assert all(p.grad is not None and bool(p.grad.any()) for p in model.parameters())


@pytest.mark.parametrize("cardinalities", [[], [3]])
def test_numbers_alone_and_categories_alone(cardinalities: list[int]) -> None:
    width = 2 if not cardinalities else 3
    assert FTTransformer(width, 1, cardinalities)(rows(0 if cardinalities else 2, cardinalities, 4)).shape == (4, 1)


def test_it_learns_what_no_sum_of_features_can() -> None:
    """Whether two numbers have one sign."""
    torch.manual_seed(0)
    model = FTTransformer(2, 2, width=16, heads=2, blocks=2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    x = torch.randn(256, 2)
    y = (x[:, 0] * x[:, 1] > 0).long()
    for _ in range(150):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    assert float((model.eval()(x).argmax(1) == y).float().mean()) > 0.93


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cardinalities": [3, 4]}, r"the one-hot blocks \(cardinalities\) are 2 columns wider than the input"),
        ({"width": 10, "heads": 4}, "width is 10; expected a multiple of heads, 4"),
        ({"blocks": 0}, "blocks is 0; expected at least 1"),
        ({"feedforward": 0.0}, "feedforward is 0; expected at least 1"),
        ({"dropout": 1.0}, "dropout is 1.0; expected 0 <= dropout < 1"),
    ],
)
def test_sizes_that_cannot_be_built(options: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=f"model 'ft_transformer': {message}"):
        FTTransformer(5, 2, **options)  # type: ignore[arg-type]
