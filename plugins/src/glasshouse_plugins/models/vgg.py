"""VGG."""

from __future__ import annotations

from collections.abc import Sequence

from glasshouse import UserError
from torch import Tensor, nn

from glasshouse_plugins.models.cnn import image_shape


class VGG(nn.Module):
    """VGG with batch norm: blocks of 3 x 3 convolutions, each followed by max pooling, then two linear layers.

    Input: images (n, channels, height, width). Output (n, num_classes): logits, or values for regression. Every block
    halves height and width and has twice the feature maps of the block before, at most eight times those of the first.

    Source: Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR 2015,
    table 1. Two changes: batch norm before each activation, because deep configurations hardly train without it, and
    one hidden layer of `hidden` units instead of two of 4,096. The paper's configuration A (VGG-11) is
    ``convolutions: [1, 1, 2, 2, 2], width: 64``, D (VGG-16) ``[2, 2, 3, 3, 3]``, for images of at least 32 x 32.
    The default has 147,162 parameters for 28 x 28 grey pixels and ten classes.

    Args:
        input_shape: [channels, height, width] of images; filled from the data.
        num_classes: number of outputs (1 for regression); filled from the data.
        convolutions: number of convolutions in each block; one block per entry.
        width: feature maps of the first block, at least 1.
        hidden: units of the hidden linear layer, at least 1.
        dropout: dropout probability of that layer's inputs and outputs, in [0, 1).

    Raises:
        UserError: for input that is not images, more blocks than the image can be halved, sizes below 1, or a
            dropout outside [0, 1).
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        num_classes: int,
        convolutions: Sequence[int] = (2, 2, 2),
        width: int = 16,
        hidden: int = 128,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        maps, rows, columns = image_shape("vgg", input_shape)
        _check(convolutions, width, hidden, dropout, sides=(rows, columns))
        layers: list[nn.Module] = []
        for block, count in enumerate(convolutions):
            block_maps = width * min(2**block, 8)
            for _ in range(count):
                layers += [nn.Conv2d(maps, block_maps, 3, padding=1, bias=False), nn.BatchNorm2d(block_maps), nn.ReLU()]
                maps = block_maps
            layers.append(nn.MaxPool2d(2))
        self.maps = nn.Sequential(*layers)
        positions = (rows >> len(convolutions)) * (columns >> len(convolutions))
        self.head = nn.Sequential(
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(maps * positions, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, num_classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, height, width) to (n, num_classes)."""
        return self.head(self.maps(x))  # type: ignore[no-any-return]


def _check(convolutions: Sequence[int], width: int, hidden: int, dropout: float, sides: tuple[int, int]) -> None:
    who = "model 'vgg'"
    if not convolutions or min(convolutions) < 1:
        raise UserError(who, f"convolutions is {list(convolutions)}; expected numbers of at least 1, one per block.")
    if min(sides) < 2 ** len(convolutions):
        raise UserError(
            who,
            f"an image of {sides[0]} x {sides[1]} cannot be halved {len(convolutions)} times, once per block.",
            "Give fewer `convolutions`.",
        )
    if min(width, hidden) < 1:
        raise UserError(who, f"width is {width} and hidden {hidden}; expected at least 1.")
    if not 0 <= dropout < 1:
        raise UserError(who, f"dropout is {dropout}; expected 0 <= dropout < 1.")
