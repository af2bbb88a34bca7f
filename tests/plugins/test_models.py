from __future__ import annotations

import pytest
import torch
from glasshouse import UserError
from glasshouse_plugins.models.linear import Linear
from glasshouse_plugins.models.mlp import MLP, embedding_width
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn


def one_hot_rows(numeric: int, cardinalities: list[int], rows: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs with valid blocks, and the codes behind them (rows, blocks)."""
    codes = torch.stack([torch.randint(levels, (rows,)) for levels in cardinalities], dim=1)
    blocks = [nn.functional.one_hot(codes[:, k], levels).float() for k, levels in enumerate(cardinalities)]
    return torch.cat([torch.randn(rows, numeric), *blocks], dim=1), codes


def test_linear_by_hand() -> None:
    model = Linear(2, 1)
    with torch.no_grad():
        model.layer.weight.copy_(torch.tensor([[2.0, -1.0]]))
        model.layer.bias.fill_(0.5)
    assert model(torch.tensor([[1.0, 3.0], [0.0, 0.0]])).tolist() == [[-0.5], [0.5]]


@settings(max_examples=25)
@given(
    numeric=st.integers(0, 4),
    cardinalities=st.lists(st.integers(1, 6), max_size=3),
    hidden=st.lists(st.integers(1, 8), max_size=2),
    outputs=st.integers(1, 3),
    batch_norm=st.booleans(),
    dropout=st.sampled_from([0.0, 0.5]),
)
def test_mlp_shapes(
    numeric: int, cardinalities: list[int], hidden: list[int], outputs: int, batch_norm: bool, dropout: float
) -> None:
    width = numeric + sum(cardinalities)
    if width == 0:
        return
    model = MLP(width, outputs, cardinalities, hidden, dropout, batch_norm)
    assert model(torch.randn(5, width)).shape == (5, outputs)


def test_without_hidden_layers_and_categories_it_is_the_linear_model() -> None:
    model = MLP(3, 2, hidden=())
    x = torch.randn(4, 3)
    (layer,) = model.layers
    torch.testing.assert_close(model(x), nn.functional.linear(x, layer.weight, layer.bias))


def test_embeddings_are_those_of_nn_embedding() -> None:
    torch.manual_seed(0)
    model = MLP(2 + 4 + 3, 2, [4, 3], hidden=(5,))
    x, codes = one_hot_rows(2, [4, 3], rows=20)
    looked_up = [
        nn.Embedding.from_pretrained(linear.weight.detach().T)(codes[:, k]) for k, linear in enumerate(model.embeddings)
    ]
    torch.testing.assert_close(model(x), model.layers(torch.cat([x[:, :2], *looked_up], dim=1)))


def test_embeddings_learn_as_nn_embedding_does() -> None:
    model = MLP(3, 1, [3], hidden=())
    weight = model.embeddings[0].weight
    table = nn.Embedding.from_pretrained(weight.detach().T.clone(), freeze=False)
    x, codes = one_hot_rows(0, [3], rows=10)
    model(x).sum().backward()
    model.layers(table(codes[:, 0])).sum().backward()
    torch.testing.assert_close(weight.grad.T, table.weight.grad)


def test_a_block_of_zeros_embeds_as_zero() -> None:
    model = MLP(4, 2, [4])
    torch.testing.assert_close(model(torch.zeros(1, 4)), model.layers(torch.zeros(1, embedding_width(4))))


def test_every_input_column_has_a_gradient() -> None:
    """What integrated gradients needs; a look-up by position has none."""
    torch.manual_seed(0)
    x, _ = one_hot_rows(2, [4, 3], rows=6)
    x.requires_grad_()
    MLP(9, 2, [4, 3], activation="tanh")(x)[:, 0].sum().backward()
    assert bool((x.grad != 0).all())


def test_layers_are_what_was_asked_for() -> None:
    model = MLP(4, 2, hidden=[8, 6], dropout=0.3, batch_norm=True, activation="gelu")
    kinds = [nn.Linear, nn.BatchNorm1d, nn.GELU, nn.Dropout]
    assert [type(layer) for layer in model.layers] == kinds + kinds + [nn.Linear]
    assert [layer.p for layer in model.layers if isinstance(layer, nn.Dropout)] == [0.3, 0.3]


# fastai's emb_sz_rule(n) = min(600, round(1.6 n^0.56)), by calculator
@pytest.mark.parametrize(("levels", "width"), [(1, 2), (2, 2), (7, 5), (42, 13), (1000, 77), (100_000, 600)])
def test_embedding_widths(levels: int, width: int) -> None:
    assert embedding_width(levels) == width


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cardinalities": [3, 4]}, r"the one-hot blocks \(cardinalities\) are 2 columns wider than the input"),
        ({"hidden": [8, 0]}, r"hidden is \[8, 0\]; expected numbers of at least 1"),
        ({"dropout": 1.0}, "dropout is 1.0; expected 0 <= dropout < 1"),
        ({"activation": "swish"}, "activation is 'swish'; expected one of relu, gelu, silu, tanh"),
    ],
)
def test_sizes_that_cannot_be_built(options: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=f"model 'mlp': {message}"):
        MLP(5, 2, **options)  # type: ignore[arg-type]
