"""Questions about small networks: age, one job of three in one-hot columns, and noise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from glasshouse import DataInfo, Explainer, ModelHandle, Question, Target
from glasshouse.config.run_options import Choice
from glasshouse_audits.explain.explainers import find_method

OWNER = np.array([0, 1, 1, 1, 2])
REGRESSION = Target(name="price", kind="regression")


def inputs(n: int, seed: int) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    jobs = np.eye(3)[rng.integers(0, 3, n)]
    return torch.from_numpy(np.column_stack([rng.normal(size=n), jobs, rng.normal(size=n)]).astype(np.float32))


def ask(
    network: torch.nn.Module, target: Target = REGRESSION, *, rows: int = 6, background: int = 8, **more: Any
) -> Question:
    holder = torch.nn.Module()
    holder.network = network
    x = more.pop("x", inputs(rows, 1))
    z = more.pop("z", inputs(background, 2))
    info = DataInfo(name="toy", modality="tabular", target=target, input_shape=(x.shape[1],))
    more = {"outputs": (0,), "owner": OWNER, "seed": 5} | more
    return Question(model=ModelHandle(holder, info), rows=x, background=z, **more)


@pytest.fixture
def question() -> Callable[..., Question]:
    return ask


@pytest.fixture
def explainer() -> Callable[..., Explainer]:
    return lambda name, **options: find_method(Choice(name, options)).explainer


@pytest.fixture
def mlp() -> torch.nn.Module:
    """Two hidden layers, the noise without any weight."""
    torch.manual_seed(3)
    net = torch.nn.Sequential(
        torch.nn.Linear(5, 16), torch.nn.ReLU(), torch.nn.Linear(16, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1)
    )
    with torch.no_grad():
        net[0].weight[:, 4] = 0
        for p in net.parameters():
            p.mul_(1.5)
    return net
