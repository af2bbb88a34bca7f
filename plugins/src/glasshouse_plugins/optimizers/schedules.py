"""Learning-rate schedules. Lengths left out are set to the length of the whole training."""

from __future__ import annotations

import math

import torch
from glasshouse import UserError
from torch.optim import lr_scheduler


class Constant(lr_scheduler.LambdaLR):
    """Keeps the optimizer's learning rate."""

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        super().__init__(optimizer, lambda _: 1.0)


class Step(lr_scheduler.StepLR):
    """Multiplies the learning rate by `gamma` every `step_size` epochs.

    Args:
        step_size: epochs between two reductions, at least 1.
        gamma: factor of each reduction.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, step_size: int = 10, gamma: float = 0.1) -> None:
        super().__init__(optimizer, step_size=step_size, gamma=gamma)


class Cosine(lr_scheduler.CosineAnnealingLR):
    """Cosine annealing from the optimizer's learning rate to `eta_min` (Loshchilov and Hutter 2017, without restarts).

    Args:
        T_max: number of optimizer steps until `eta_min`; default: the whole training.
        eta_min: final learning rate.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, T_max: int | None = None, eta_min: float = 0.0) -> None:
        super().__init__(optimizer, T_max=_length("cosine", "T_max", T_max), eta_min=eta_min)


class OneCycle(lr_scheduler.OneCycleLR):
    """One-cycle schedule: increases to `max_lr`, then decreases, both by cosine annealing (Smith and Topin 2018).

    Args:
        max_lr: highest learning rate; default: the optimizer's learning rate.
        total_steps: number of optimizer steps of the cycle; default: the whole training.
        pct_start: fraction of the steps in which the learning rate increases, in [0, 1].
        div_factor: `max_lr` divided by the initial learning rate.
        final_div_factor: the initial learning rate divided by the final one.
        cycle_momentum: cycle the momentum in the opposite direction; requires an optimizer with momentum.
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
    """Linear warm-up to the optimizer's learning rate, then cosine annealing.

    At step t of T with w = round(warmup T), the learning rate is multiplied by (t + 1) / (w + 1) while t < w, and then
    by final + (1 - final) (1 + cos(pi (t - w) / (T - w))) / 2; after step T the factor stays at `final`.

    Args:
        total_steps: number of optimizer steps T; default: the whole training.
        warmup: fraction of the steps used for warm-up, in [0, 1).
        final: final learning rate as a fraction of the optimizer's, in [0, 1].
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
        warmup_steps = min(round(warmup * total), total - 1)

        def factor(step: int) -> float:
            if step < warmup_steps:
                return (step + 1) / (warmup_steps + 1)
            progress = min(1.0, (step - warmup_steps) / (total - warmup_steps))
            return final + (1 - final) * (1 + math.cos(math.pi * progress)) / 2

        super().__init__(optimizer, factor)


class Plateau(lr_scheduler.ReduceLROnPlateau):
    """Multiplies the learning rate by `factor` when `monitor` has not decreased for more than `patience` epochs.

    Args:
        monitor: name of the logged metric; lower is better.
        factor: factor of each reduction, below 1.
        patience: epochs without improvement before a reduction.
        min_lr: lower bound of the learning rate.
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
            f"{argument} is {steps}; expected the number of optimizer steps, at least 1.",
            f"Set `{argument}`, or `trainer: {{max_epochs: ...}}`, from which it is computed.",
        )
    return steps
