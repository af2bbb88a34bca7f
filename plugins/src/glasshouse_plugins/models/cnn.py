"""A small convolutional network."""

from __future__ import annotations

from collections.abc import Sequence

from glasshouse import UserError
from torch import Tensor, nn


class CNN(nn.Module):
    """Blocks of convolution, batch norm, ReLU and pooling, then one linear layer.

    Input: images (n, channels, height, width). Output (n, num_classes): logits, or values for regression. Each block
    convolves 3 x 3 and halves height and width. The last feature maps are averaged to at most 4 x 4 positions, so that
    the linear layer stays small for any image size.

    Args:
        input_shape: [channels, height, width] of images; filled from the data.
        num_classes: number of outputs (1 for regression); filled from the data.
        channels: feature maps of each block, at least 1 each; one block per entry.
        dropout: dropout probability of the linear layer's inputs, in [0, 1).

    Raises:
        UserError: for input that is not images, no block, more blocks than the image can be halved, sizes below 1, or
            a dropout outside [0, 1).
    """

    def __init__(
        self, input_shape: Sequence[int], num_classes: int, channels: Sequence[int] = (16, 32, 64), dropout: float = 0.2
    ) -> None:
        super().__init__()
        width, *sides = image_shape("cnn", input_shape)
        if not channels or min(channels) < 1:
            raise UserError("model 'cnn'", f"channels is {list(channels)}; expected numbers of at least 1.")
        if min(sides) < 2 ** len(channels):
            raise UserError(
                "model 'cnn'",
                f"an image of {sides[0]} x {sides[1]} cannot be halved {len(channels)} times, once per block.",
                "Give fewer `channels`.",
            )
        if not 0 <= dropout < 1:
            raise UserError("model 'cnn'", f"dropout is {dropout}; expected 0 <= dropout < 1.")
        blocks: list[nn.Module] = []
        for maps in channels:
            blocks += [nn.Conv2d(width, maps, 3, padding=1, bias=False), nn.BatchNorm2d(maps), nn.ReLU()]
            blocks.append(nn.MaxPool2d(2))
            width = maps
        self.blocks = nn.Sequential(*blocks)
        rows, columns = (min(4, side >> len(channels)) for side in sides)
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d((rows, columns)),
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(width * rows * columns, num_classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, height, width) to (n, num_classes)."""
        return self.head(self.blocks(x))  # type: ignore[no-any-return]


def image_shape(model: str, input_shape: Sequence[int]) -> tuple[int, int, int]:
    """Channels, height and width of `input_shape`.

    Raises:
        UserError: for any other shape.
    """
    if len(input_shape) != 3 or min(input_shape) < 1:
        raise UserError(
            f"model '{model}'",
            f"input_shape is {list(input_shape)}; expected [channels, height, width].",
            "Choose image data, e.g. `data: mnist`.",
        )
    channels, height, width = input_shape
    return channels, height, width
