"""Mixup augmentation."""

from __future__ import annotations

from glasshouse import UserError
from glasshouse.training import Mixed
from torch import Tensor

from glasshouse_plugins.techniques.mixing import Mixing


class Mixup(Mixing):
    """Trains on weighted means of two rows, s a + (1 - s) b; the loss weights both targets alike.

    Source: Zhang, Cisse, Dauphin and Lopez-Paz, "mixup: Beyond Empirical Risk Minimization", ICLR 2018. s is drawn from
    Beta(alpha, alpha), here per row; the authors' code draws it per batch. One-hot blocks become weighted means, too.
    Not together with `fair_regularizer` or `adversarial_debiasing`, which compare unmixed rows; `reweighing` weights
    both parts of a mixed row.

    Args:
        alpha: parameter of the Beta(alpha, alpha) distribution of s, above 0; small values mix most rows only little.
    """

    who = "technique 'mixup'"
    modalities = ("tabular", "image", "sequence")

    def __init__(self, alpha: float = 0.2) -> None:
        super().__init__(alpha)

    def transform(self, x: Tensor) -> Mixed:
        """(n, ...) floating-point rows."""
        if not x.is_floating_point():
            raise UserError(
                self.who, f"expected floating-point input, received {x.dtype}; token ids cannot be averaged."
            )
        weight, partner = self.draw(len(x), x.device)
        s = weight.to(x.dtype).reshape(-1, *[1] * (x.ndim - 1))
        return Mixed(s * x + (1 - s) * x[partner], partner, weight)
