"""Reweighing: row weights that make group and label independent in the training loss."""

from __future__ import annotations

from typing import Any

import torch
from glasshouse import UserError
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from glasshouse_plugins.techniques.attribute import attribute_codes, require_task, sensitive_attribute

_WHO = "technique 'reweighing'"


class Reweighing(Callback):
    """Weights the training rows so that group and class are independent.

    The weight of a row is P(group) P(class) / P(group, class) over the training rows; the mean weight is 1. With these
    weights every group has the same rate of each class (Kamiran and Calders 2012, "Data preprocessing techniques for
    classification without discrimination", Knowledge and Information Systems 33:1, section 4.2). Rows with a missing
    attribute are a group of their own. Only the training loss is weighted.

    Args:
        attribute: name of the sensitive attribute; default: the first one that the data declares.
    """

    def __init__(self, attribute: str | None = None) -> None:
        self.attribute = attribute

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Count the training rows by group and class, and set the task's row weights."""
        task = require_task(pl_module, who=_WHO)
        position, attribute = sensitive_attribute(trainer, self.attribute, who=_WHO)
        if task.target.kind not in ("binary", "multiclass"):
            raise UserError(_WHO, f"supports binary and multiclass targets, not {task.target.kind}.")
        counts = torch.zeros(len(attribute.levels) + 1, len(task.target.classes), dtype=torch.float64)
        for batch in trainer.datamodule.train_dataloader():  # type: ignore[attr-defined]
            codes = attribute_codes(batch, position, who=_WHO).cpu()
            cell = codes.remainder(len(counts)) * counts.shape[1] + batch.y.long().cpu()
            counts += torch.bincount(cell, minlength=counts.numel()).reshape(counts.shape)
        # Each rank has counted its own rows only.
        total = trainer.strategy.reduce(counts.float().to(pl_module.device), reduce_op="sum")
        weights = reweighing_weights(torch.as_tensor(total).double()).float()

        def row_weights(batch: Any) -> Tensor:
            # Code -1, a missing attribute, indexes the last row of the table.
            return weights[attribute_codes(batch, position, who=_WHO), batch.y.long()]

        task.row_weights = row_weights

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remove the changes to the task."""
        pl_module.row_weights = None  # type: ignore[assignment]


def reweighing_weights(counts: Tensor) -> Tensor:
    """(groups, classes) weights P(group) P(class) / P(group, class) from counts; 0 for empty cells."""
    expected = counts.sum(dim=1, keepdim=True) * counts.sum(dim=0, keepdim=True) / counts.sum().clamp_min(1)
    return torch.where(counts > 0, expected / counts.clamp_min(1), torch.zeros_like(counts))
