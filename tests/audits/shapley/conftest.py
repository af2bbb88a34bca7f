"""Toy models, and Shapley's formula written down a second time, in NumPy, one coalition after another."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from math import factorial

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Array = NDArray[np.float64]


def enumerate_values(model: Callable[[Tensor], Tensor], x: Tensor, background: Tensor, owner: list[int]) -> Array:
    """(d, k) values of one row: the mean contribution of a feature over all orders, nothing shared with the code."""
    d = max(owner) + 1

    def worth(coalition: tuple[int, ...]) -> Array:
        mixed = background.clone()
        for column, feature in enumerate(owner):
            if feature in coalition:
                mixed[:, column] = x[column]
        with torch.no_grad():
            return model(mixed).double().numpy().mean(axis=0)

    worths = {s: worth(s) for size in range(d + 1) for s in combinations(range(d), size)}
    values = []
    for j in range(d):
        rest = [i for i in range(d) if i != j]
        value = 0.0
        for size in range(d):
            weight = factorial(size) * factorial(d - size - 1) / factorial(d)
            for s in combinations(rest, size):
                value = value + weight * (worths[tuple(sorted((*s, j)))] - worths[s])
        values.append(value)
    return np.array(values)


def network(inputs: int, outputs: int = 1, *, hidden: int = 16, seed: int = 0) -> nn.Sequential:
    """A network with interactions of all orders: tanh layers, weights large enough to bend."""
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(inputs, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh())
    net.append(nn.Linear(hidden, outputs))
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(2)
    return net.eval()


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="session")
def enumeration() -> Callable[..., Array]:
    return enumerate_values


@pytest.fixture(scope="session")
def make_network() -> Callable[..., nn.Sequential]:
    return network


@pytest.fixture(scope="session")
def draw() -> Callable[..., Tensor]:
    return normal
