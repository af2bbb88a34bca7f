"""Random rotations of images."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from glasshouse_plugins.techniques.augmentation import Augmentation, require_images


class RandomRotation(Augmentation):
    """Rotates training images about their centre by random angles; corners are filled with black.

    Pixels are interpolated bilinearly (Simard, Steinkraus and Platt 2003 rotate digits).

    Args:
        degrees: maximum angle in either direction, in (0, 180]; angles are uniform.
    """

    who = "technique 'random_rotation'"
    modalities = ("image",)

    def __init__(self, degrees: float = 15.0) -> None:
        if not 0 < degrees <= 180:
            raise ValueError(f"degrees is {degrees}; expected more than 0 and at most 180")
        self.degrees = degrees

    def transform(self, x: Tensor) -> Tensor:
        """(n, channels, height, width)."""
        require_images(x, who=self.who)
        return rotate(x, (2 * torch.rand(len(x), device=x.device) - 1) * math.radians(self.degrees))


def rotate(x: Tensor, angles: Tensor) -> Tensor:
    """Images rotated counter-clockwise by `angles` (n,) in radians; a right angle gives the same as `torch.rot90`."""
    height, width = x.shape[2:]
    cosine, sine = angles.to(x.dtype).cos(), angles.to(x.dtype).sin()
    zero = torch.zeros_like(cosine)
    # The source of each pixel, in half sizes of the image, which differ between height and width.
    rows = [cosine, -sine * height / width, zero, sine * width / height, cosine, zero]
    grid = F.affine_grid(torch.stack(rows, dim=1).reshape(-1, 2, 3), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
