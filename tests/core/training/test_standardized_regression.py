"""Regression targets far from 0 are learned in standardized units and reported in their own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from glasshouse import DataInfo, InMemoryLoader, ModelHandle, Target
from glasshouse.training.task import Task
from pytorch_lightning import Trainer
from sklearn.linear_model import LinearRegression
from torch import nn

TARGET = Target(name="price", kind="regression", center=5000.0, scale=250.0)
INFO = DataInfo(name="prices", modality="tabular", target=TARGET, input_shape=(3,))


def test_an_output_of_zero_is_the_mean_target() -> None:
    network = nn.Linear(3, 1)
    nn.init.zeros_(network.weight)
    nn.init.constant_(network.bias, 2.0)
    handle = ModelHandle(Task(network, TARGET), INFO)
    x = torch.randn(4, 3)
    assert handle.output_kind == "standardized"
    assert handle.scores(x).tolist() == [[5500.0]] * 4  # 5000 + 2 * 250
    assert handle.loss(x, torch.full((4,), 5490.0)).tolist() == [100.0] * 4  # in squared units of the target


def test_a_network_that_says_values_is_left_in_its_own_units() -> None:
    network = nn.Linear(3, 1)
    network.output_kind = "values"  # type: ignore[assignment]
    handle = ModelHandle(Task(network, TARGET), INFO)
    x = torch.randn(4, 3)
    assert torch.equal(handle.scores(x), network(x).detach())


@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_least_squares_is_reached_wherever_the_target_lies(offset: float) -> None:
    """Oracle: scikit-learn's LinearRegression on the same rows."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(256, 3)).astype(np.float32)
    y = (offset + 300 * (x @ [1.0, -2.0, 0.5]) + rng.normal(size=256) * 50).astype(np.float32)
    target = Target(name="y", kind="regression", center=float(y.mean()), scale=float(y.std()))
    torch.manual_seed(0)
    task = Task(nn.Linear(3, 1), target)
    task.optimizer_factory = lambda parameters: torch.optim.Adam(parameters, lr=0.05)
    steps = 400  # each on all rows, which one epoch repeats: as many epochs would take ten times as long
    rows, values = torch.from_numpy(x).repeat(steps, 1), torch.from_numpy(y).repeat(steps)
    loader = InMemoryLoader(rows, values, batch_size=256)
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = Trainer(max_epochs=1, enable_checkpointing=False, **quiet)  # type: ignore[arg-type]
    trainer.fit(task, loader)
    assert trainer.global_step == steps
    found = ModelHandle(task, INFO).module(torch.from_numpy(x)).detach().numpy()[:, 0] * target.scale + target.center
    np.testing.assert_allclose(found, LinearRegression().fit(x, y).predict(x), atol=1e-3 * target.scale)
