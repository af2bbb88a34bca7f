"""Cost of training an existing project's LightningModule and DataLoader: glasshouse against Lightning alone.

    python benchmarks/existing_project.py [--rounds 7] [--epochs 6] [--steps 100] [--batch-sizes 32 256]

Four trainings of the same network on the same `(x, y)` from a DataLoader with its defaults, with the same flags:

- Lightning: a plain Trainer with a CSVLogger.
- Lightning + callback: the same with `glasshouse.AuditCallback`, which audits nothing here (there is no test split).
- glasshouse: the LightningModule in the Trainer that `glasshouse run` creates.
- glasshouse, plain network: the network alone; glasshouse computes its loss and metrics.

Processor time of a process on one thread, because wall time depends on the machine's load: between the starts of two
epochs, divided by the steps. The four take turns, round after round, and the fastest epoch of each counts, because
load only ever adds time. The table also shows the calls of Python and C functions per step, counted by the
interpreter, which are the same on every machine. Exit code 1 if a training with glasshouse makes more calls than
Lightning's, or takes more than 1.05 times as long.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any

import glasshouse
import torch
import torch.nn.functional as F
from glasshouse.data.data_info import Target
from glasshouse.training.task import Task
from glasshouse.training.trainer import make_trainer
from machine import facts
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.loggers import CSVLogger
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

COLUMNS = 20
FLAGS: dict[str, Any] = {
    "accelerator": "cpu",
    "enable_progress_bar": False,
    "enable_model_summary": False,
}
ALLOWED = 1.05
COUNTED = 40
"""Steps between two counts of calls."""

Training = Callable[[DataLoader[Any], Path, int, Any], None]
"""(loader, folder, epochs, clock)."""


def network() -> nn.Module:
    """With the same initial weights every time."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(COLUMNS, 64), nn.ReLU(), nn.Linear(64, 2))


class Classifier(LightningModule):
    """A classifier as in Lightning's tutorial."""

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


class Clock(Callback):
    """Records the processor time at which epochs start."""

    def __init__(self) -> None:
        self._starts: list[float] = []

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._starts.append(time.process_time())

    @property
    def seconds(self) -> list[float]:
        """Of each epoch except the first, which warms up, and the last, whose end is not recorded."""
        return [after - start for start, after in pairwise(self._starts[1:])]


def by_lightning(data: DataLoader[Any], folder: Path, epochs: int, clock: Clock) -> None:
    logger = CSVLogger(str(folder))
    Trainer(**FLAGS, max_epochs=epochs, logger=logger, default_root_dir=folder, callbacks=[clock]).fit(
        Classifier(), data
    )


def with_callback(data: DataLoader[Any], folder: Path, epochs: int, clock: Clock) -> None:
    both = [clock, glasshouse.AuditCallback(run_dir=str(folder), audits=[])]
    logger = CSVLogger(str(folder))
    Trainer(**FLAGS, max_epochs=epochs, logger=logger, default_root_dir=folder, callbacks=both).fit(Classifier(), data)


def by_glasshouse(data: DataLoader[Any], folder: Path, epochs: int, clock: Clock) -> None:
    options = {**FLAGS, "max_epochs": epochs}
    make_trainer(options, folder=folder, monitor=None, callbacks=[clock], loggers=[]).fit(Classifier(), data)


def plain_network(data: DataLoader[Any], folder: Path, epochs: int, clock: Clock) -> None:
    task = Task(network(), Target(name="y", kind="binary", classes=("no", "yes")))
    task.optimizer_factory = lambda parameters: torch.optim.Adam(parameters, lr=1e-3)
    options = {**FLAGS, "max_epochs": epochs}
    make_trainer(options, folder=folder, monitor=None, callbacks=[clock], loggers=[]).fit(task, data)


TRAININGS: dict[str, Training] = {
    "Lightning": by_lightning,
    "Lightning + callback": with_callback,
    "glasshouse": by_glasshouse,
    "glasshouse, plain network": plain_network,
}
JUDGED = ("glasshouse", "glasshouse, plain network")


def loader(steps: int, batch_size: int) -> DataLoader[Any]:
    """A shuffled DataLoader."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(steps * batch_size, COLUMNS, generator=generator)
    return DataLoader(TensorDataset(x, (x[:, 0] > 0).long()), batch_size=batch_size, shuffle=True)


def microseconds_per_step(steps: int, epochs: int, batch_size: int, rounds: int) -> dict[str, float]:
    """Of the fastest epoch of each training."""
    found: dict[str, list[float]] = {name: [] for name in TRAININGS}
    for _ in range(rounds):
        for name, train in TRAININGS.items():
            clock = Clock()
            with tempfile.TemporaryDirectory() as folder:
                train(loader(steps, batch_size), Path(folder), epochs, clock)
            found[name] += clock.seconds
    return {name: 1e6 * min(times) / steps for name, times in found.items()}


def calls_per_step(train: Training) -> float:
    """Calls of Python and C functions per step."""

    def counted(steps: int) -> int:
        data, calls = loader(steps, 32), 0

        def note(frame: FrameType, event: str, _: Any) -> None:
            nonlocal calls
            calls += event in ("call", "c_call")

        with tempfile.TemporaryDirectory() as folder:
            sys.setprofile(note)
            try:
                train(data, Path(folder), 1, Clock())
            finally:
                sys.setprofile(None)
        return calls

    counted(2)
    return (counted(2 * COUNTED) - counted(COUNTED)) / COUNTED


def main() -> int:
    """Count, measure, print a table, and return 0 if every goal is met, else 1."""
    parser = argparse.ArgumentParser(description="An existing project: Lightning alone and with glasshouse.")
    parser.add_argument("--rounds", type=int, default=7, help="rounds (7)")
    parser.add_argument("--epochs", type=int, default=6, help="epochs a training; the first and last do not count (6)")
    parser.add_argument("--steps", type=int, default=100, help="steps an epoch (100)")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[32, 256], help="(32 256)")
    options = parser.parse_args()
    if options.epochs < 3:
        parser.error("--epochs: at least 3, since the first and the last do not count")
    warnings.filterwarnings("ignore")
    for name in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    torch.set_num_threads(1)
    calls = {name: calls_per_step(train) for name, train in TRAININGS.items()}
    met = all(calls[name] <= calls["Lightning"] for name in JUDGED)
    print("| batch | training | µs per step | of Lightning's | calls per step |\n|---:|---|---:|---:|---:|")
    for batch_size in options.batch_sizes:
        times = microseconds_per_step(options.steps, options.epochs, batch_size, options.rounds)
        for name, microseconds in times.items():
            ratio = microseconds / times["Lightning"]
            met = met and (name not in JUDGED or ratio <= ALLOWED)
            print(f"| {batch_size} | {name} | {microseconds:,.0f} | {ratio:.2f} | {calls[name]:,.0f} |")
    print(
        f"\nProcessor time on one thread, the fastest epoch of {options.rounds} interleaved rounds, "
        f"{options.steps} steps an epoch, MLP {COLUMNS}-64-2; {facts('torch', 'pytorch-lightning')}. "
        f"Goal: no more calls than Lightning, and at most "
        f"{ALLOWED} times its time: {'met' if met else 'NOT met'}."
    )
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
