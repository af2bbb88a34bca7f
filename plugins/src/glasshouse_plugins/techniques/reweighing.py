"""Reweighing: row weights in the training loss that make group and label independent."""

from __future__ import annotations

from typing import Any

import torch
from glasshouse import UserError
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from glasshouse_plugins.techniques.attribute import chosen, codes_of, trained_by_us

_WHO = "technique 'reweighing'"


class Reweighing(Callback):
    """Weighs the rows of each group and class by how often the two would meet were they independent.

    The weight is P(group) P(class) / P(group, class) over the training rows, so that weighted, every group has the
    same share of each class; its mean is 1 (Kamiran and Calders 2012, "Data preprocessing techniques for
    classification without discrimination", Knowledge and Information Systems 33:1, section 4.2). A missing attribute
    is a group of its own. Only the training loss is weighted.

    Args:
        attribute: the sensitive attribute; default: the first that the data declare.
    """

    def __init__(self, attribute: str | None = None) -> None:
        self.attribute = attribute

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Count the training rows, and hand the weights to the task."""
        task = trained_by_us(pl_module, who=_WHO)
        position, attribute = chosen(trainer, self.attribute, who=_WHO)
        if task.target.kind not in ("binary", "multiclass"):
            raise UserError(_WHO, f"made for binary and multiclass targets, not {task.target.kind}.")
        counts = torch.zeros(len(attribute.levels) + 1, len(task.target.classes), dtype=torch.float64)
        for batch in trainer.datamodule.train_dataloader():  # type: ignore[attr-defined]
            codes = codes_of(batch, position, who=_WHO).cpu()
            cell = codes.remainder(len(counts)) * counts.shape[1] + batch.y.long().cpu()
            counts += torch.bincount(cell, minlength=counts.numel()).reshape(counts.shape)
        # Each rank counts its own share of the rows.
        total = trainer.strategy.reduce(counts.float().to(pl_module.device), reduce_op="sum")
        weights = independence_weights(torch.as_tensor(total).double()).float()

        def row_weights(batch: Any) -> Tensor:
            # Code -1 stands for a missing attribute, and for the last row of the table.
            return weights[codes_of(batch, position, who=_WHO), batch.y.long()]

        task.row_weights = row_weights

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave the task as it was."""
        pl_module.row_weights = None  # type: ignore[assignment]


def independence_weights(counts: Tensor) -> Tensor:
    """(groups, classes) weights P(group) P(class) / P(group, class) from counts; 0 where no row is."""
    expected = counts.sum(dim=1, keepdim=True) * counts.sum(dim=0, keepdim=True) / counts.sum().clamp_min(1)
    return torch.where(counts > 0, expected / counts.clamp_min(1), torch.zeros_like(counts))
