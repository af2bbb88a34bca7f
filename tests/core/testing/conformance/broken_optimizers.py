"""Optimizers and schedules, each with one defect, beside ones that have none."""

from __future__ import annotations

import os
from typing import Any

import torch
from torch.optim import lr_scheduler


class Sound(torch.optim.Adam):
    """Adam.

    Args:
        lr: learning rate.
    """

    def __init__(self, params: Any, lr: float = 0.05) -> None:
        super().__init__(params, lr=lr)


class Climbs(torch.optim.SGD):
    """Goes up."""

    def __init__(self, params: Any, lr: float = 0.05) -> None:
        super().__init__(params, lr=lr, maximize=True)


class Wanders(Sound):
    def step(self, closure: Any = None) -> Any:
        loss = super().step(closure)
        for group in self.param_groups:
            for p in group["params"]:
                p.data += (os.urandom(1)[0] + os.urandom(1)[0] / 256) * 1e-4
        return loss


class Forgetful(Sound):
    def state_dict(self) -> Any:
        return {**super().state_dict(), "state": {}}


class KeepsAnObject(Sound):
    def state_dict(self) -> Any:
        return {**super().state_dict(), "itself": type(self)}


class OneRate(torch.optim.SGD):
    """Takes the first group's rate for all."""

    def __init__(self, params: Any, lr: float = 0.05) -> None:
        super().__init__(params, lr=lr)
        for group in self.param_groups:
            group["lr"] = lr


class NoGroups(Sound):
    def __init__(self, params: Any, lr: float = 0.05) -> None:
        params = list(params)
        if isinstance(params[0], dict):
            raise ValueError("no groups here")
        super().__init__(params, lr=lr)


class FixedRate(torch.optim.Optimizer):
    """Does not look at its groups' rate."""

    def __init__(self, params: Any, lr: float = 0.05) -> None:
        self.lr = lr
        super().__init__(params, {"lr": lr})

    def step(self, closure: Any = None) -> Any:
        with torch.enable_grad():
            loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.data -= self.lr * p.grad
        return loss


class HiddenRate(torch.optim.Optimizer):
    def __init__(self, params: Any, rate: float = 0.05) -> None:
        super().__init__(params, {"rate": rate})

    def step(self, closure: Any = None) -> Any:
        return closure()


class ShrinksAll(Sound):
    def step(self, closure: Any = None) -> Any:
        loss = super().step(closure)
        for group in self.param_groups:
            for p in group["params"]:
                p.data *= 1 - group["lr"] / 100
        return loss


class PushesAlways(Sound):
    """Adds to the gradients that are there."""

    def step(self, closure: Any = None) -> Any:
        with torch.enable_grad():
            loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.grad += 1e-3
        super().step()
        return loss


class Silent(Sound):
    def step(self, closure: Any = None) -> Any:
        super().step(closure)


class Deaf(Sound):
    def step(self, closure: Any = None) -> Any:
        return torch.tensor(0.0)


class Makes(Sound):
    def step(self, closure: Any = None) -> Any:
        super().step(closure)
        return torch.tensor(-1.0)


class TakesAnyRate(Sound):
    def __init__(self, params: Any, lr: float = 0.05) -> None:
        super().__init__(params, lr=abs(lr))


class Explodes(Sound):
    def step(self, closure: Any = None) -> Any:
        loss = super().step(closure)
        self.param_groups[0]["params"][0].data.fill_(float("inf"))
        return loss


class Stands(torch.optim.SGD):
    def __init__(self, params: Any, lr: float = 0.0) -> None:
        super().__init__(params, lr=lr)


class SinglePrecision(Sound):
    """Reads its state as it was written."""

    def load_state_dict(self, state_dict: Any) -> None:
        super().load_state_dict(state_dict)
        for state in self.state.values():
            state["exp_avg"] = state["exp_avg"].float()


class Decay(lr_scheduler.LambdaLR):
    """A tenth less at every step.

    Args:
        total_steps: steps of the training.
    """

    def __init__(self, optimizer: Any, total_steps: int) -> None:
        super().__init__(optimizer, lambda step: 0.9**step)


class NeedsMore(Decay):
    """Needs to know more."""

    def __init__(self, optimizer: Any, total_steps: int, warmup: int) -> None:
        super().__init__(optimizer, total_steps)


class Negative(lr_scheduler.LambdaLR):
    def __init__(self, optimizer: Any, total_steps: int) -> None:
        super().__init__(optimizer, lambda step: 1 - step / (total_steps / 2))


class Nothing(lr_scheduler.LambdaLR):
    def __init__(self, optimizer: Any) -> None:
        super().__init__(optimizer, lambda step: 0.0)


class Chance(lr_scheduler.LambdaLR):
    def __init__(self, optimizer: Any) -> None:
        super().__init__(optimizer, lambda step: 1 / (1 + os.urandom(1)[0]))


class Amnesiac(Decay):
    def state_dict(self) -> Any:
        return {}

    def load_state_dict(self, state_dict: Any) -> None:
        pass


class EndsEarly(lr_scheduler.OneCycleLR):
    def __init__(self, optimizer: Any, total_steps: int) -> None:
        super().__init__(optimizer, max_lr=0.1, total_steps=total_steps // 2, cycle_momentum=False)
