"""A transformer encoder for text or numeric sequences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from glasshouse import UserError
from torch import Tensor, nn
from torch.nn import functional as F

from glasshouse_plugins.models.attention import INIT_STD, Block, require_divisible_width, sinusoidal_positions
from glasshouse_plugins.models.sequences import (
    input_layer,
    require_dropout,
    require_positive,
    sequence_lengths,
    valid_positions,
)


class Transformer(nn.Module):
    """A transformer encoder: embeddings with positions, self-attention blocks, pooling, a linear layer.

    Input: token ids (n, length), with 0 as padding after a text, or numeric sequences (n, length, features). Output
    (n, num_classes): logits, or values for regression. Attention ignores padding; an empty text counts as one padding
    token.

    Source: Vaswani et al., "Attention Is All You Need", NeurIPS 2017, encoder with pre-norm (Xiong et al. 2020); the
    CLS token as in Devlin et al. 2019 (BERT).

    Args:
        num_classes: number of outputs (1 for regression); filled from the data.
        vocab_size: number of token ids; filled from the data; None for numeric sequences.
        input_shape: [length] of texts or [length, features] of numeric sequences; filled from the data.
        width: size of the vector of a token or time step; a multiple of `heads`.
        heads: attention heads per block.
        layers: number of transformer blocks.
        feedforward: units of the hidden layer in each block's feed-forward part.
        positions: ``learned`` or fixed ``sinusoidal`` positional encoding.
        pooling: ``mean`` of the last block's outputs, or output of the ``cls`` token.
        dropout: dropout probability of the embeddings, of each residual branch and of the pooled vector, in [0, 1).

    Raises:
        UserError: for sizes below 1, heads that do not divide the width, an unknown choice, a dropout outside [0, 1),
            or sequences longer than `input_shape`.
    """

    def __init__(
        self,
        num_classes: int,
        vocab_size: int | None = None,
        input_shape: Sequence[int] | None = None,
        width: int = 64,
        heads: int = 4,
        layers: int = 2,
        feedforward: int = 128,
        positions: Literal["learned", "sinusoidal"] = "learned",
        pooling: Literal["mean", "cls"] = "mean",
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        who = "model 'transformer'"
        require_positive(who, width=width, heads=heads, layers=layers, feedforward=feedforward)
        require_divisible_width(who, width, heads)
        require_dropout(who, dropout=dropout)
        if positions not in ("learned", "sinusoidal"):
            raise UserError(who, f"positions is {positions!r}; expected learned or sinusoidal.")
        if pooling not in ("mean", "cls"):
            raise UserError(who, f"pooling is {pooling!r}; expected mean or cls.")
        if not input_shape:
            raise UserError(who, "input_shape is missing; expected [length] or [length, features].")
        self.embed, self.words = input_layer(who, vocab_size, input_shape, width)
        encoding = sinusoidal_positions(input_shape[0], width)
        if positions == "learned":
            self.places = nn.Parameter(torch.randn_like(encoding) * INIT_STD)
        else:
            self.register_buffer("places", encoding, persistent=False)
        self.whole = nn.Parameter(torch.randn(width) * INIT_STD) if pooling == "cls" else None
        self.dropout = dropout
        self.blocks = nn.ModuleList(Block(width, heads, feedforward, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """(n, length) token ids or (n, length, features) values to (n, num_classes)."""
        if x.shape[1] > len(self.places):
            raise UserError(
                "model 'transformer'",
                f"received sequences of length {x.shape[1]}; expected at most {len(self.places)}.",
            )
        valid = valid_positions(x, self.words)
        vectors = self.embed(x) + self.places[: x.shape[1]]
        longest = int(sequence_lengths(valid).max()) if len(x) else 1
        valid, vectors = valid[:, :longest], vectors[:, :longest]
        if self.whole is not None:
            vectors = torch.cat([self.whole.expand(len(x), 1, -1), vectors], dim=1)
            valid = F.pad(valid, (1, 0), value=True)
        vectors = F.dropout(vectors, self.dropout, self.training)
        for block in self.blocks:
            vectors = block(vectors, seen=valid)
        vectors = self.norm(vectors)
        pooled = vectors[:, 0] if self.whole is not None else _masked_mean(vectors, valid)
        return self.head(F.dropout(pooled, self.dropout, self.training))  # type: ignore[no-any-return]


def _masked_mean(vectors: Tensor, valid: Tensor) -> Tensor:
    """(n, width) mean over the valid positions."""
    weights = valid / valid.sum(dim=1, keepdim=True)
    return (vectors * weights.unsqueeze(2).to(vectors.dtype)).sum(dim=1)
