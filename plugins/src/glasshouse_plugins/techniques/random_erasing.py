"""Random erasing of image regions."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from glasshouse_plugins.techniques.augmentation import Augmentation, bernoulli, require_images, require_probability

_TRIES = 10


class RandomErasing(Augmentation):
    """Replaces a random rectangle of training images by noise, so that the model does not rely on a single region.

    Source: Zhong, Zheng, Kang, Li and Yang, "Random Erasing Data Augmentation", AAAI 2020, algorithm 1. Noise is
    uniform between the smallest and the largest value of the batch. The aspect ratio is drawn on a logarithmic scale,
    as in torchvision, so that portrait and landscape rectangles are equally likely. A rectangle that does not fit is
    drawn again, up to ten times; after that the image is not changed.

    Args:
        share: probability that an image is changed, in [0, 1].
        smallest: minimum area of the rectangle as a fraction of the image, above 0.
        largest: maximum area of the rectangle as a fraction of the image, below 1.
        ratio: minimum aspect ratio of the rectangle, in (0, 1]; the maximum is its inverse.
    """

    who = "technique 'random_erasing'"
    modalities = ("image",)

    def __init__(self, share: float = 0.5, smallest: float = 0.02, largest: float = 0.4, ratio: float = 0.3) -> None:
        require_probability("share", share)
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
        require_images(x, who=self.who)
        n, _, height, width = x.shape
        areas = torch.empty((n, _TRIES), device=x.device).uniform_(self.smallest, self.largest) * height * width
        ratios = torch.empty((n, _TRIES), device=x.device).uniform_(-1, 1).mul(-math.log(self.ratio)).exp()
        heights, widths = (areas * ratios).sqrt().round(), (areas / ratios).sqrt().round()
        fits = (heights >= 1) & (heights <= height) & (widths >= 1) & (widths <= width)
        first = fits.byte().argmax(dim=1, keepdim=True)
        sides = [side.gather(1, first)[:, 0].long() for side in (heights, widths)]
        changed = bernoulli(self.share, (n,), x) & fits.any(dim=1)
        inside = interval_mask(random_starts(sides[0], height), sides[0], height)[:, :, None]
        inside = inside & interval_mask(random_starts(sides[1], width), sides[1], width)[:, None, :]
        noise = torch.rand_like(x) * (x.amax() - x.amin()) + x.amin()
        return torch.where((inside & changed[:, None, None]).unsqueeze(1), noise, x)


def random_starts(lengths: Tensor, size: int) -> Tensor:
    """(n,) uniformly random starts of intervals of the given lengths within `size`."""
    choices = (size - lengths + 1).clamp_min(1)
    return (torch.rand(lengths.shape, device=lengths.device) * choices).long().clamp(max=choices - 1)


def interval_mask(starts: Tensor, lengths: Tensor, size: int) -> Tensor:
    """(n, size) mask of intervals with the given starts and lengths."""
    positions = torch.arange(size, device=starts.device)
    return (positions >= starts[:, None]) & (positions < (starts + lengths)[:, None])
