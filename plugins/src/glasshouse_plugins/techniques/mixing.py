"""What techniques share that mix the rows of training batches."""

from __future__ import annotations

import torch
from glasshouse import UserError
from pytorch_lightning import LightningModule, Trainer
from torch import Tensor
from torch.distributions import Beta

from glasshouse_plugins.techniques.augmentation import Augmentation


class Mixing(Augmentation):
    """Mixes each row with another of its batch; the loss is that against both targets, by their shares.

    Args:
        alpha: of the Beta(alpha, alpha) distribution of shares; above 0. Small ones leave most rows nearly whole.
    """

    def __init__(self, alpha: float) -> None:
        if not alpha > 0:
            raise ValueError(f"alpha is {alpha}; expected more than 0")
        self.alpha = alpha

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Refuse what looks at rows as whole ones.

        Raises:
            UserError: for a model with a score of its own, or techniques that compare groups of rows.
        """
        if not pl_module.target.observed:  # type: ignore[union-attr]
            raise UserError(self.who, "mixes the targets of rows, and this model learns without them.", "Leave it out.")
        if pl_module.loss_terms:
            raise UserError(
                self.who,
                "mixes rows, which another technique compares by the groups they belong to.",
                "Leave out one of the two.",
            )

    def draw(self, rows: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """(n,) shares of the rows themselves, and (n,) partners for the rest: a random order of the rows."""
        alpha = torch.full((), self.alpha, device=device)
        share = Beta(alpha, alpha, validate_args=False).sample((rows,))
        return share, torch.randperm(rows, device=device)
