"""Inception: parallel convolutions of several sizes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from glasshouse import UserError
from torch import Tensor, nn

from glasshouse_plugins.models.cnn import image_shape


class InceptionModule(nn.Module):
    """Parallel 1 x 1, 3 x 3 and 5 x 5 convolutions and pooling; (n, in_channels, h, w) to (n, out_channels, h, w).

    A quarter of the feature maps comes from 1 x 1, half from 3 x 3, an eighth each from 5 x 5 and pooling. 1 x 1
    convolutions reduce the number of maps before the larger ones. These are the proportions of module 3a in the paper
    (figure 2b, table 1).
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        quarter, half, eighth = out_channels // 4, out_channels // 2, out_channels // 8
        reduced_3, reduced_5 = 3 * out_channels // 8, out_channels // 16
        self.one = _convolution(in_channels, quarter, 1)
        self.three = nn.Sequential(_convolution(in_channels, reduced_3, 1), _convolution(reduced_3, half, 3))
        self.five = nn.Sequential(_convolution(in_channels, reduced_5, 1), _convolution(reduced_5, eighth, 5))
        self.pooled = nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), _convolution(in_channels, eighth, 1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.one(x), self.three(x), self.five(x), self.pooled(x)], dim=1)


class Inception(nn.Module):
    """A small Inception network: a convolution, stages of Inception modules, global average pooling, a linear layer.

    Input: images (n, channels, height, width). Output (n, num_classes): logits, or values for regression. Pooling
    halves height and width before each stage, and each stage has twice the feature maps of the one before.

    Source: Szegedy et al., "Going deeper with convolutions", CVPR 2015. Smaller than GoogLeNet, with batch norm (Ioffe
    and Szegedy 2015) instead of its two auxiliary classifiers. The default has 104,826 parameters for grey pixels and
    ten classes.

    Args:
        input_shape: [channels, height, width] of images; filled from the data.
        num_classes: number of outputs (1 for regression); filled from the data.
        modules: number of Inception modules in each stage; one stage per entry.
        width: feature maps of the first stage, a multiple of 16.
        dropout: dropout probability of the linear layer's inputs, in [0, 1).

    Raises:
        UserError: for input that is not images, more stages than the image can be halved, no module, a width that is
            not a multiple of 16, or a dropout outside [0, 1).
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        num_classes: int,
        modules: Sequence[int] = (2, 2),
        width: int = 64,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        channels, *sides = image_shape("inception", input_shape)
        _check(modules, width, dropout, sides)
        layers: list[nn.Module] = [_convolution(channels, width // 2, 3)]
        maps = width // 2
        for stage, count in enumerate(modules):
            layers.append(nn.MaxPool2d(2))
            for _ in range(count):
                layers.append(InceptionModule(maps, width << stage))
                maps = width << stage
        self.maps = nn.Sequential(*layers)
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(maps, num_classes)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, height, width) to (n, num_classes)."""
        return self.head(self.maps(x))  # type: ignore[no-any-return]


def _convolution(in_channels: int, out_channels: int, size: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, size, padding=size // 2, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
    )


def _check(modules: Sequence[int], width: int, dropout: float, sides: Sequence[int]) -> None:
    who = "model 'inception'"
    if not modules or min(modules) < 1:
        raise UserError(who, f"modules is {list(modules)}; expected numbers of at least 1, one per stage.")
    if min(sides) < 2 ** len(modules):
        raise UserError(
            who,
            f"an image of {sides[0]} x {sides[1]} cannot be halved {len(modules)} times, once per stage.",
            "Give fewer `modules`.",
        )
    if width < 16 or width % 16:
        raise UserError(who, f"width is {width}; expected a multiple of 16.")
    if not 0 <= dropout < 1:
        raise UserError(who, f"dropout is {dropout}; expected 0 <= dropout < 1.")
