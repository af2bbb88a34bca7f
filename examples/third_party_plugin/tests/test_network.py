"""The network is monotone for any weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from glasshouse import UserError

from glasshouse_monotone.network import MonotoneNetwork


@pytest.mark.parametrize("seed", range(5))
def test_it_rises_and_falls_as_it_must(seed: int) -> None:
    torch.manual_seed(seed)
    network = MonotoneNetwork(in_features=3, num_classes=2, directions=[1, -1, 0], hidden=64)
    for weights in network.parameters():
        torch.nn.init.normal_(weights, std=2.0)
    x = torch.randn(200, 3, requires_grad=True)
    (slopes,) = torch.autograd.grad(network(x).sum(), x)
    assert (slopes[:, 0] >= 0).all()
    assert (slopes[:, 1] <= 0).all()
    assert slopes[:, 2].min() < 0 < slopes[:, 2].max()


def test_a_unit_worked_by_hand() -> None:
    network = MonotoneNetwork(in_features=2, num_classes=1, directions=[-1, 0], hidden=1)
    with torch.no_grad():
        network.first.weight.copy_(torch.tensor([[2.0, -1.0]]))
        network.last.weight.fill_(3.0)
        network.first.bias.zero_()
        network.last.bias.fill_(1.0)
    # 3^2 tanh(-(2^2) 0.25 - 1 * 0.5) + 1
    found = network(torch.tensor([[0.25, 0.5]]))
    torch.testing.assert_close(found, 9 * torch.tanh(torch.tensor([[-1.5]])) + 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"directions": [1]}, r"directions is \[1\]; expected -1, 0 or 1 for each of the 2 encoded columns"),
        ({"directions": [2, 0]}, "expected -1, 0 or 1"),
        ({"hidden": 0}, "hidden 0; expected at least 1"),
        ({"num_classes": 3}, "num_classes is 3; expected 2, or 1 for regression"),
    ],
)
def test_what_does_not_fit_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        MonotoneNetwork(**{"in_features": 2, "num_classes": 2, **options})
