"""Pictures with a part painted over."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from glasshouse_plugins.techniques.augmentation import Augmentation, drawn, require_pictures, require_share

_TRIES = 10


class RandomErasing(Augmentation):
    """Paints a rectangle of noise over pictures while training, so that no single part is all that is looked at.

    Source: Zhong, Zheng, Kang, Li and Yang, "Random Erasing Data Augmentation", AAAI 2020, algorithm 1. Noise is
    uniform between the smallest and the largest value of the batch. The ratio is drawn on a logarithmic scale, as
    in torchvision, so that lying and standing rectangles are as likely. A rectangle that does not fit is drawn anew, up
    to ten times; then the picture stays as it is.

    Args:
        share: of pictures that are painted over.
        smallest: rectangle, as a share of the picture.
        largest: rectangle, as a share of the picture.
        ratio: of the rectangle's height and width: between this and 1 divided by it, in (0, 1].
    """

    who = "technique 'random_erasing'"
    modalities = ("image",)

    def __init__(self, share: float = 0.5, smallest: float = 0.02, largest: float = 0.4, ratio: float = 0.3) -> None:
        require_share("share", share)
        if not 0 < smallest <= largest < 1:
            raise ValueError(f"smallest is {smallest} and largest is {largest}; expected 0 < smallest <= largest < 1")
        if not 0 < ratio <= 1:
            raise ValueError(f"ratio is {ratio}; expected more than 0 and at most 1")
        self.share = share
        self.smallest = smallest
        self.largest = largest
        self.ratio = ratio

    def transform(self, x: Tensor) -> Tensor:
        """(n, channels, height, width)."""
        require_pictures(x, who=self.who)
        n, _, height, width = x.shape
        areas = torch.empty((n, _TRIES), device=x.device).uniform_(self.smallest, self.largest) * height * width
        ratios = torch.empty((n, _TRIES), device=x.device).uniform_(-1, 1).mul(-math.log(self.ratio)).exp()
        heights, widths = (areas * ratios).sqrt().round(), (areas / ratios).sqrt().round()
        fits = (heights >= 1) & (heights <= height) & (widths >= 1) & (widths <= width)
        first = fits.byte().argmax(dim=1, keepdim=True)
        sides = [side.gather(1, first)[:, 0].long() for side in (heights, widths)]
        painted = drawn(self.share, (n,), x) & fits.any(dim=1)
        inside = rectangles(anywhere(sides[0], height), sides[0], height)[:, :, None]
        inside = inside & rectangles(anywhere(sides[1], width), sides[1], width)[:, None, :]
        noise = torch.rand_like(x) * (x.amax() - x.amin()) + x.amin()
        return torch.where((inside & painted[:, None, None]).unsqueeze(1), noise, x)


def anywhere(sides: Tensor, whole: int) -> Tensor:
    """(n,) beginnings of stretches of length `sides` within `whole`, every one as likely."""
    places = (whole - sides + 1).clamp_min(1)
    return (torch.rand(sides.shape, device=sides.device) * places).long().clamp(max=places - 1)


def rectangles(begin: Tensor, sides: Tensor, whole: int) -> Tensor:
    """(n, whole) which places lie within the stretches that `begin` at and are `sides` long."""
    places = torch.arange(whole, device=begin.device)
    return (places >= begin[:, None]) & (places < (begin + sides)[:, None])
