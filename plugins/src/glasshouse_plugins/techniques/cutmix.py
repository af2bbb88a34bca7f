"""CutMix augmentation."""

from __future__ import annotations

import torch
from glasshouse.training import Mixed
from torch import Tensor

from glasshouse_plugins.techniques.augmentation import require_images
from glasshouse_plugins.techniques.mixing import Mixing


class CutMix(Mixing):
    """Replaces a random rectangle of each training image by that of another; the loss weights both targets by area.

    Source: Yun et al., "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features", ICCV
    2019, section 3: the rectangle's sides are sqrt(1 - s) of the image's, with s from Beta(alpha, alpha). Its centre is
    uniform over the image, it is clipped at the border, and s becomes the fraction of the image that is kept. Here s is
    drawn per image; the authors' code draws it per batch. Not together with `fair_regularizer` or
    `adversarial_debiasing`, which compare unmixed rows.

    Args:
        alpha: parameter of the Beta(alpha, alpha) distribution of s, above 0; 1 is uniform.
    """

    who = "technique 'cutmix'"
    modalities = ("image",)

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__(alpha)

    def transform(self, x: Tensor) -> Mixed:
        """(n, channels, height, width)."""
        require_images(x, who=self.who)
        n, _, height, width = x.shape
        weight, partner = self.draw(n, x.device)
        rows, columns = (_random_interval((1 - weight).sqrt(), size) for size in (height, width))
        inside = rows[:, :, None] & columns[:, None, :]
        kept = 1 - inside.flatten(1).to(weight.dtype).mean(dim=1)
        return Mixed(torch.where(inside.unsqueeze(1), x[partner], x), partner, kept)


def _random_interval(fractions: Tensor, size: int) -> Tensor:
    """(n, size) mask of intervals with a random centre and the given fractions of `size` as length, clipped."""
    half = fractions[:, None] * size / 2
    middle = torch.rand((len(fractions), 1), device=fractions.device) * size
    centres = torch.arange(size, device=fractions.device) + 0.5
    return (centres - middle).abs() < half
