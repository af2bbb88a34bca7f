"""A transformer's encoder over words or numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from glasshouse import UserError
from torch import Tensor, nn
from torch.nn import functional as F

from glasshouse_plugins.models.attention import SMALL, Block, require_heads, sinusoids
from glasshouse_plugins.models.sequences import entrance, lengths, require_positive, require_shares, within


class Transformer(nn.Module):
    """Vectors of words or steps with their places, blocks of self-attention, one vector for all, one linear layer.

    Input (n, length) numbers of words, 0 for padding behind a text, or (n, length, features) numbers; output
    (n, num_classes): logits, or values for regression. Padding is looked at by no word; a text without words is one
    padding long.

    Source: Vaswani et al., "Attention Is All You Need", NeurIPS 2017, its encoder with the norms in front (Xiong et al.
    2020); a vector of its own that stands for the whole, `cls`, as in Devlin et al. 2019 (BERT).

    Args:
        num_classes: width of the output (1 for regression); filled from the data.
        vocab_size: numbers of words in use; filled from the data, None for sequences of numbers.
        input_shape: [length] of texts or [length, features] of sequences of numbers; filled from the data.
        width: of the vector of a word or step, shared by the heads.
        heads: of attention in each block.
        layers: blocks.
        feedforward: units between the two linear layers of a block.
        positions: ``learned`` vectors of places, or fixed ``sinusoidal`` ones.
        pooling: the ``mean`` of the vectors behind the last block, or ``cls``, that of a place of its own before the
            first.
        dropout: share that is silenced while training of what comes in, of what each block adds, and of the pooled
            vector; in [0, 1).

    Raises:
        UserError: for sizes below one, heads that do not divide the width, an unknown choice, a share outside [0, 1),
            or longer sequences than it was built for.
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
        require_heads(who, width, heads)
        require_shares(who, dropout=dropout)
        if positions not in ("learned", "sinusoidal"):
            raise UserError(who, f"positions is {positions!r}; expected learned or sinusoidal.")
        if pooling not in ("mean", "cls"):
            raise UserError(who, f"pooling is {pooling!r}; expected mean or cls.")
        if not input_shape:
            raise UserError(who, "needs an input_shape of [length] or [length, features].")
        self.embed, self.words = entrance(who, vocab_size, input_shape, width)
        places = sinusoids(input_shape[0], width)
        if positions == "learned":
            self.places = nn.Parameter(torch.randn_like(places) * SMALL)
        else:
            self.register_buffer("places", places, persistent=False)
        self.whole = nn.Parameter(torch.randn(width) * SMALL) if pooling == "cls" else None
        self.dropout = dropout
        self.blocks = nn.ModuleList(Block(width, heads, feedforward, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """(n, length) words or (n, length, features) numbers to (n, num_classes)."""
        if x.shape[1] > len(self.places):
            raise UserError(
                "model 'transformer'", f"was given {x.shape[1]} places; it was built for {len(self.places)}."
            )
        inside = within(x, self.words)
        vectors = self.embed(x) + self.places[: x.shape[1]]
        longest = int(lengths(inside).max()) if len(x) else 1
        inside, vectors = inside[:, :longest], vectors[:, :longest]
        if self.whole is not None:
            vectors = torch.cat([self.whole.expand(len(x), 1, -1), vectors], dim=1)
            inside = F.pad(inside, (1, 0), value=True)
        vectors = F.dropout(vectors, self.dropout, self.training)
        for block in self.blocks:
            vectors = block(vectors, seen=inside)
        vectors = self.norm(vectors)
        pooled = vectors[:, 0] if self.whole is not None else _mean_within(vectors, inside)
        return self.head(F.dropout(pooled, self.dropout, self.training))  # type: ignore[no-any-return]


def _mean_within(vectors: Tensor, inside: Tensor) -> Tensor:
    """(n, width) mean over the places that are part of a sequence."""
    share = inside / inside.sum(dim=1, keepdim=True)
    return (vectors * share.unsqueeze(2).to(vectors.dtype)).sum(dim=1)
