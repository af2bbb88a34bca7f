"""Blocks of attention, as encoders and decoders of words share them."""

from __future__ import annotations

import math

import torch
from glasshouse import UserError
from torch import Tensor, nn
from torch.nn import functional as F

SMALL = 0.02
"""Standard deviation at which learned vectors of places begin, as in BERT and GPT."""


class Block(nn.Module):
    """Self-attention and two linear layers, each behind a layer norm and added to what came in.

    Source: Vaswani et al., "Attention Is All You Need", NeurIPS 2017, with the norms in front (Xiong et al. 2020,
    "On Layer Normalization in the Transformer Architecture": trains without a warm-up) and GELU. Dropout acts on what
    is added alone: on attention's shares, where BERT and GPT-2 have it too, it costs more than the rest of attention.
    """

    def __init__(self, width: int, heads: int, feedforward: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.before_attention = nn.LayerNorm(width)
        self.attend = nn.Linear(width, 3 * width)
        self.attended = nn.Linear(width, width)
        self.before_feedforward = nn.LayerNorm(width)
        self.feedforward = nn.Sequential(nn.Linear(width, feedforward), nn.GELU(), nn.Linear(feedforward, width))

    def forward(self, x: Tensor, *, seen: Tensor | None = None, causal: bool = False) -> Tensor:
        """(n, length, width) to the same; each place looks at the places `seen` (n, length), or, if `causal`, at none
        behind itself."""
        queries, keys, values = (
            part.unflatten(2, (self.heads, -1)).transpose(1, 2)
            for part in self.attend(self.before_attention(x)).chunk(3, dim=2)
        )
        found = F.scaled_dot_product_attention(
            queries,
            keys,
            values,
            attn_mask=None if seen is None else seen[:, None, None],
            is_causal=causal,
        )
        x = x + F.dropout(self.attended(found.transpose(1, 2).flatten(2)), self.dropout, self.training)
        return x + F.dropout(self.feedforward(self.before_feedforward(x)), self.dropout, self.training)


def require_heads(who: str, width: int, heads: int) -> None:
    """Refuse a width that the heads cannot share evenly."""
    if width % heads:
        raise UserError(who, f"width is {width}, which {heads} heads cannot share evenly.")


def sinusoids(length: int, width: int) -> Tensor:
    """(length, width) sines and cosines of the place, in wavelengths from 2 pi to 10,000 times that.

    Source: Vaswani et al. 2017, section 3.5: even columns sin(place / 10000^(column / width)), odd ones the cosine of
    the column before.
    """
    wavelengths = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
    angles = torch.arange(length).unsqueeze(1) * wavelengths
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)[:, :width]
