"""L2 penalty on weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from glasshouse_plugins.techniques.attribute import trained_by_us
from glasshouse_plugins.techniques.weights import Kind, require_kinds, spared

_WHO = "technique 'l2_penalty'"


class L2Penalty(Callback):
    """Adds strength times the sum of squared weights to the training loss (Hoerl and Kennard 1970).

    Under `sgd` that is a `weight_decay` of twice the strength; under `adam` and its kin it is not: what is added to the
    loss is divided by the size of gradients like everything else (Loshchilov and Hutter 2019). The logged training
    loss is without the penalty.

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
            return self.strength * sum((weight.square().sum() for weight in weights), nothing)

        self._penalty = penalty
        task.penalties.append(penalty)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave the task as it was."""
        pl_module.penalties.remove(self._penalty)  # type: ignore[union-attr,operator]
