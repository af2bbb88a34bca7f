"""Convolutions over words."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from glasshouse import UserError
from torch import Tensor, nn
from torch.nn import functional as F


class TextCNN(nn.Module):
    """Word vectors, filters over a few neighbouring words, the largest answer of each filter, one linear layer.

    Input (n, sequence_length) numbers of words, 0 for padding; output (n, num_classes): logits, or values for
    regression.

    Source: Kim, "Convolutional Neural Networks for Sentence Classification", EMNLP 2014, its CNN-rand: word vectors are
    learned with the rest.

    Args:
        vocab_size: numbers of words in use; filled from the data.
        num_classes: width of the output (1 for regression); filled from the data.
        dimensions: of a word's vector.
        windows: words that a filter sees; one group of filters for each.
        filters: in each group.
        dropout: share of the filters' answers that are silenced while training, in [0, 1).

    Raises:
        UserError: for sizes below one, no window, or a dropout outside [0, 1).
    """

    def __init__(
        self,
        vocab_size: int,
        num_classes: int,
        dimensions: int = 64,
        windows: Sequence[int] = (3, 4, 5),
        filters: int = 64,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        if min(vocab_size, dimensions, filters, *windows) < 1 or not windows:
            raise UserError("model 'text_cnn'", "vocab_size, dimensions, filters and each of windows are at least 1.")
        if not 0 <= dropout < 1:
            raise UserError("model 'text_cnn'", f"dropout is {dropout}; expected 0 <= dropout < 1.")
        self.embed = nn.Embedding(vocab_size, dimensions, padding_idx=0)
        self.convolutions = nn.ModuleList(nn.Conv1d(dimensions, filters, window) for window in windows)
        self.widest = max(windows)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(filters * len(windows), num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """(n, sequence_length) to (n, num_classes)."""
        vectors = self.embed(x).transpose(1, 2)  # (n, dimensions, sequence_length)
        # Padding on both sides lets each filter see the first and last words, and texts shorter than its window.
        vectors = F.pad(vectors, (self.widest - 1, self.widest - 1))
        answers = [convolve(vectors).relu().amax(dim=2) for convolve in self.convolutions]
        return self.head(self.dropout(torch.cat(answers, dim=1)))  # type: ignore[no-any-return]
