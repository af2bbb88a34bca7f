"""Each optimizer walks the path of torch's own, unfused, in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from glasshouse_plugins.optimizers.adam import Adam
from glasshouse_plugins.optimizers.adamw import AdamW
from glasshouse_plugins.optimizers.fused import can_fuse, listed
from glasshouse_plugins.optimizers.momentum import Momentum
from glasshouse_plugins.optimizers.rmsprop import RMSprop
from glasshouse_plugins.optimizers.sgd import SGD

PAIRS = [
    (SGD, {}, torch.optim.SGD, {"lr": 0.01}),
    (SGD, {"lr": 0.1, "weight_decay": 0.1}, torch.optim.SGD, {"lr": 0.1, "weight_decay": 0.1}),
    (Momentum, {}, torch.optim.SGD, {"lr": 0.01, "momentum": 0.9}),
    (Momentum, {"nesterov": True}, torch.optim.SGD, {"lr": 0.01, "momentum": 0.9, "nesterov": True}),
    (RMSprop, {}, torch.optim.RMSprop, {"lr": 0.001}),
    (RMSprop, {"alpha": 0.9, "momentum": 0.5}, torch.optim.RMSprop, {"lr": 0.001, "alpha": 0.9, "momentum": 0.5}),
    (Adam, {}, torch.optim.Adam, {"lr": 0.001}),
    (Adam, {"beta1": 0.5, "weight_decay": 0.1}, torch.optim.Adam, {"betas": (0.5, 0.999), "weight_decay": 0.1}),
    (AdamW, {}, torch.optim.AdamW, {"lr": 0.001}),
    (AdamW, {"lr": 0.1, "weight_decay": 0.5}, torch.optim.AdamW, {"lr": 0.1, "weight_decay": 0.5}),
]


def path(build: Callable[[list[Any]], torch.optim.Optimizer], steps: int = 20) -> torch.Tensor:
    """Weights after each step down an ill-conditioned bowl with cross terms."""
    slope = torch.tensor([[10.0, 1.0, 0.0], [1.0, 0.1, 0.2], [0.0, 0.2, 3.0]], dtype=torch.float64)
    w = torch.nn.Parameter(torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64))
    optimizer = build([w])
    seen = []
    for _ in range(steps):
        optimizer.zero_grad()
        (w @ slope @ w).backward()
        optimizer.step()
        seen.append(w.detach().clone())
    return torch.stack(seen)


@pytest.mark.parametrize(("ours", "options", "theirs", "their_options"), PAIRS)
def test_the_path_is_torchs(ours: Any, options: Any, theirs: Any, their_options: Any) -> None:
    expected = path(
        lambda p: theirs(p, fused=False, **their_options) if ours is not RMSprop else theirs(p, **their_options)
    )
    torch.testing.assert_close(path(lambda p: ours(p, **options)), expected, rtol=0, atol=1e-6)


def test_one_step_of_sgd_by_hand() -> None:
    w = torch.nn.Parameter(torch.tensor([2.0]))
    optimizer = SGD([w], lr=0.5, weight_decay=0.1)
    (3 * w).sum().backward()
    optimizer.step()
    assert w.item() == pytest.approx(2 - 0.5 * (3 + 0.1 * 2))


def test_decoupled_decay_by_hand() -> None:
    """With no gradient AdamW only shrinks the weight, by lr times weight_decay of it."""
    w = torch.nn.Parameter(torch.tensor([2.0]))
    optimizer = AdamW([w], lr=0.5, weight_decay=0.1)
    w.grad = torch.zeros(1)
    optimizer.step()
    assert w.item() == pytest.approx(2 * (1 - 0.5 * 0.1))


@pytest.mark.parametrize("optimizer", [SGD, Momentum, Adam, AdamW])
def test_a_step_is_fused_where_that_works(optimizer: Any) -> None:
    real = torch.nn.Parameter(torch.zeros(2))
    elsewhere = torch.nn.Parameter(torch.zeros(2, device="meta"))
    assert optimizer([real]).defaults["fused"] is True
    assert optimizer([real], fused=False).defaults["fused"] is False
    assert optimizer([real, elsewhere]).defaults["fused"] is False


@pytest.mark.parametrize("optimizer", [SGD, Momentum, RMSprop, Adam, AdamW])
def test_all_that_torch_takes_for_parameters(optimizer: Any) -> None:
    model = torch.nn.Linear(2, 1)
    for params in (
        model.parameters(),
        list(model.named_parameters()),
        [{"params": model.weight}, {"params": iter([model.bias]), "lr": 0.5}],
    ):
        groups = optimizer(params).param_groups
        assert {p for group in groups for p in group["params"]} == set(model.parameters())
    assert groups[1]["lr"] == 0.5


def test_what_can_be_fused() -> None:
    complex_weight = torch.nn.Parameter(torch.zeros(1, dtype=torch.complex64))
    assert can_fuse([torch.nn.Parameter(torch.zeros(1, dtype=torch.bfloat16))])
    assert not can_fuse([complex_weight])
    assert not can_fuse(listed([{"params": iter([complex_weight])}]))
