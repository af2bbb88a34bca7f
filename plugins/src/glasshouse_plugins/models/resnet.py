"""ResNet-18, -34 and -50 for small images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch.nn.functional as F
from glasshouse import UserError
from torch import Tensor, nn

from glasshouse_plugins.models.cnn import image_shape


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions with a shortcut (He et al. 2016, figure 5, left); (n, c, h, w) to (n, maps, ...)."""

    expansion = 1

    def __init__(self, in_channels: int, maps: int, stride: int) -> None:
        super().__init__()
        self.first, self.first_norm = _convolution(in_channels, maps, 3, stride), nn.BatchNorm2d(maps)
        self.last, self.last_norm = _convolution(maps, maps, 3), nn.BatchNorm2d(maps)
        self.around = _shortcut(in_channels, maps, stride)

    def forward(self, x: Tensor) -> Tensor:
        inner = F.relu(self.first_norm(self.first(x)))
        return F.relu(self.last_norm(self.last(inner)) + self.around(x))


class Bottleneck(nn.Module):
    """1 x 1, 3 x 3 and 1 x 1 convolutions, the last to four times the maps, with a shortcut (figure 5, right)."""

    expansion = 4

    def __init__(self, in_channels: int, maps: int, stride: int) -> None:
        super().__init__()
        out_channels = self.expansion * maps
        self.narrow, self.narrow_norm = _convolution(in_channels, maps, 1), nn.BatchNorm2d(maps)
        self.middle, self.middle_norm = _convolution(maps, maps, 3, stride), nn.BatchNorm2d(maps)
        self.last, self.last_norm = _convolution(maps, out_channels, 1), nn.BatchNorm2d(out_channels)
        self.around = _shortcut(in_channels, out_channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        inner = F.relu(self.narrow_norm(self.narrow(x)))
        inner = F.relu(self.middle_norm(self.middle(inner)))
        return F.relu(self.last_norm(self.last(inner)) + self.around(x))


_DEPTHS: dict[int, tuple[type[BasicBlock] | type[Bottleneck], tuple[int, ...]]] = {
    18: (BasicBlock, (2, 2, 2, 2)),
    34: (BasicBlock, (3, 4, 6, 3)),
    50: (Bottleneck, (3, 4, 6, 3)),
}
"""Depth to type of block and number of blocks per stage: He et al. 2016, table 1."""


class ResNet(nn.Module):
    """A residual network (ResNet): four stages of residual blocks, global average pooling, a linear layer.

    Input: images (n, channels, height, width). Output (n, num_classes): logits, or values for regression. Each stage
    has twice the feature maps of the one before; all but the first halve height and width.

    Source: He, Zhang, Ren and Sun, "Deep residual learning for image recognition", CVPR 2016, table 1. The stem is one
    3 x 3 convolution, as in their section 4.2 for small images; the stem for ImageNet would leave a sixteenth of the
    pixels. The last norm of each block starts at 0, so that each block starts as the identity (Goyal et al. 2017,
    section 5.1). The paper's width is 64; the default of 16 has 701,178 parameters at depth 18 for grey pixels and ten
    classes.

    Args:
        input_shape: [channels, height, width] of images; filled from the data.
        num_classes: number of outputs (1 for regression); filled from the data.
        depth: 18, 34 or 50 layers.
        width: feature maps of the first stage, at least 1.

    Raises:
        UserError: for input that is not images, another depth, or a width below 1.
    """

    def __init__(
        self, input_shape: Sequence[int], num_classes: int, depth: Literal[18, 34, 50] = 18, width: int = 16
    ) -> None:
        super().__init__()
        channels, _, _ = image_shape("resnet", input_shape)
        if depth not in _DEPTHS:
            raise UserError("model 'resnet'", f"depth is {depth}; expected {', '.join(map(str, _DEPTHS))}.")
        if width < 1:
            raise UserError("model 'resnet'", f"width is {width}; expected at least 1.")
        block, stages = _DEPTHS[depth]
        self.stem = nn.Sequential(_convolution(channels, width, 3), nn.BatchNorm2d(width), nn.ReLU())
        blocks: list[nn.Module] = []
        maps = width
        for stage, count in enumerate(stages):
            for number in range(count):
                blocks.append(block(maps, width << stage, stride=2 if stage and not number else 1))
                maps = (width << stage) * block.expansion
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(maps, num_classes))
        _init_weights(self)

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, height, width) to (n, num_classes)."""
        return self.head(self.blocks(self.stem(x)))  # type: ignore[no-any-return]


def _convolution(in_channels: int, out_channels: int, size: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, size, stride=stride, padding=size // 2, bias=False)


def _shortcut(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    """The identity, or a projection if the number of maps or their size changes (option B of the paper)."""
    if in_channels == out_channels and stride == 1:
        return nn.Identity()
    return nn.Sequential(_convolution(in_channels, out_channels, 1, stride), nn.BatchNorm2d(out_channels))


def _init_weights(network: nn.Module) -> None:
    """Initialise convolutions by He's normal distribution, and every block as the identity."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if isinstance(module, (BasicBlock, Bottleneck)):
            nn.init.zeros_(module.last_norm.weight)
