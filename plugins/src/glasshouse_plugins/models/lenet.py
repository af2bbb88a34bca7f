"""LeNet-5."""

from __future__ import annotations

from collections.abc import Sequence

from glasshouse import UserError
from torch import Tensor, nn

from glasshouse_plugins.models.cnn import image_shape


class LeNet(nn.Module):
    """LeNet-5: two 5 x 5 convolutions, each followed by 2 x 2 average pooling, and three linear layers.

    Input: images (n, channels, height, width). Output (n, num_classes): logits, or values for regression.

    Source: LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition", Proceedings of
    the IEEE 86(11), 1998, section II.B. As is usual today, the second convolution sees all feature maps of the first,
    pooling has no weights, and the output layer is linear instead of radial basis functions. Images of 28 x 28 are
    padded to the paper's 32 x 32.

    Args:
        input_shape: [channels, height, width] of images, at least 12 x 12; filled from the data.
        num_classes: number of outputs (1 for regression); filled from the data.

    Raises:
        UserError: for input that is not images, or images below 12 x 12.
    """

    def __init__(self, input_shape: Sequence[int], num_classes: int) -> None:
        super().__init__()
        channels, height, width = image_shape("lenet", input_shape)
        if min(height, width) < 12:
            raise UserError("model 'lenet'", f"images are {height} x {width}; expected at least 12 x 12.")
        self.maps = nn.Sequential(
            nn.Conv2d(channels, 6, 5, padding=2),
            nn.Tanh(),
            nn.AvgPool2d(2),
            nn.Conv2d(6, 16, 5),
            nn.Tanh(),
            nn.AvgPool2d(2),
        )
        positions = ((height // 2 - 4) // 2) * ((width // 2 - 4) // 2)
        self.head = nn.Sequential(
            nn.Flatten(),
            nn.Linear(16 * positions, 120),
            nn.Tanh(),
            nn.Linear(120, 84),
            nn.Tanh(),
            nn.Linear(84, num_classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, height, width) to (n, num_classes)."""
        return self.head(self.maps(x))  # type: ignore[no-any-return]
