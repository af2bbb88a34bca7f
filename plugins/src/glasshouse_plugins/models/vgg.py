"""VGG."""

from __future__ import annotations

from collections.abc import Sequence

from glasshouse import UserError
from torch import Tensor, nn

from glasshouse_plugins.models.cnn import image_shape


class VGG(nn.Module):
    """VGG: blocks of several 3 x 3 convolutions, each block ended by pooling, then linear layers.

    Input (n, channels, height, width), output (n, num_classes): logits, or values for regression. Every block halves
    the picture's sides and has twice the maps of the block before, at most eight times those of the first.

    Source: Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR 2015,
    table 1. Batch norm stands before each activation, without which deep ones hardly learn from their usual start;
    there is one hidden layer of `hidden` units where they have two of 4,096. Their configuration A (VGG-11) is
    ``convolutions: [1, 1, 2, 2, 2], width: 64``, D (VGG-16) ``[2, 2, 3, 3, 3]``, for pictures of at least 32 x 32.
    The default has 147,162 weights for 28 x 28 grey pixels and ten classes.

    Args:
        input_shape: channels, height and width; filled from the data.
        num_classes: width of the output (1 for regression); filled from the data.
        convolutions: how many of each block.
        width: maps of the first block.
        hidden: units of the hidden layer.
        dropout: share of its inputs and of its units that are silenced while training, in [0, 1).

    Raises:
        UserError: for another input than pictures, more blocks than the picture can be halved, numbers below one, or a
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
        maps, height, across = image_shape("vgg", input_shape)
        _check(convolutions, width, hidden, dropout, sides=(height, across))
        layers: list[nn.Module] = []
        for block, count in enumerate(convolutions):
            wider = width * min(2**block, 8)
            for _ in range(count):
                layers += [nn.Conv2d(maps, wider, 3, padding=1, bias=False), nn.BatchNorm2d(wider), nn.ReLU()]
                maps = wider
            layers.append(nn.MaxPool2d(2))
        self.maps = nn.Sequential(*layers)
        places = (height >> len(convolutions)) * (across >> len(convolutions))
        self.head = nn.Sequential(
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(maps * places, hidden),
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
        raise UserError(who, f"convolutions is {list(convolutions)}; expected numbers of at least 1, one a block.")
    if min(sides) < 2 ** len(convolutions):
        raise UserError(
            who,
            f"{len(convolutions)} blocks halve a picture of {sides[0]} x {sides[1]} to nothing.",
            "Give fewer `convolutions`.",
        )
    if min(width, hidden) < 1:
        raise UserError(who, f"width is {width} and hidden {hidden}; expected at least 1.")
    if not 0 <= dropout < 1:
        raise UserError(who, f"dropout is {dropout}; expected 0 <= dropout < 1.")
