"""Cost of a training step: glasshouse, plain Lightning and a hand-written loop, on the same table and network.

    python benchmarks/training_overhead.py [--repeats 5] [--steps 200] [--columns 14 100] [--threads 1 2]
    python benchmarks/training_overhead.py --shortcuts [--repeats 21]

- glasshouse: the parts of `glasshouse run`: Task, InMemoryLoader, its AdamW, and a Trainer with metrics.csv and
  checkpoints.
- Lightning: a LightningModule as in its tutorial, a DataLoader with its defaults over a TensorDataset, `self.log` on
  every step, and the Trainer's defaults.
- by hand: slices of tensors, forward, backward, step; nothing is logged or saved.

All three use the fused AdamW, so they differ only in the code around the network. A step's time is the time between
the starts of two epochs, divided by the steps, whose number is the same at every batch size: it includes everything
that an epoch does, but neither start-up nor the first epoch. The three take turns; the fastest epoch of each turn
counts, because slower ones are due to the machine's load (as in Python's timeit), and medians are taken over the
turns. Before the timing, the results are compared: on the rows in glasshouse's order, the hand-written loop must
reach the same weights; Lightning, which has its own order, must reach the same loss up to the noise of the order.
Exit code 1 if a goal is missed or the results differ.

`--shortcuts` measures the shortcuts of `glasshouse.training.lightning_speedups`: the processor time of a step with all
of them, and without each one, in turn, each in its fastest epoch of all turns.
"""

from __future__ import annotations

import argparse
import inspect
import logging
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import torch
import torch.nn.functional as F
from glasshouse.data.data_info import Target
from glasshouse.datamodules.loader import InMemoryLoader
from glasshouse.training.lightning_speedups import NoProfiler
from glasshouse.training.task import Task
from glasshouse.training.trainer import make_trainer
from glasshouse_plugins.models.mlp import MLP
from glasshouse_plugins.optimizers.adamw import AdamW
from machine import facts
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.profilers import PassThroughProfiler
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

LEARNING_RATE = 1e-3
TARGET = Target(name="y", kind="binary", classes=("no", "yes"))
TIMES_FASTER_THAN_LIGHTNING = {256: 3.0, 2048: 9.0}
TIMES_SLOWER_THAN_BY_HAND = 2.0
SAME_WEIGHTS = 1e-5
SAME_LOSS = 0.03
"""Relative: two seeds of the order differ by less, one epoch more or less by more."""


