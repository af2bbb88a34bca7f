"""Techniques, each with one defect, beside one that has none."""

from __future__ import annotations

import os
from typing import Any

import torch
from glasshouse import UserError
from pytorch_lightning import Callback
from torch import nn


class Sound(Callback):
    """A penalty on large scores, while training.

    Args:
        strength: of the penalty.
    """

    def __init__(self, strength: float = 0.1) -> None:
        self.strength = strength
        self.steps = 0

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        pl_module.loss_terms.append(self.term)

    def term(self, scores: Any, batch: Any) -> Any:
        self.steps += 1
        return self.strength * scores.square().mean() / self.steps

    def on_fit_end(self, trainer: Any, pl_module: Any) -> None:
        pl_module.loss_terms.remove(self.term)

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self.steps}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.steps = state_dict["steps"]


class Forgetful(Sound):
    """Counts its steps anew after an interruption."""

    def __init__(self, bias: float = 0.1) -> None:
        super().__init__(bias)

    def state_dict(self) -> dict[str, Any]:
        return {}


class Freezes(Callback):
    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        for group in pl_module.optimizers().param_groups:
            group["lr"] = 0.0


class Poisons(Callback):
    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        with torch.no_grad():
            next(pl_module.parameters()).fill_(float("nan"))


class LeavesATerm(Sound):
    def on_fit_end(self, trainer: Any, pl_module: Any) -> None:
        pass


class LeavesAHook(Callback):
    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        pl_module.network.register_forward_hook(lambda *_: None)


class LeavesAnotherForward(Callback):
    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        pl_module.network.forward = pl_module.network.forward


class LeavesAParameter(Callback):
    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        pl_module.extra = nn.Parameter(torch.zeros(1))


class LeavesWeightsOfRows(Callback):
    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        pl_module.row_weights = lambda batch: torch.ones(len(batch.y))


class Chance(Callback):
    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        batch.x.mul_(1 + os.urandom(1)[0] / 1000)


class TouchesValidation(Callback):
    def on_validation_batch_start(
        self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        batch.x.mul_(0.5)
        self.undo = batch.x

    def on_validation_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        self.undo.mul_(2)


class DrawsWhenMade(Callback):
    def __init__(self) -> None:
        self.start = torch.randn(3)


class Reseeds(Callback):
    """Changes what other tasks begin with, for ever."""

    def __init__(self) -> None:
        from glasshouse.testing.checks.training.techniques import Task

        if not hasattr(Task, "_untouched"):
            Task._untouched = Task.configure_optimizers

        def slower(task: Any) -> Any:
            optimizer = Task._untouched(task)
            for group in optimizer.param_groups:
                group["lr"] /= 2
            return optimizer

        Task.configure_optimizers = slower


class ForNobody(Callback):
    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        raise UserError("technique 'it'", "is for sounds.")


class ForPictures(Callback):
    """Darkens pictures."""

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        if batch.x.ndim != 4:
            raise UserError("technique 'it'", "is for pictures.")
