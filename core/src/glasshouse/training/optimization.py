"""The optimizer and the learning-rate schedule of a module, as Lightning's `configure_optimizers` returns them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from pytorch_lightning import LightningModule
from torch import nn

from glasshouse.errors import UserError
from glasshouse.system import library_errors
from glasshouse.training.closures import begin_full_batch

OptimizerFactory = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]
ParameterGroups = Callable[[nn.Module], list[dict[str, Any]]]
"""A module's trainable parameters in groups, each with its options, as torch's optimizers accept them."""


class SchedulerConfig:
    """A learning-rate schedule that is built once the optimizer exists.

    Args:
        factory: the scheduler class; `total_steps` or `T_max` are filled with the length of the training if the user
            does not set them.
        options: further arguments of the class.
        interval: ``"step"`` or ``"epoch"``: how often Lightning steps the schedule.
    """

    def __init__(self, factory: Callable[..., Any], options: Mapping[str, Any], interval: str) -> None:
        self.factory = factory
        self.options = dict(options)
        self.interval = interval

    def build(self, module: LightningModule, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
        """The `lr_scheduler` entry of what `configure_optimizers` returns."""
        scheduler = self.build_for(optimizer, lambda: self._training_length(module))
        config = {"scheduler": scheduler, "interval": self.interval}
        if isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
            config["monitor"] = getattr(scheduler, "monitor", "validate_loss")
        return config

    def try_out(self, optimizer: torch.optim.Optimizer) -> None:
        """Build the schedule for an unused optimizer and any length, to check its options before the training.

        Raises:
            UserError: if the class refuses its options.
        """
        self.build_for(optimizer, lambda: 1000)

    def build_for(self, optimizer: torch.optim.Optimizer, length: Callable[[], int]) -> Any:
        """Build the schedule; `length`, in steps or epochs, is called only if the class needs the training's length."""
        options = dict(self.options)
        accepted = inspect.signature(self.factory).parameters
        for name in ("total_steps", "T_max"):
            if name in accepted and options.get(name) is None:
                options[name] = length()
        with library_errors.user_errors_from_constructor("lr_scheduler"):
            return self.factory(optimizer, **options)

    def _training_length(self, module: LightningModule) -> int:
        if self.interval == "step":
            return int(module.trainer.estimated_stepping_batches)
        epochs = module.trainer.max_epochs
        if epochs is None or epochs < 1:
            raise UserError("lr_scheduler", "requires a known number of epochs.", "Set `trainer: {max_epochs: ...}`.")
        return epochs


def configure_optimizers(module: Any) -> Any:
    """`configure_optimizers` of a module with an `optimizer_factory` and, optionally, a `scheduler`."""
    if module.optimizer_factory is None:
        raise UserError("optimizer", "none is set, and the model configures none.", "Set `optimizer: adamw`.")
    groups = getattr(module, "parameter_groups", None)
    optimizer = module.optimizer_factory(
        [p for p in module.parameters() if p.requires_grad] if groups is None else groups(module)
    )
    if getattr(optimizer, "full_batch", False):
        begin_full_batch(module, optimizer)
    refuse_clipping(module, optimizer)
    if module.scheduler is None:
        return optimizer
    return {"optimizer": optimizer, "lr_scheduler": module.scheduler.build(module, optimizer)}


def refuse_clipping(module: LightningModule, optimizer: torch.optim.Optimizer) -> None:
    """L-BFGS estimates curvature from differences of gradients, and clipped gradients would falsify it.

    Raises:
        UserError: for L-BFGS with `gradient_clip_val`.
    """
    if isinstance(optimizer, torch.optim.LBFGS) and module.trainer.gradient_clip_val:
        raise UserError(
            "optimizer 'lbfgs'",
            "estimates curvature from gradients, so they cannot be clipped.",
            "Remove `trainer: {gradient_clip_val: ...}`, or choose another optimizer.",
        )
