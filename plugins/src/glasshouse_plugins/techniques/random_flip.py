"""Random flips of images."""

from __future__ import annotations

import torch
from torch import Tensor

from glasshouse_plugins.techniques.augmentation import Augmentation, bernoulli, require_images, require_probability


class RandomFlip(Augmentation):
    """Flips training images at random, without interpolation.

    Not for images whose meaning changes when flipped, such as digits (Krizhevsky et al. 2012 flip ImageNet images).

    Args:
        horizontal: probability of a left-right flip, in [0, 1].
        vertical: probability of a top-bottom flip, in [0, 1].
    """

    who = "technique 'random_flip'"
    modalities = ("image",)

    def __init__(self, horizontal: float = 0.5, vertical: float = 0.0) -> None:
        require_probability("horizontal", horizontal)
        require_probability("vertical", vertical)
        self.horizontal = horizontal
        self.vertical = vertical

    def transform(self, x: Tensor) -> Tensor:
        """(n, channels, height, width)."""
        require_images(x, who=self.who)
        for probability, axis in ((self.horizontal, 3), (self.vertical, 2)):
            if probability:
                x = torch.where(bernoulli(probability, (len(x), 1, 1, 1), x), x.flip(axis), x)
        return x
