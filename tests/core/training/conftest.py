"""Tasks trained in a moment, as a run trains them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from glasshouse import InMemoryLoader, Target
from glasshouse.training.task import Task
from glasshouse.training.trainer import make_trainer
from pytorch_lightning import Trainer
from torch import Tensor, nn

BINARY = Target(name="y", kind="binary", classes=("no", "yes"))


def task_on(network: nn.Module, target: Target, *, lr: float = 0.0) -> Task:
    """A task under plain SGD; at a rate of 0 its weights stay, and every number can be computed again afterwards."""
    task = Task(network, target)
    task.optimizer_factory = lambda parameters: torch.optim.SGD(parameters, lr=lr)
    return task


def rows_for(target: Target, n: int, *, width: int = 4, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Inputs and targets of a kind."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, width, generator=generator)
    if target.kind == "regression":
        return x, torch.randn(n, generator=generator)
    if target.kind == "multilabel":
        return x, torch.randint(2, (n, target.num_outputs), generator=generator)
    return x, torch.randint(target.num_outputs, (n,), generator=generator)


@pytest.fixture
def fit(tmp_path: Path) -> Callable[..., Trainer]:
    """`fit(task, loader, validation_loader, epochs=1, **trainer options)` on the CPU, each into a folder of its own."""

    times = itertools.count()

    def trained(task: Task, train: Any, validate: Any = None, *, epochs: int = 1, **options: Any) -> Trainer:
        given = {"max_epochs": epochs, "accelerator": "cpu", "enable_progress_bar": False, **options}
        folder = tmp_path / f"run{next(times)}"
        folder.mkdir()
        trainer = make_trainer(given, folder=folder, monitor=None, callbacks=[], loggers=[])
        trainer.fit(task, train, validate)
        return trainer

    return trained


@pytest.fixture
def make_task() -> Callable[..., Task]:
    return task_on


@pytest.fixture
def make_rows() -> Callable[..., tuple[Tensor, Tensor]]:
    return rows_for


@pytest.fixture
def make_loader() -> Callable[..., InMemoryLoader]:
    """`make_loader(n, batch_size=..., shuffle=...)` over rows of a binary target."""

    def loader(n: int, **options: Any) -> InMemoryLoader:
        return InMemoryLoader(*rows_for(BINARY, n), **options)

    return loader
