"""A recurrent network over words."""

from __future__ import annotations

import torch
from glasshouse import UserError
from torch import Tensor, nn


class LSTM(nn.Module):
    """Word vectors, an LSTM in both directions, the largest of each unit's states over the words, one linear layer.

    Input (n, sequence_length) numbers of words, 0 for padding behind a text; output (n, num_classes): logits, or values
    for regression. States behind a text's end are left out, but for the first one of a text without words.

    Source: Hochreiter and Schmidhuber, "Long Short-Term Memory", Neural Computation 9(8), 1997; both directions as in
    Graves and Schmidhuber 2005; the largest state as in Conneau et al. 2017 (InferSent).

    Args:
        vocab_size: numbers of words in use; filled from the data.
        num_classes: width of the output (1 for regression); filled from the data.
        dimensions: of a word's vector.
        units: of the LSTM in each direction.
        dropout: share of the largest states that are silenced while training, in [0, 1).

    Raises:
        UserError: for sizes below one, or a dropout outside [0, 1).
    """

    def __init__(
        self, vocab_size: int, num_classes: int, dimensions: int = 64, units: int = 64, dropout: float = 0.3
    ) -> None:
        super().__init__()
        if min(vocab_size, dimensions, units) < 1:
            raise UserError("model 'lstm'", "vocab_size, dimensions and units are at least 1.")
        if not 0 <= dropout < 1:
            raise UserError("model 'lstm'", f"dropout is {dropout}; expected 0 <= dropout < 1.")
        self.embed = nn.Embedding(vocab_size, dimensions, padding_idx=0)
        self.lstm = nn.LSTM(dimensions, units, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(2 * units, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """(n, sequence_length) to (n, num_classes)."""
        states, _ = self.lstm(self.embed(x))  # (n, sequence_length, 2 units)
        inside = x != 0
        inside[:, 0] = True
        largest = states.masked_fill(~inside.unsqueeze(2), -torch.inf).amax(dim=1)
        return self.head(self.dropout(largest))  # type: ignore[no-any-return]
