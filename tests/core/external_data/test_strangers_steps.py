"""With a stranger's data and module, a step of training through glasshouse makes no more calls than Lightning's own.

Counted, not timed: every call of a Python or C function, by the difference of two lengths, which leaves out what an
epoch does once. The times are those of benchmarks/existing_project.py.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import glasshouse
import pytest
import torch
import torch.nn.functional as F
from glasshouse.data.data_info import Target
from glasshouse.training.task import Task
from glasshouse.training.trainer import make_trainer
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.loggers import CSVLogger
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

FLAGS: dict[str, Any] = {
    "max_epochs": 1,
    "accelerator": "cpu",
    "enable_progress_bar": False,
    "enable_model_summary": False,
}
SHORT, LONG = 20, 60


class Plain(LightningModule):
    """As Lightning's tutorial has it."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        loss = F.cross_entropy(self.layer(batch[0]), batch[1])
        self.log("train_loss", loss)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def loader(batches: int) -> DataLoader[Any]:
    return DataLoader(TensorDataset(torch.zeros(8 * batches, 4), torch.zeros(8 * batches).long()), batch_size=8)


def calls_per_step(fit: Callable[[DataLoader[Any]], None]) -> float:
    def counted(batches: int) -> int:
        data, calls = loader(batches), 0

        def note(frame: FrameType, event: str, _: Any) -> None:
            nonlocal calls
            calls += event in ("call", "c_call")

        before = sys.getprofile()
        sys.setprofile(note)
        try:
            fit(data)
        finally:
            sys.setprofile(before)
        return calls

    counted(2)  # whatever is cached on first use
    return (counted(LONG) - counted(SHORT)) / (LONG - SHORT)


@pytest.fixture
def by_lightning(tmp_path: Path) -> float:
    def fit(data: DataLoader[Any]) -> None:
        logger = CSVLogger(str(tmp_path))
        Trainer(**FLAGS, logger=logger, default_root_dir=tmp_path).fit(Plain(), data)

    return calls_per_step(fit)


def test_a_strangers_module(tmp_path: Path, by_lightning: float) -> None:
    def fit(data: DataLoader[Any]) -> None:
        make_trainer(dict(FLAGS), folder=tmp_path, monitor=None, callbacks=[], loggers=[]).fit(Plain(), data)

    assert calls_per_step(fit) <= by_lightning


def test_a_plain_network_whose_loss_is_ours(tmp_path: Path, by_lightning: float) -> None:
    def fit(data: DataLoader[Any]) -> None:
        task = Task(nn.Linear(4, 2), Target(name="y", kind="binary", classes=("n", "y")))
        task.optimizer_factory = lambda parameters: torch.optim.SGD(parameters, lr=0.1)
        make_trainer(dict(FLAGS), folder=tmp_path, monitor=None, callbacks=[], loggers=[]).fit(task, data)

    assert calls_per_step(fit) <= by_lightning


def test_the_callback_itself_does_nothing_in_a_step(tmp_path: Path) -> None:
    ours = str(Path(glasshouse.__file__).parent)
    seen = []
    for batches in (SHORT, LONG):
        calls, before = 0, sys.getprofile()

        def note(frame: FrameType, event: str, _: Any) -> None:
            nonlocal calls
            calls += event == "call" and frame.f_code.co_filename.startswith(ours)

        callback = glasshouse.AuditCallback(audits=["performance"])  # there is no test split: it only listens
        trainer = Trainer(**FLAGS, logger=False, default_root_dir=tmp_path, callbacks=[callback])
        sys.setprofile(note)
        try:
            trainer.fit(Plain(), loader(batches))
        finally:
            sys.setprofile(before)
        seen.append(calls)
    assert seen[0] > 0  # its hooks at the ends
    assert seen[0] == seen[1]
