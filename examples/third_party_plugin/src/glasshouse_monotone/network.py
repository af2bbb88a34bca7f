"""A network that is monotone in chosen columns."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from glasshouse import UserError
from torch import Tensor, nn

_WHO = "model 'monotone_network'"


class MonotoneNetwork(nn.Module):
    """A network with one hidden layer whose output is increasing, decreasing or unconstrained in each column.

    Weights between a constrained column and the output are squared and multiplied by the direction; tanh is monotone
    (Daniels and Velikova 2010, "Monotone and Partially Monotone Neural Networks", IEEE Transactions on Neural Networks
    21:906, with the square instead of the exponential). Input (n, in_features). Output (n, 1): the log-odds of the
    second class, or a value for regression.

    Args:
        in_features: number of encoded columns; filled from the data.
        num_classes: 2, or 1 for regression; filled from the data.
        directions: 1 (increasing), -1 (decreasing) or 0 (unconstrained) for each encoded column; default: all 0.
        hidden: units of the hidden layer, at least 1.

    Raises:
        UserError: for more than two classes, no hidden unit, or directions that do not match the columns.
    """

    def __init__(
        self, in_features: int, num_classes: int, directions: Sequence[int] | None = None, hidden: int = 16
    ) -> None:
        super().__init__()
        if num_classes not in (1, 2):
            raise UserError(_WHO, f"num_classes is {num_classes}; expected 2, or 1 for regression.")
        if in_features < 1 or hidden < 1:
            raise UserError(_WHO, f"in_features is {in_features} and hidden {hidden}; expected at least 1.")
        signs = [0] * in_features if directions is None else list(directions)
        if len(signs) != in_features or not set(signs) <= {-1, 0, 1}:
            raise UserError(
                _WHO, f"directions is {signs}; expected -1, 0 or 1 for each of the {in_features} encoded columns."
            )
        self.register_buffer("signs", torch.tensor(signs, dtype=torch.float32), persistent=False)
        self.first = nn.Linear(in_features, hidden)
        self.last = nn.Linear(hidden, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(n, in_features) to (n, 1)."""
        signs = self.get_buffer("signs")
        weights = torch.where(signs == 0, self.first.weight, signs * self.first.weight.square())
        hidden = torch.tanh(F.linear(x, weights, self.first.bias))
        return F.linear(hidden, self.last.weight.square(), self.last.bias)
