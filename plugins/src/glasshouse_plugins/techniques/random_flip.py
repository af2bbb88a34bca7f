"""Pictures mirrored at random."""

from __future__ import annotations

import torch
from torch import Tensor

from glasshouse_plugins.techniques.augmentation import Augmentation, drawn, require_pictures, require_share


class RandomFlip(Augmentation):
    """Mirrors pictures while training, each by a draw of its own; what it makes of them is exact.

    Not for pictures that mean something else mirrored, such as digits (Krizhevsky et al. 2012 mirror ImageNet's).

    Args:
        horizontal: share of pictures whose left and right change places.
        vertical: share of pictures that are turned upside down.
    """

    who = "technique 'random_flip'"
    modalities = ("image",)

    def __init__(self, horizontal: float = 0.5, vertical: float = 0.0) -> None:
        require_share("horizontal", horizontal)
        require_share("vertical", vertical)
        self.horizontal = horizontal
        self.vertical = vertical

    def transform(self, x: Tensor) -> Tensor:
        """(n, channels, height, width)."""
        require_pictures(x, who=self.who)
        for share, axis in ((self.horizontal, 3), (self.vertical, 2)):
            if share:
                x = torch.where(drawn(share, (len(x), 1, 1, 1), x), x.flip(axis), x)
        return x
