"""Inception: convolutions of several sizes side by side."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from glasshouse import UserError
from torch import Tensor, nn

from glasshouse_plugins.models.cnn import image_shape


class Branches(nn.Module):
    """1 x 1, 3 x 3 and 5 x 5 convolutions and pooling side by side; (n, entering, h, w) to (n, leaving, h, w).

    A fourth of the maps comes from 1 x 1, half from 3 x 3, an eighth each from 5 x 5 and pooling, with 1 x 1
    convolutions to fewer maps before the larger ones: the shares of module 3a of the paper (figure 2b, table 1).
    """

    def __init__(self, entering: int, leaving: int) -> None:
        super().__init__()
        quarter, half, eighth = leaving // 4, leaving // 2, leaving // 8
        fewer, fewest = 3 * leaving // 8, leaving // 16
        self.one = _convolution(entering, quarter, 1)
        self.three = nn.Sequential(_convolution(entering, fewer, 1), _convolution(fewer, half, 3))
        self.five = nn.Sequential(_convolution(entering, fewest, 1), _convolution(fewest, eighth, 5))
        self.pooled = nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), _convolution(entering, eighth, 1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.one(x), self.three(x), self.five(x), self.pooled(x)], dim=1)


class Inception(nn.Module):
    """A small Inception network: a convolution, then stages of modules of parallel convolutions.

    Input (n, channels, height, width), output (n, num_classes): logits, or values for regression. Pooling halves the
    picture's sides before each stage, which has twice the maps of the one before. The maps' means enter one linear
    layer.

    Source: Szegedy et al., "Going deeper with convolutions", CVPR 2015. Smaller than GoogLeNet, with batch norm (Ioffe
    and Szegedy 2015) in place of its two helping classifiers. The default has 104,826 weights for grey pixels and ten
    classes.

    Args:
        input_shape: channels, height and width; filled from the data.
        num_classes: width of the output (1 for regression); filled from the data.
        modules: how many of each stage.
        width: maps of the first stage's modules, a multiple of 16.
        dropout: share of the linear layer's inputs that are silenced while training, in [0, 1).

    Raises:
        UserError: for another input than pictures, more stages than the picture can be halved, no module, a width that
            16 does not divide, or a dropout outside [0, 1).
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
        entering = width // 2
        for stage, count in enumerate(modules):
            layers.append(nn.MaxPool2d(2))
            for _ in range(count):
                layers.append(Branches(entering, width << stage))
                entering = width << stage
        self.maps = nn.Sequential(*layers)
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(entering, num_classes)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, height, width) to (n, num_classes)."""
        return self.head(self.maps(x))  # type: ignore[no-any-return]


def _convolution(entering: int, leaving: int, size: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(entering, leaving, size, padding=size // 2, bias=False), nn.BatchNorm2d(leaving), nn.ReLU()
    )


def _check(modules: Sequence[int], width: int, dropout: float, sides: Sequence[int]) -> None:
    who = "model 'inception'"
    if not modules or min(modules) < 1:
        raise UserError(who, f"modules is {list(modules)}; expected numbers of at least 1, one a stage.")
    if min(sides) < 2 ** len(modules):
        raise UserError(
            who,
            f"{len(modules)} stages halve a picture of {sides[0]} x {sides[1]} to nothing.",
            "Give fewer `modules`.",
        )
    if width < 16 or width % 16:
        raise UserError(who, f"width is {width}; expected a multiple of 16.")
    if not 0 <= dropout < 1:
        raise UserError(who, f"dropout is {dropout}; expected 0 <= dropout < 1.")
