"""L1 penalty on weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from glasshouse_plugins.techniques.attribute import trained_by_us
from glasshouse_plugins.techniques.weights import Kind, require_kinds, spared

_WHO = "technique 'l1_penalty'"


class L1Penalty(Callback):
    """Adds strength times the sum of absolute weights to the training loss (Tibshirani 1996).

    Weights are drawn towards 0 by the same force however small they are. By gradients they come as near to it as a step
    is long, and not to 0 itself. The logged training loss is without the penalty.

    Args:
        strength: of the penalty; 0 is none.
        spare: parameters that are left alone: any of norms, biases, embeddings.
    """

    def __init__(self, strength: float = 1e-4, spare: Sequence[Kind] = ("norms", "biases")) -> None:
        if not strength >= 0:
            raise ValueError(f"strength is {strength}; expected 0 or more")
        require_kinds("spare", spare)
        self.strength = strength
        self.spare = spare
        self._penalty: Any = None

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Add the penalty to the task's loss."""
        task = trained_by_us(pl_module, who=_WHO)
        weights, _ = spared(task.network, self.spare)
        nothing = torch.zeros((), device=task.device)

        def penalty() -> Tensor:
            return self.strength * sum((weight.abs().sum() for weight in weights), nothing)

        self._penalty = penalty
        task.penalties.append(penalty)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave the task as it was."""
        pl_module.penalties.remove(self._penalty)  # type: ignore[union-attr,operator]
