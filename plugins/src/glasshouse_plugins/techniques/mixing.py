"""The base of `mixup` and `cutmix`."""

from __future__ import annotations

import torch
from glasshouse import UserError
from pytorch_lightning import LightningModule, Trainer
from torch import Tensor
from torch.distributions import Beta

from glasshouse_plugins.techniques.augmentation import Augmentation


class Mixing(Augmentation):
    """Mixes each row with another row of its batch; the loss is the weighted mean of the losses for both targets.

    Args:
        alpha: parameter of the Beta(alpha, alpha) distribution of the mixing weights, above 0.
    """

    def __init__(self, alpha: float) -> None:
        if not alpha > 0:
            raise ValueError(f"alpha is {alpha}; expected more than 0")
        self.alpha = alpha

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Refuse models and techniques that require unmixed rows.

        Raises:
            UserError: for a model that trains without targets, or together with techniques that compare groups of rows.
        """
        if not pl_module.target.observed:  # type: ignore[union-attr]
            raise UserError(
                self.who, "mixes targets, but this model trains without targets.", "Remove it from `techniques:`."
            )
        if pl_module.loss_terms:
            raise UserError(
                self.who,
                "mixes rows of different groups, but another technique compares groups of rows.",
                "Remove one of the two from `techniques:`.",
            )

    def draw(self, rows: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """(n,) mixing weights of the rows, and (n,) indices of their partners, a random permutation."""
        alpha = torch.full((), self.alpha, device=device)
        weight = Beta(alpha, alpha, validate_args=False).sample((rows,))
        return weight, torch.randperm(rows, device=device)
