"""A schedule's length, where the user leaves it out, is that of the training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from glasshouse import InMemoryLoader, Target, UserError
from glasshouse.training.optimization import SchedulerConfig
from glasshouse.training.task import Task
from glasshouse_plugins.optimizers.schedules import Cosine, OneCycle, Plateau, WarmupCosine
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import nn
from torch.optim import SGD, lr_scheduler

BINARY = Target(name="y", kind="binary", classes=("no", "yes"))

Fit = Callable[..., Trainer]
Loader = Callable[..., InMemoryLoader]


class Rates(Callback):
    """The rate under which every step was taken."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Any) -> None:
        self.seen.append(optimizer.param_groups[0]["lr"])


def rates(fit: Fit, make_task: Any, loader: InMemoryLoader, choice: SchedulerConfig, **options: Any) -> list[float]:
    task: Task = make_task(nn.Linear(4, 2), BINARY, lr=0.2)
    task.scheduler = choice
    seen = Rates()
    fit(task, loader, callbacks=[seen], **options)
    return seen.seen


def planned(schedule: Callable[[SGD], Any], steps: int) -> list[float]:
    """Oracle: the schedule with its length given, stepped by hand."""
    optimizer = SGD([nn.Parameter(torch.zeros(1))], lr=0.2)
    scheduler = schedule(optimizer)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (OneCycle, lambda o: lr_scheduler.OneCycleLR(o, max_lr=0.2, total_steps=21, cycle_momentum=False)),
        (Cosine, lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=21)),
        (WarmupCosine, lambda o: WarmupCosine(o, total_steps=21)),
    ],
    ids=["one_cycle", "cosine", "warmup_cosine"],
)
def test_steps_are_counted_over_all_epochs(
    fit: Fit, make_task: Any, make_loader: Loader, ours: Any, theirs: Any
) -> None:
    """3 epochs of 7 batches, the last of them not full."""
    found = rates(fit, make_task, make_loader(50, batch_size=8), SchedulerConfig(ours, {}, "step"), epochs=3)
    assert found == pytest.approx(planned(theirs, 21))


def test_accumulated_batches_are_one_step(fit: Fit, make_task: Any, make_loader: Loader) -> None:
    """8 batches by fours are 2 steps an epoch."""
    choice = SchedulerConfig(Cosine, {}, "step")
    found = rates(fit, make_task, make_loader(64, batch_size=8), choice, epochs=3, accumulate_grad_batches=4)
    assert found == pytest.approx(planned(lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=6), 6))


def test_a_schedule_by_the_epoch_counts_epochs(fit: Fit, make_task: Any, make_loader: Loader) -> None:
    choice = SchedulerConfig(lr_scheduler.CosineAnnealingLR, {}, "epoch")
    found = rates(fit, make_task, make_loader(16, batch_size=8), choice, epochs=3)
    by_epoch = planned(lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=3), 3)
    assert found == pytest.approx([rate for rate in by_epoch for _ in range(2)])


def test_a_length_that_is_given_is_kept(fit: Fit, make_task: Any, make_loader: Loader) -> None:
    choice = SchedulerConfig(Cosine, {"T_max": 4}, "step")
    found = rates(fit, make_task, make_loader(16, batch_size=8), choice, epochs=2)
    assert found == pytest.approx(planned(lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=4), 4))


def test_training_without_an_end_has_no_length(fit: Fit, make_task: Any, make_loader: Loader) -> None:
    choice = SchedulerConfig(lr_scheduler.CosineAnnealingLR, {}, "epoch")
    with pytest.raises(UserError, match=r"^lr_scheduler: requires a known number of epochs\. Set `trainer: {max_"):
        rates(fit, make_task, make_loader(16, batch_size=8), choice, epochs=-1, max_steps=3)


def test_a_plateau_watches_what_the_task_logs(fit: Fit, make_task: Any) -> None:
    """Without bias and over zeros there is no gradient: the loss stays, and the rate is halved epoch by epoch."""
    task: Task = make_task(nn.Linear(4, 2, bias=False), BINARY, lr=0.2)
    task.scheduler = SchedulerConfig(Plateau, {"patience": 0, "factor": 0.5}, "epoch")
    loader, seen = InMemoryLoader(torch.zeros(8, 4), torch.zeros(8, dtype=torch.int64)), Rates()
    assert task.scheduler.build(task, SGD(task.parameters(), lr=0.2))["monitor"] == "validate_loss"
    fit(task, loader, loader, callbacks=[seen], epochs=4)
    assert seen.seen == pytest.approx([0.2, 0.2, 0.1, 0.05])
