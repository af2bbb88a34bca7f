"""One linear layer."""

from __future__ import annotations

from torch import Tensor, nn


class Linear(nn.Module):
    """Linear, logistic or softmax regression, depending on the target: x W^T + b.

    Input: rows (n, in_features), or images (n, channels, height, width), which are flattened. Output (n, num_classes):
    logits, or values for regression.

    Args:
        in_features: number of encoded columns, or of values per image; filled from the data.
        num_classes: number of outputs (1 for regression); filled from the data.
    """

    def __init__(self, in_features: int, num_classes: int) -> None:
        super().__init__()
        self.layer = nn.Linear(in_features, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """(n, in_features), or images of as many values, to (n, num_classes)."""
        return self.layer(x.flatten(1))  # type: ignore[no-any-return]
