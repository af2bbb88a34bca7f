"""Rows averaged with one another."""

from __future__ import annotations

from glasshouse import UserError
from glasshouse.training import Mixed
from torch import Tensor

from glasshouse_plugins.techniques.mixing import Mixing


class Mixup(Mixing):
    """Trains on weighted means of two rows, s a + (1 - s) b, with the same mean of the losses against both targets.

    Source: Zhang, Cisse, Dauphin and Lopez-Paz, "mixup: Beyond Empirical Risk Minimization", ICLR 2018; s is drawn from
    Beta(alpha, alpha), here for each row where the authors' code draws once a batch. One-hot blocks of tables become
    shares of their levels. Not together with `fair_regularizer` or `adversarial_debiasing`, which compare whole rows;
    `reweighing` weighs each part of a row.

    Args:
        alpha: of the Beta(alpha, alpha) distribution of shares; above 0. Small ones leave most rows nearly whole.
    """

    who = "technique 'mixup'"
    modalities = ("tabular", "image", "sequence")

    def __init__(self, alpha: float = 0.2) -> None:
        super().__init__(alpha)

    def transform(self, x: Tensor) -> Mixed:
        """(n, ...) real numbers."""
        if not x.is_floating_point():
            raise UserError(self.who, f"expected real numbers, received {x.dtype}: there is nothing between two words.")
        share, partner = self.draw(len(x), x.device)
        own = share.to(x.dtype).reshape(-1, *[1] * (x.ndim - 1))
        return Mixed(own * x + (1 - own) * x[partner], partner, share)
