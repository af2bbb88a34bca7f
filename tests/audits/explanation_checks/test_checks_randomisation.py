"""Weights are drawn anew from the output on, and come back bit by bit."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from glasshouse_audits.explain.checks.randomisation import cascade, layers, randomise, restored, stages


class Odd(torch.nn.Module):
    """Defined in another order than called; a tied layer, a buffer, a normalisation and a parameter of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.last = torch.nn.Linear(4, 1)
        self.first = torch.nn.Linear(3, 4)
        self.norm = torch.nn.BatchNorm1d(4)
        self.tied = self.first
        self.scale = torch.nn.Parameter(torch.full((4,), 2.0))
        self.register_buffer("seen", torch.tensor(7), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.norm(self.first(x)) * self.scale)


def state(module: torch.nn.Module) -> dict[str, bytes]:
    named = dict(module.named_parameters()) | dict(module.named_buffers())
    return {name: tensor.detach().numpy().tobytes() for name, tensor in named.items()}


def test_layers_are_found_in_the_order_they_are_called_and_no_hook_stays() -> None:
    model = Odd().eval()
    ordered = layers(model, lambda: model(torch.zeros(1, 3)))
    assert ordered == [model.last, model.norm, model.first, model]
    assert not any(m._forward_pre_hooks for m in model.modules())


def test_no_hook_stays_where_the_call_fails() -> None:
    model = Odd()

    def fail() -> None:
        raise RuntimeError("no forward today")

    with pytest.raises(RuntimeError, match="no forward today"):
        layers(model, fail)
    assert not any(m._forward_pre_hooks for m in model.modules())


def test_layers_that_are_not_called_keep_their_place() -> None:
    attention = torch.nn.MultiheadAttention(4, 2, batch_first=True)
    x = torch.zeros(1, 2, 4)
    assert layers(attention, lambda: attention(x, x, x)) == [attention.out_proj, attention]


def test_every_stage_randomises_one_more_layer_and_all_come_back() -> None:
    model = Odd().eval()
    before, generator = state(model), torch.random.get_rng_state()
    identities = {name: id(p) for name, p in model.named_parameters()}
    ordered = [model.last, model.norm, model.first, model]
    seen = cascade(model, ordered, [1, 2, 3, 4], lambda: state(model), seed=0)
    changed = [{name for name in before if one[name] != before[name]} for one in seen]
    # a fresh BatchNorm has the weights and statistics that this one has never left
    assert changed[0] == {"last.weight", "last.bias"}
    assert changed[1] == changed[0]
    assert changed[2] == changed[0] | {"first.weight", "first.bias"}
    assert changed[3] == changed[2] | {"scale"}
    assert seen[2]["last.weight"] == seen[0]["last.weight"]
    assert state(model) == before
    assert {name: id(p) for name, p in model.named_parameters()} == identities
    assert torch.equal(torch.random.get_rng_state(), generator)


def test_the_weights_come_back_after_an_exception() -> None:
    model = Odd().eval()
    model.norm.running_mean += 0.25
    before = state(model)

    def look() -> None:
        model.norm.running_mean += 1
        raise RuntimeError("the method gave up")

    with pytest.raises(RuntimeError, match="the method gave up"):
        cascade(model, [model.last, model.norm], [2], look, seed=0)
    assert state(model) == before


def test_replaced_parameters_come_back_too() -> None:
    """Some layers reset themselves by making new parameters."""
    model = Odd()
    original = model.scale
    with restored(model):
        model.scale = torch.nn.Parameter(torch.zeros(4))
        model.seen = torch.tensor(8)
    assert model.scale is original
    assert int(model.seen) == 7


def test_the_seed_decides_and_looking_does_not() -> None:
    model = Odd().eval()

    def first_weights(seed: int, *, drawing: bool) -> np.ndarray:
        def look() -> np.ndarray:
            if drawing:
                torch.randn(3)
            return model.first.weight.detach().numpy().copy()

        return cascade(model, [model.last, model.first], [1, 2], look, seed=seed)[1]

    np.testing.assert_array_equal(first_weights(0, drawing=False), first_weights(0, drawing=True))
    assert not np.array_equal(first_weights(0, drawing=False), first_weights(1, drawing=False))


def test_layers_without_a_reset_get_normal_weights_of_the_same_size() -> None:
    class Raw(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.full((100, 100), 3.0))

    layer = Raw()
    torch.manual_seed(0)
    randomise(layer)
    weights = layer.weight.detach().numpy()
    assert np.sqrt((weights**2).mean()) == pytest.approx(3, rel=0.05)
    assert weights.mean() == pytest.approx(0, abs=0.15)


def test_frozen_weights_are_randomised_and_stay_frozen() -> None:
    model = copy.deepcopy(Odd()).requires_grad_(False)
    before = state(model)
    (seen,) = cascade(model, [model.last], [1], lambda: state(model), seed=0)
    assert seen != before
    assert state(model) == before
    assert not any(p.requires_grad for p in model.parameters())


@pytest.mark.parametrize(
    ("count", "most", "expected"),
    [(0, 5, []), (1, 5, [1]), (3, 5, [1, 2, 3]), (5, 5, [1, 2, 3, 4, 5]), (21, 5, [1, 6, 11, 16, 21])],
)
def test_stages(count: int, most: int, expected: list[int]) -> None:
    assert stages(count, most) == expected
