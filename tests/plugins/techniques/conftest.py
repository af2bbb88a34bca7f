"""A small biased data set, and a training run with or without a technique."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from glasshouse import TabularDataModule
from glasshouse.datamodules.tabular import Coded, RawTable, SensitiveColumn
from glasshouse.training.task import Task
from pytorch_lightning import Trainer, seed_everything


class Biased(TabularDataModule):
    """6,000 people. Merit is the same in both groups; group 1 has its labels raised, and a proxy tells the group."""

    name = "biased"

    def __init__(self, task: str = "binary", sensitive: bool = True, **options: Any) -> None:
        super().__init__(batch_size=256, seed=0, fractions=(0.5, 0.1, 0.4), **options)
        self.task, self.declared = task, sensitive

    def load(self) -> RawTable:
        rng = np.random.default_rng(0)
        n = 6000
        group = rng.integers(0, 2, n)
        merit = rng.normal(size=n)
        proxy = group + 0.35 * rng.normal(size=n)
        worth = merit + 1.2 * (group - 0.5) + 1.5 * rng.normal(size=n)
        columns: dict[str, Any] = {"merit": merit, "proxy": proxy, "group": Coded(group.astype(np.int32), ("a", "b"))}
        columns["y"] = Coded((worth > 0).astype(np.int32), ("no", "yes")) if self.task == "binary" else worth
        return RawTable(
            columns=columns,
            target="y",
            task=self.task,
            features=("merit", "proxy"),
            sensitive=(SensitiveColumn(name="group", column="group"),) if self.declared else (),
        )


class Trained:
    """A trained task, and what it does on the test split."""

    def __init__(self, task: Task, data: Biased) -> None:
        self.task = task
        (batch,) = [data.loader("test").rows]
        with torch.no_grad():
            self.scores = torch.softmax(task.network(batch.x), dim=1)[:, 1].numpy()
        self.y, self.group = batch.y.numpy(), batch.sensitive[:, 0].numpy()
        self.chosen = self.scores > 0.5

    @property
    def parity_difference(self) -> float:
        return abs(self.chosen[self.group == 0].mean() - self.chosen[self.group == 1].mean())

    @property
    def odds_difference(self) -> float:
        rates = [[self.chosen[(self.group == g) & (self.y == y)].mean() for g in (0, 1)] for y in (0, 1)]
        return max(abs(a - b) for a, b in rates)

    @property
    def accuracy(self) -> float:
        return float((self.chosen == (self.y == 1)).mean())


@pytest.fixture(scope="session")
def biased() -> type[Biased]:
    return Biased


@pytest.fixture(scope="session")
def train() -> Callable[..., Trained]:
    """Train a small network on the biased data under a fixed seed."""

    def run(*callbacks: Any, data: Biased | None = None, epochs: int = 6, lr: float = 0.02, **options: Any) -> Trained:
        seed_everything(0)
        data = data or Biased()
        data.setup()
        task = Task(
            torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2)), data.info.target
        )
        task.optimizer_factory = lambda parameters: torch.optim.Adam(parameters, lr=lr)
        Trainer(
            max_epochs=epochs,
            callbacks=list(callbacks),
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            **options,
        ).fit(task, datamodule=data)
        return Trained(task, data)

    return run


@pytest.fixture(scope="session")
def plain(train) -> Trained:
    """The same run without any technique."""
    return train()
