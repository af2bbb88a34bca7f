"""One linear layer."""

from torch import Tensor, nn


class Line(nn.Module):
    """A linear layer: logistic, softmax or linear regression, depending on the target.

    Args:
        in_features: encoded columns; filled from the data.
        num_classes: width of the output; filled from the data.
        bias: whether to add a constant to each output.
    """

    def __init__(self, in_features: int, num_classes: int, bias: bool = True) -> None:
        super().__init__()
        self.layer = nn.Linear(in_features, num_classes, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """(n, in_features) to (n, num_classes) logits."""
        return self.layer(x)  # type: ignore[no-any-return]
