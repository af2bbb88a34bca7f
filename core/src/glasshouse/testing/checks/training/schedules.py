"""Checks of learning-rate schedules: a valid learning rate at each step, complete state."""

from __future__ import annotations

import io
import math
from typing import Any

import torch
from torch import nn

from glasshouse.system import library_errors
from glasshouse.testing.checks.training.steps import fit, small_task
from glasshouse.testing.checks.training.tensors import difference, weights_of
from glasshouse.testing.kit.checks import Check, expect
from glasshouse.testing.kit.common import COMMON_CHECKS
from glasshouse.testing.kit.subjects import Subject
from glasshouse.testing.kit.tiny import tiny
from glasshouse.training.optimization import SchedulerConfig

LENGTH = 20
"""Number of training steps."""

RATE = 0.1


class ScheduleSubject(Subject):
    """A schedule and its options."""

    def choice(self) -> SchedulerConfig:
        """The schedule as configured in a run, which is built once the optimizer exists."""
        return SchedulerConfig(self.target, self.options, interval=self.plugin.interval)

    def build(self) -> tuple[torch.optim.Optimizer, Any]:
        """An optimizer with learning rate 0.1 and its schedule, for a training of `LENGTH` steps."""
        w = nn.Parameter(torch.zeros(2))
        w.grad = torch.ones(2)
        optimizer = torch.optim.SGD([w], lr=RATE)
        with library_errors.user_errors_from_constructor(self.who):
            return optimizer, self.choice().build_for(optimizer, lambda: LENGTH)


SUBJECT = ScheduleSubject


def length_is_filled(subject: ScheduleSubject) -> None:
    """It can be built from the optimizer alone; the training's length fills `total_steps` or `T_max`."""
    subject.build()


def learning_rates_are_valid(subject: ScheduleSubject) -> None:
    """The learning rate of each step of the training is finite and not negative, and not 0 throughout."""
    rates = _rates(*subject.build(), LENGTH)
    bad = [f"{rate:g} at step {step}" for step, rate in enumerate(rates) if not (math.isfinite(rate) and rate >= 0)]
    expect(not bad, f"expected finite rates of at least 0, received {', '.join(bad[:3])}")
    expect(any(rates), "expected a rate above 0 at some step, received none")


def schedule_is_deterministic(subject: ScheduleSubject) -> None:
    """Two instances have the same learning rates."""
    first, second = (_rates(*subject.build(), LENGTH) for _ in range(2))
    expect(first == second, f"expected {first}, received {second}")


def state_dict_round_trip(subject: ScheduleSubject) -> None:
    """Its saved state and the optimizer's, loaded with `weights_only=True`, continue with the same learning rates."""
    optimizer, schedule = subject.build()
    _rates(optimizer, schedule, 7)
    file = io.BytesIO()
    torch.save({"optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()}, file)
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    other_optimizer, other = subject.build()
    other_optimizer.load_state_dict(saved["optimizer"])
    other.load_state_dict(saved["schedule"])
    expected, received = _rates(optimizer, schedule, LENGTH - 7), _rates(other_optimizer, other, LENGTH - 7)
    expect(received == expected, f"expected rates {expected} after the state was read, received {received}")


def trains_in_a_task(subject: ScheduleSubject) -> None:
    """Lightning steps it through a training of a `Task`, until the last step."""
    data = tiny("tabular", "binary")
    task = small_task(data.info)
    before = weights_of(task)
    task.optimizer_factory = lambda parameters: torch.optim.SGD(parameters, lr=RATE)
    task.scheduler = subject.choice()
    fit(task, data, epochs=3)
    after = weights_of(task)
    bad = [name for name, tensor in after.items() if not torch.isfinite(tensor).all()]
    expect(not bad, f"expected finite weights, received others in {', '.join(bad)}")
    expect(difference(before, after) is not None, "expected changed weights, received the initial ones")


LR_SCHEDULER_CHECKS = (
    *COMMON_CHECKS,
    *map(
        Check.of,
        (
            length_is_filled,
            learning_rates_are_valid,
            schedule_is_deterministic,
            state_dict_round_trip,
            trains_in_a_task,
        ),
    ),
)


def _rates(optimizer: torch.optim.Optimizer, schedule: Any, steps: int) -> list[float]:
    """The learning rate of each step; a schedule that follows a metric gets a constant loss."""
    follows_a_metric = isinstance(schedule, torch.optim.lr_scheduler.ReduceLROnPlateau)
    rates = []
    for _ in range(steps):
        rates.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        if follows_a_metric:
            schedule.step(1.0)
        else:
            schedule.step()
    return rates
