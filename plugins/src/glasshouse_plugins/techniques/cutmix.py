"""Pictures with a part of another."""

from __future__ import annotations

import torch
from glasshouse.training import Mixed
from torch import Tensor

from glasshouse_plugins.techniques.augmentation import require_pictures
from glasshouse_plugins.techniques.mixing import Mixing


class CutMix(Mixing):
    """Trains on pictures with a rectangle out of another, and the losses against both targets by their areas.

    Source: Yun et al., "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features", ICCV
    2019, section 3: the rectangle's sides are sqrt(1 - s) of the picture's with s from Beta(alpha, alpha), its middle
    lies anywhere, what reaches outside is cut off, and s becomes the share that is left; here for each picture, where
    the authors' code draws once a batch. Not together with `fair_regularizer` or `adversarial_debiasing`.

    Args:
        alpha: of the Beta(alpha, alpha) distribution of shares; above 0. At 1 all shares are as likely.
    """

    who = "technique 'cutmix'"
    modalities = ("image",)

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__(alpha)

    def transform(self, x: Tensor) -> Mixed:
        """(n, channels, height, width)."""
        require_pictures(x, who=self.who)
        n, _, height, width = x.shape
        share, partner = self.draw(n, x.device)
        rows, columns = (_stretch((1 - share).sqrt(), whole) for whole in (height, width))
        inside = rows[:, :, None] & columns[:, None, :]
        kept = 1 - inside.flatten(1).to(share.dtype).mean(dim=1)
        return Mixed(torch.where(inside.unsqueeze(1), x[partner], x), partner, kept)


def _stretch(shares: Tensor, whole: int) -> Tensor:
    """(n, whole) which places lie within stretches of these shares of the whole about a middle anywhere."""
    half = shares[:, None] * whole / 2
    middle = torch.rand((len(shares), 1), device=shares.device) * whole
    centres = torch.arange(whole, device=shares.device) + 0.5
    return (centres - middle).abs() < half
