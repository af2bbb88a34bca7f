"""Random cropping of images."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from glasshouse_plugins.techniques.augmentation import Augmentation, require_images


class RandomCrop(Augmentation):
    """Pads training images with black and crops them to their size at a random position.

    This shifts each image uniformly by up to `padding` pixels in each direction (He et al. 2016, section 4.2, on
    CIFAR-10).

    Args:
        padding: pixels added on each side, at least 1.
    """

    who = "technique 'random_crop'"
    modalities = ("image",)

    def __init__(self, padding: int = 4) -> None:
        if padding < 1:
            raise ValueError(f"padding is {padding}; expected at least 1")
        self.padding = padding

    def transform(self, x: Tensor) -> Tensor:
        """(n, channels, height, width)."""
        require_images(x, who=self.who)
        offsets = torch.randint(2 * self.padding + 1, (2, len(x)), device=x.device)
        return crop(F.pad(x, [self.padding] * 4), offsets, (x.shape[2], x.shape[3]))


def crop(x: Tensor, offsets: Tensor, size: tuple[int, int]) -> Tensor:
    """(n, channels, *size): the crop of each image that starts at its row and column in `offsets` (2, n)."""
    rows = offsets[0, :, None] + torch.arange(size[0], device=x.device)
    columns = offsets[1, :, None] + torch.arange(size[1], device=x.device)
    each = torch.arange(len(x), device=x.device)[:, None, None]
    # With channels last, one gather serves all channels.
    return x.permute(0, 2, 3, 1)[each, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2).contiguous()
