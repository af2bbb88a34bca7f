"""What training through glasshouse costs where model and data are a stranger's: a LightningModule, a DataLoader.

    python benchmarks/strangers_data.py [--rounds 7] [--steps 400] [--batch-sizes 32 256]

Four trainings of the same network on the same `(x, y)` from a DataLoader with its defaults, with the same flags:

- Lightning: a Trainer of one's own with a CSVLogger.
- Lightning + callback: the same with `glasshouse.AuditCallback`, which audits nothing here (there is no test split).
- glasshouse: the LightningModule in the Trainer that `glasshouse run` makes.
- glasshouse, plain network: the network alone, whose loss and metrics are glasshouse's.

Processor time of a process on one thread, since the clock of a busy machine says little: that of a training of twice
the steps less that of one, so that start and end do not count. The four take turns, round after round; ratios are of
medians. Beside it stand the calls of Python and C functions in a step, counted by the interpreter, which are the same
on every machine. Exit code 1 where a training through glasshouse makes more calls than Lightning's, or takes more than
1.05 times as long.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median
from types import FrameType
from typing import Any

import glasshouse
import torch
import torch.nn.functional as F
from glasshouse.data import Target
from glasshouse.task import Task
from glasshouse.training import make_trainer
from machine import facts
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.loggers import CSVLogger
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

COLUMNS = 20
FLAGS: dict[str, Any] = {
    "max_epochs": 1,
    "accelerator": "cpu",
    "enable_progress_bar": False,
    "enable_model_summary": False,
}
ALLOWED = 1.05
COUNTED = 40
"""Steps by which calls are counted."""

Training = Callable[[DataLoader[Any], Path], None]


def network() -> nn.Module:
    """Always the same weights to begin with."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(COLUMNS, 64), nn.ReLU(), nn.Linear(64, 2))


class Theirs(LightningModule):
    """A classifier as Lightning's tutorial writes it."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = network()

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)  # type: ignore[no-any-return]

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        x, y = batch
        loss = F.cross_entropy(self(x), y)
        self.log("train_loss", loss)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=1e-3)


def by_lightning(data: DataLoader[Any], folder: Path) -> None:
    Trainer(**FLAGS, logger=CSVLogger(str(folder)), default_root_dir=folder).fit(Theirs(), data)


def with_callback(data: DataLoader[Any], folder: Path) -> None:
    callback = glasshouse.AuditCallback(run_dir=str(folder), audits=[])
    logger = CSVLogger(str(folder))
    Trainer(**FLAGS, logger=logger, default_root_dir=folder, callbacks=[callback]).fit(Theirs(), data)


def by_glasshouse(data: DataLoader[Any], folder: Path) -> None:
    make_trainer(dict(FLAGS), folder=folder, monitor=None, callbacks=[], loggers=[]).fit(Theirs(), data)


def plain_network(data: DataLoader[Any], folder: Path) -> None:
    task = Task(network(), Target(name="y", kind="binary", classes=("no", "yes")))
    task.optimizer_factory = lambda parameters: torch.optim.Adam(parameters, lr=1e-3)
    make_trainer(dict(FLAGS), folder=folder, monitor=None, callbacks=[], loggers=[]).fit(task, data)


TRAININGS: dict[str, Training] = {
    "Lightning": by_lightning,
    "Lightning + callback": with_callback,
    "glasshouse": by_glasshouse,
    "glasshouse, plain network": plain_network,
}
JUDGED = ("glasshouse", "glasshouse, plain network")


def loader(steps: int, batch_size: int) -> DataLoader[Any]:
    """Shuffled, as theirs are."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(steps * batch_size, COLUMNS, generator=generator)
    return DataLoader(TensorDataset(x, (x[:, 0] > 0).long()), batch_size=batch_size, shuffle=True)


def seconds(train: Training, steps: int, batch_size: int) -> float:
    """Processor time of one training."""
    data = loader(steps, batch_size)
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        train(data, Path(folder))
        return time.process_time() - start


def microseconds_per_step(steps: int, batch_size: int, rounds: int) -> dict[str, float]:
    """Median over the rounds for each training."""
    found: dict[str, list[float]] = {name: [] for name in TRAININGS}
    for _ in range(rounds):
        for name, train in TRAININGS.items():
            more = seconds(train, 2 * steps, batch_size) - seconds(train, steps, batch_size)
            found[name].append(1e6 * more / steps)
    return {name: median(times) for name, times in found.items()}


def calls_per_step(train: Training) -> float:
    """Calls of Python and C functions in a step."""

    def counted(steps: int) -> int:
        data, calls = loader(steps, 32), 0

        def note(frame: FrameType, event: str, _: Any) -> None:
            nonlocal calls
            calls += event in ("call", "c_call")

        with tempfile.TemporaryDirectory() as folder:
            sys.setprofile(note)
            try:
                train(data, Path(folder))
            finally:
                sys.setprofile(None)
        return calls

    counted(2)
    return (counted(2 * COUNTED) - counted(COUNTED)) / COUNTED


def main() -> int:
    """Count, measure, print a table, and say by the exit code whether all is as it must be."""
    parser = argparse.ArgumentParser(description="A stranger's project: Lightning alone and through glasshouse.")
    parser.add_argument("--rounds", type=int, default=7, help="rounds (7)")
    parser.add_argument("--steps", type=int, default=400, help="steps of the shorter training (400)")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[32, 256], help="(32 256)")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    for chatty in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    torch.set_num_threads(1)
    calls = {name: calls_per_step(train) for name, train in TRAININGS.items()}
    held = all(calls[name] <= calls["Lightning"] for name in JUDGED)
    print("| batch | training | µs per step | of Lightning's | calls per step |\n|---:|---|---:|---:|---:|")
    for batch_size in options.batch_sizes:
        times = microseconds_per_step(options.steps, batch_size, options.rounds)
        for name, microseconds in times.items():
            ratio = microseconds / times["Lightning"]
            held = held and (name not in JUDGED or ratio <= ALLOWED)
            print(f"| {batch_size} | {name} | {microseconds:,.0f} | {ratio:.2f} | {calls[name]:,.0f} |")
    print(
        f"\nProcessor time on one thread, medians of {options.rounds} interleaved rounds over {options.steps} steps, "
        f"MLP {COLUMNS}-64-2; {facts('torch', 'pytorch-lightning')}. Goal: no more calls than Lightning, and at most "
        f"{ALLOWED} times its time: {'held' if held else 'NOT held'}."
    )
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