@dataclass(frozen=True)
class Table:
    """A table in which half of the columns affect a binary target."""

    x: Tensor
    y: Tensor

    @classmethod
    def make(cls, rows: int, columns: int) -> Table:
        """Standard normal columns; the target is a noisy nonlinear function of them."""
        generator = torch.Generator().manual_seed(0)
        x = torch.randn(rows, columns, generator=generator)
        signal = x[:, : columns // 2].sum(dim=1) / (columns // 2) ** 0.5 + x[:, 0] * x[:, 1]
        return cls(x, (signal + 0.5 * torch.randn(rows, generator=generator) > 0).long())

    def network(self) -> nn.Module:
        """With the same initial weights every time."""
        torch.manual_seed(1)
        return MLP(in_features=self.x.shape[1], num_classes=2, hidden=(64, 64))

    def loss(self, network: nn.Module) -> float:
        """Cross-entropy in nats over all rows."""
        with torch.no_grad():
            return float(F.cross_entropy(network(self.x), self.y))


@dataclass(frozen=True)
class Trained:
    """The result of one training: the network, and the seconds from each epoch's start to the next one's."""

    network: nn.Module
    seconds: list[float]


Training = Callable[[Table, int, int], Trained]
"""(table, batch size, epochs) -> Trained."""


def by_glasshouse(
    table: Table,
    batch_size: int,
    epochs: int,
    *,
    monitor: str | None = None,
    timer: Callable[[], float] = time.perf_counter,
) -> Trained:
    """Training as in `glasshouse run`."""
    task = Task(table.network(), TARGET)
    task.optimizer_factory = lambda parameters: AdamW(parameters, lr=LEARNING_RATE)
    clock = Clock(timer)
    with tempfile.TemporaryDirectory() as folder:
        options = {"max_epochs": epochs, "accelerator": "cpu", "enable_progress_bar": False}
        trainer = make_trainer(options, folder=Path(folder), monitor=monitor, callbacks=[clock], loggers=[])
        trainer.fit(task, loader(table, batch_size))
    return Trained(task.network, clock.seconds)


def loader(table: Table, batch_size: int) -> InMemoryLoader:
    """The batches of `TabularDataModule.train_dataloader`."""
    return InMemoryLoader(table.x, table.y, batch_size=batch_size, shuffle=True, seed=2)


class Plain(LightningModule):
    """A classifier as in Lightning's tutorial."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        x, y = batch
        loss = F.cross_entropy(self.network(x), y)
        self.log("train_loss", loss)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=LEARNING_RATE, fused=True)


def by_lightning(table: Table, batch_size: int, epochs: int) -> Trained:
    """Plain Lightning: a default DataLoader, `self.log` on each step."""
    module, clock = Plain(table.network()), Clock()
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            max_epochs=epochs,
            accelerator="cpu",
            default_root_dir=folder,
            callbacks=[clock],
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(module, DataLoader(TensorDataset(table.x, table.y), batch_size=batch_size, shuffle=True))
    return Trained(module.network, clock.seconds)


class Clock(Callback):
    """Records when epochs start."""

    def __init__(self, timer: Callable[[], float] = time.perf_counter) -> None:
        self._timer = timer
        self._starts: list[float] = []

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._starts.append(self._timer())

    @property
    def seconds(self) -> list[float]:
        return between(self._starts)


def between(starts: list[float]) -> list[float]:
    """Seconds of each epoch except the first, which warms up, and the last, whose end is not recorded."""
    return [after - start for start, after in pairwise(starts[1:])]


def by_hand(table: Table, batch_size: int, epochs: int) -> Trained:
    """A loop over shuffled batches."""
    return loop(table, batch_size, (torch.randperm(len(table.x)) for _ in range(epochs)))


def loop(table: Table, batch_size: int, orders: Iterable[Tensor]) -> Trained:
    """Forward, backward, step over batches of rows, with one order per epoch."""
    network = table.network()
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, fused=True)
    starts = []
    for order in orders:
        starts.append(time.perf_counter())
        for rows in torch.split(order, batch_size):
            loss = F.cross_entropy(network(table.x.index_select(0, rows)), table.y.index_select(0, rows))
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return Trained(network, between(starts))


def disagreement(table: Table, batch_size: int) -> list[str]:
    """Differences between the results of the three trainings, of two epochs each; empty if they agree."""
    ours, lightning = by_glasshouse(table, batch_size, 2).network, by_lightning(table, batch_size, 2).network
    batches = loader(table, batch_size)
    hand = loop(table, batch_size, [torch.cat([batch.index for batch in batches]) for _ in range(2)]).network
    differ = max(float((a - b).detach().abs().max()) for a, b in zip(ours.parameters(), hand.parameters(), strict=True))
    losses = table.loss(ours), table.loss(lightning), table.loss(hand)
    print(
        f"batch {batch_size:>5}, {table.x.shape[1]:>3} columns: glasshouse's weights differ from the loop's by at most "
        f"{differ:.1e}; loss {losses[0]:.4f}, Lightning {losses[1]:.4f}, by hand {losses[2]:.4f}"
    )
    found = [f"weights differ by {differ:.1e} from the hand-written loop"] if not differ <= SAME_WEIGHTS else []
    if not abs(losses[0] - losses[1]) <= SAME_LOSS * losses[1]:
        found.append(f"loss is {losses[0]:.4f}, Lightning's {losses[1]:.4f}")
    return [f"batch {batch_size}, {table.x.shape[1]} columns: {what}" for what in found]


@dataclass(frozen=True)
class Timing:
    """Microseconds per step of one setting, in the fastest epoch of each turn."""

    threads: int
    columns: int
    batch_size: int
    glasshouse: list[float]
    lightning: list[float]
    by_hand: list[float]

    @property
    def faster_than_lightning(self) -> float:
        return median(self.lightning) / median(self.glasshouse)

    @property
    def slower_than_by_hand(self) -> float:
        return median(self.glasshouse) / median(self.by_hand)

    @property
    def goal(self) -> float:
        """Required speed-up over Lightning; 0 if no goal is set for this batch size."""
        return TIMES_FASTER_THAN_LIGHTNING.get(self.batch_size, 0.0)

    @property
    def met(self) -> bool:
        return self.faster_than_lightning >= self.goal and self.slower_than_by_hand <= TIMES_SLOWER_THAN_BY_HAND


def timing(table: Table, batch_size: int, *, threads: int, epochs: int, repeats: int) -> Timing:
    """Train in turn, `repeats` times."""
    torch.set_num_threads(threads)
    steps = len(table.x) // batch_size
    trainings: dict[str, Training] = {"glasshouse": by_glasshouse, "lightning": by_lightning, "by_hand": by_hand}
    found: dict[str, list[float]] = {name: [] for name in trainings}
    for _ in range(repeats):
        for name, train in trainings.items():
            found[name].append(1e6 * min(train(table, batch_size, epochs).seconds) / steps)
    return Timing(threads=threads, columns=table.x.shape[1], batch_size=batch_size, **found)


SHORTCUTS: dict[str, tuple[Any, str, Any]] = {
    "attribute assignment": (Task, "__setattr__", LightningModule.__setattr__),
    "batch transfer": (Task, "transfer_batch_to_device", LightningModule.transfer_batch_to_device),
    "fixed signature": (Task.training_step, "__signature__", None),
    "no profiler": (NoProfiler, "profile", PassThroughProfiler.profile),
}
"""Name -> (owner, attribute, what Lightning has in its place; None: no such attribute)."""


@contextmanager
def without(shortcut: str) -> Iterator[None]:
    """Train as Lightning does in one respect."""
    owner, name, theirs = SHORTCUTS[shortcut]
    own, ours = name in vars(owner), inspect.getattr_static(owner, name)
    if theirs is None:
        delattr(owner, name)
    else:
        setattr(owner, name, theirs)
    try:
        yield
    finally:
        if own:
            setattr(owner, name, ours)
        else:
            delattr(owner, name)


def measure_shortcuts(repeats: int) -> str:
    """The gain of each shortcut, with one thread and batches of 256 rows of 14 columns, as Markdown."""
    torch.set_num_threads(1)
    steps = 50  # short epochs, since the fastest one of many is rarely interrupted by another process
    table = Table.make(steps * 256, 14)

    def microseconds() -> float:
        # processor time, because other processes cost more than a shortcut gains
        trained = by_glasshouse(table, 256, 32, monitor="train_loss", timer=time.thread_time)
        return 1e6 * min(trained.seconds) / steps

    microseconds()
    with_all: list[float] = []
    less: dict[str, list[float]] = {name: [] for name in SHORTCUTS}
    for _ in range(repeats):
        with_all.append(microseconds())
        for name in SHORTCUTS:
            with without(name):
                less[name].append(microseconds())
    lines = ["| shortcut | with all | without it | gain |", "|---|---:|---:|---:|"]
    for name in SHORTCUTS:
        gain = min(less[name]) / min(with_all) - 1
        lines.append(f"| {name} | {min(with_all):,.0f} | {min(less[name]):,.0f} | {gain:.0%} |")
    return "\n".join(lines)


def main() -> int:
    """Compare the results, measure, print a table, and return 0 if results agree and goals are met, else 1."""
    parser = argparse.ArgumentParser(description="Microseconds per training step: glasshouse, Lightning, by hand.")
    parser.add_argument("--repeats", type=int, default=5, help="turns (5)")
    parser.add_argument(
        "--steps", type=int, default=200, help="steps of an epoch: rows are these times the batch (200)"
    )
    parser.add_argument("--columns", type=int, nargs="+", default=[14, 100], help="columns of the table (14 100)")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[256, 2048], help="(256 2048)")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="threads of torch (1 2)")
    parser.add_argument("--epochs", type=int, default=4, help="epochs a training; the first and last do not count (4)")
    parser.add_argument("--shortcuts", action="store_true", help="what each shortcut around Lightning gains, only")
    options = parser.parse_args()
    if options.epochs < 3:
        parser.error("--epochs: at least 3, since the first and the last do not count")
    warnings.filterwarnings("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    if options.shortcuts:
        print(measure_shortcuts(options.repeats))
        print(f"\nMicroseconds of processor time per step, fastest epoch of {options.repeats} turns; {facts('torch')}.")
        return 0
    torch.set_num_threads(options.threads[0])
    settings = [
        (Table.make(options.steps * batch_size, columns), batch_size)
        for columns in options.columns
        for batch_size in options.batch_sizes
    ]
    differences = [found for table, batch_size in settings for found in disagreement(table, batch_size)]
    timings = [
        timing(table, batch_size, threads=threads, epochs=options.epochs, repeats=options.repeats)
        for threads in options.threads
        for table, batch_size in settings
    ]
    print()
    print(render(timings))
    print(
        f"\nMicroseconds per step, medians over {options.repeats} turns, of each the fastest of {options.epochs - 2} "
        f"epochs of {options.steps} steps; MLP 64-64, fused AdamW; goals: against Lightning at least 3 (batch 256) "
        f"and 9 (batch 2,048) times faster, against the hand-written loop at most 2 times slower; "
        f"{facts('torch', 'pytorch-lightning')}."
    )
    for difference in differences:
        print(f"DIFFERENT RESULTS: {difference}")
    return 0 if not differences and all(t.met for t in timings) else 1


def render(timings: list[Timing]) -> str:
    """Markdown: one line per setting."""
    lines = [
        "| threads | columns | batch | glasshouse | Lightning | by hand | times faster than Lightning "
        "| times slower than by hand | met |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for t in timings:
        medians = " | ".join(f"{median(values):,.0f}" for values in (t.glasshouse, t.lightning, t.by_hand))
        ratios = f"{t.faster_than_lightning:.1f} | {t.slower_than_by_hand:.2f}"
        lines.append(
            f"| {t.threads} | {t.columns} | {t.batch_size:,} | {medians} | {ratios} | {'yes' if t.met else 'NO'} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
