"""Pictures turned at random."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from glasshouse_plugins.techniques.augmentation import Augmentation, require_pictures


class RandomRotation(Augmentation):
    """Turns pictures about their middle while training, each by an angle of its own; corners are filled with black.

    Pixels are interpolated bilinearly (Simard, Steinkraus and Platt 2003 turn digits).

    Args:
        degrees: largest angle in either direction, in (0, 180]; all in between are as likely.
    """

    who = "technique 'random_rotation'"
    modalities = ("image",)

    def __init__(self, degrees: float = 15.0) -> None:
        if not 0 < degrees <= 180:
            raise ValueError(f"degrees is {degrees}; expected more than 0 and at most 180")
        self.degrees = degrees

    def transform(self, x: Tensor) -> Tensor:
        """(n, channels, height, width)."""
        require_pictures(x, who=self.who)
        return rotated(x, (2 * torch.rand(len(x), device=x.device) - 1) * math.radians(self.degrees))


def rotated(x: Tensor, angles: Tensor) -> Tensor:
    """Pictures turned counter-clockwise by `angles` (n,) in radians; by a right angle as `torch.rot90` does."""
    height, width = x.shape[2:]
    cosine, sine = angles.to(x.dtype).cos(), angles.to(x.dtype).sin()
    nothing = torch.zeros_like(cosine)
    # Where each pixel comes from, in units of half a side, which are not the same in both directions.
    rows = [cosine, -sine * height / width, nothing, sine * width / height, cosine, nothing]
    grid = F.affine_grid(torch.stack(rows, dim=1).reshape(-1, 2, 3), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
