"""ResNet, 18 to 50 layers deep, for small pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch.nn.functional as F
from glasshouse import UserError
from torch import Tensor, nn

from glasshouse_plugins.models.cnn import image_shape


class Basic(nn.Module):
    """Two 3 x 3 convolutions and a way around them (He et al. 2016, figure 5, left); (n, c, h, w) to (n, maps, ...)."""

    expansion = 1

    def __init__(self, entering: int, maps: int, stride: int) -> None:
        super().__init__()
        self.first, self.first_norm = _convolution(entering, maps, 3, stride), nn.BatchNorm2d(maps)
        self.last, self.last_norm = _convolution(maps, maps, 3), nn.BatchNorm2d(maps)
        self.around = _around(entering, maps, stride)

    def forward(self, x: Tensor) -> Tensor:
        inner = F.relu(self.first_norm(self.first(x)))
        return F.relu(self.last_norm(self.last(inner)) + self.around(x))


class Bottleneck(nn.Module):
    """1 x 1, 3 x 3 and 1 x 1 convolutions, the last to four times the maps, and a way around (ibid., right)."""

    expansion = 4

    def __init__(self, entering: int, maps: int, stride: int) -> None:
        super().__init__()
        leaving = self.expansion * maps
        self.narrow, self.narrow_norm = _convolution(entering, maps, 1), nn.BatchNorm2d(maps)
        self.middle, self.middle_norm = _convolution(maps, maps, 3, stride), nn.BatchNorm2d(maps)
        self.last, self.last_norm = _convolution(maps, leaving, 1), nn.BatchNorm2d(leaving)
        self.around = _around(entering, leaving, stride)

    def forward(self, x: Tensor) -> Tensor:
        inner = F.relu(self.narrow_norm(self.narrow(x)))
        inner = F.relu(self.middle_norm(self.middle(inner)))
        return F.relu(self.last_norm(self.last(inner)) + self.around(x))


_DEPTHS: dict[int, tuple[type[Basic] | type[Bottleneck], tuple[int, ...]]] = {
    18: (Basic, (2, 2, 2, 2)),
    34: (Basic, (3, 4, 6, 3)),
    50: (Bottleneck, (3, 4, 6, 3)),
}
"""The kind of block and how many of them each stage has: He et al. 2016, table 1."""


class ResNet(nn.Module):
    """A residual network: blocks that learn what to add to their input.

    Input (n, channels, height, width), output (n, num_classes): logits, or values for regression. Four stages of
    blocks, each with twice the maps of the one before; all but the first halve the picture's sides. The maps' means
    enter one linear layer.

    Source: He, Zhang, Ren and Sun, "Deep residual learning for image recognition", CVPR 2016, table 1. For small
    pictures the stem is one 3 x 3 convolution, as in their section 4.2, where that for ImageNet would leave a sixteenth
    of the pixels. The last norm of each block starts at 0, so that each block starts as the identity (Goyal et al.
    2017, section 5.1). Their width is 64; the default, 16, has 701,178 weights at depth 18 for grey pixels and ten
    classes.

    Args:
        input_shape: channels, height and width; filled from the data.
        num_classes: width of the output (1 for regression); filled from the data.
        depth: 18, 34 or 50 layers.
        width: maps of the first stage.

    Raises:
        UserError: for another input than pictures, another depth, or a width below one.
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
        entering = width
        for stage, count in enumerate(stages):
            for number in range(count):
                blocks.append(block(entering, width << stage, stride=2 if stage and not number else 1))
                entering = (width << stage) * block.expansion
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(entering, num_classes))
        _start(self)

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, height, width) to (n, num_classes)."""
        return self.head(self.blocks(self.stem(x)))  # type: ignore[no-any-return]


def _convolution(entering: int, leaving: int, size: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(entering, leaving, size, stride=stride, padding=size // 2, bias=False)


def _around(entering: int, leaving: int, stride: int) -> nn.Module:
    """The identity, or a projection where the number of maps or their size changes (option B of the paper)."""
    if entering == leaving and stride == 1:
        return nn.Identity()
    return nn.Sequential(_convolution(entering, leaving, 1, stride), nn.BatchNorm2d(leaving))


def _start(network: nn.Module) -> None:
    """He's normal distribution for convolutions, and every block the identity."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if isinstance(module, (Basic, Bottleneck)):
            nn.init.zeros_(module.last_norm.weight)
