"""A convolutional text classifier."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from glasshouse import UserError
from torch import Tensor, nn
from torch.nn import functional as F


class TextCNN(nn.Module):
    """Token embeddings, convolutions over neighbouring tokens, max pooling over the text, a linear layer.

    Input: token ids (n, sequence_length), with 0 as padding. Output (n, num_classes): logits, or values for regression.

    Source: Kim, "Convolutional Neural Networks for Sentence Classification", EMNLP 2014, variant CNN-rand: embeddings
    are learned from scratch.

    Args:
        vocab_size: number of token ids; filled from the data.
        num_classes: number of outputs (1 for regression); filled from the data.
        dimensions: size of the token embeddings, at least 1.
        windows: kernel sizes in tokens; one group of filters per entry.
        filters: filters per group, at least 1.
        dropout: dropout probability of the pooled filter outputs, in [0, 1).

    Raises:
        UserError: for sizes below 1, no window, or a dropout outside [0, 1).
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
            raise UserError(
                "model 'text_cnn'",
                f"vocab_size is {vocab_size}, dimensions {dimensions}, filters {filters}, windows {list(windows)}; "
                "expected at least 1 each, and at least one window.",
            )
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
        # Padding on both sides lets each filter reach the first and last tokens, and texts shorter than its window.
        vectors = F.pad(vectors, (self.widest - 1, self.widest - 1))
        pooled = [convolve(vectors).relu().amax(dim=2) for convolve in self.convolutions]
        return self.head(self.dropout(torch.cat(pooled, dim=1)))  # type: ignore[no-any-return]
