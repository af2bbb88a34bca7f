"""Schedules of the learning rate. Lengths that are left out are filled with the length of the whole training."""

from __future__ import annotations

import math

import torch
from glasshouse import UserError
from torch.optim import lr_scheduler


class Constant(lr_scheduler.LambdaLR):
    """The optimizer's own rate throughout."""

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        super().__init__(optimizer, lambda _: 1.0)


class Step(lr_scheduler.StepLR):
    """The rate times `gamma` every `step_size` epochs.

    Args:
        step_size: epochs between two reductions.
        gamma: what the rate is multiplied by.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, step_size: int = 10, gamma: float = 0.1) -> None:
        super().__init__(optimizer, step_size=step_size, gamma=gamma)


class Cosine(lr_scheduler.CosineAnnealingLR):
    """Half a cosine from the optimizer's rate down to `eta_min` (Loshchilov and Hutter 2017, without restarts).

    Args:
        T_max: optimizer steps until `eta_min`; default: the whole training.
        eta_min: the last rate.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, T_max: int | None = None, eta_min: float = 0.0) -> None:
        super().__init__(optimizer, T_max=_length("cosine", "T_max", T_max), eta_min=eta_min)


class OneCycle(lr_scheduler.OneCycleLR):
    """Up to `max_lr` and down again along cosines (Smith and Topin 2018).

    Args:
        max_lr: the highest rate; default: the optimizer's own.
        total_steps: optimizer steps of the whole cycle; default: the whole training.
        pct_start: share of the steps in which the rate rises.
        div_factor: `max_lr` divided by the first rate.
        final_div_factor: the first rate divided by the last.
        cycle_momentum: let momentum fall and rise the other way round; for optimizers that have it.
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        max_lr: float | None = None,
        total_steps: int | None = None,
        pct_start: float = 0.3,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        cycle_momentum: bool = False,
    ) -> None:
        peaks = [group["lr"] if max_lr is None else max_lr for group in optimizer.param_groups]
        super().__init__(
            optimizer,
            max_lr=peaks,
            total_steps=_length("one_cycle", "total_steps", total_steps),
            pct_start=pct_start,
            div_factor=div_factor,
            final_div_factor=final_div_factor,
            cycle_momentum=cycle_momentum,
        )


class WarmupCosine(lr_scheduler.LambdaLR):
    """A straight line up to the optimizer's rate, then half a cosine down.

    At step t of T with w = round(warmup T), the rate is multiplied by (t + 1) / (w + 1) while t < w, and then by
    final + (1 - final) (1 + cos(pi (t - w) / (T - w))) / 2; beyond T it stays at `final`.

    Args:
        total_steps: T; default: the whole training.
        warmup: share of the steps in which the rate rises, in [0, 1).
        final: the last rate as a share of the optimizer's, in [0, 1].
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        total_steps: int | None = None,
        warmup: float = 0.05,
        final: float = 0.0,
    ) -> None:
        if not (0 <= warmup < 1 and 0 <= final <= 1):
            raise UserError(
                "lr_scheduler 'warmup_cosine'",
                f"warmup is {warmup} and final is {final}; expected 0 <= warmup < 1 and 0 <= final <= 1.",
            )
        total = _length("warmup_cosine", "total_steps", total_steps)
        rising = min(round(warmup * total), total - 1)

        def factor(step: int) -> float:
            if step < rising:
                return (step + 1) / (rising + 1)
            progress = min(1.0, (step - rising) / (total - rising))
            return final + (1 - final) * (1 + math.cos(math.pi * progress)) / 2

        super().__init__(optimizer, factor)


class Plateau(lr_scheduler.ReduceLROnPlateau):
    """The rate times `factor` whenever `monitor` has not become smaller for more than `patience` epochs.

    Args:
        monitor: the logged metric that is watched.
        factor: what the rate is multiplied by.
        patience: epochs without improvement that are tolerated.
        min_lr: the rate never goes below.
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        monitor: str = "validate_loss",
        factor: float = 0.1,
        patience: int = 10,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(optimizer, factor=factor, patience=patience, min_lr=min_lr)
        self.monitor = monitor


def _length(schedule: str, argument: str, steps: int | None) -> int:
    if steps is None or steps < 1:
        raise UserError(
            f"lr_scheduler '{schedule}'",
            f"{argument} is {steps}; expected the number of steps of the training, at least 1.",
            f"Set `{argument}`, or `trainer: {{max_epochs: ...}}` from which it is filled.",
        )
    return steps
