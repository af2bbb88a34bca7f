"""One linear layer."""

from __future__ import annotations

from torch import Tensor, nn


class Linear(nn.Module):
    """Logistic, softmax or linear regression, depending on the target: x W^T + b.

    Input (n, in_features), or pictures (n, channels, height, width), whose numbers stand in a row; output
    (n, num_classes): logits, or values for regression.

    Args:
        in_features: encoded columns, or numbers of a picture; filled from the data.
        num_classes: width of the output (1 for regression); filled from the data.
    """

    def __init__(self, in_features: int, num_classes: int) -> None:
        super().__init__()
        self.layer = nn.Linear(in_features, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """(n, in_features), or pictures of as many numbers, to (n, num_classes)."""
        return self.layer(x.flatten(1))  # type: ignore[no-any-return]
