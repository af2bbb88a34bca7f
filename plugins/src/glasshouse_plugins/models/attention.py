"""The transformer block and the positional encoding that encoder and decoder share."""

from __future__ import annotations

import math

import torch
from glasshouse import UserError
from torch import Tensor, nn
from torch.nn import functional as F

INIT_STD = 0.02
"""Standard deviation of initial embeddings, as in BERT and GPT."""


class Block(nn.Module):
    """Pre-norm transformer block: self-attention and a feed-forward layer, each with layer norm and residual.

    Source: Vaswani et al., "Attention Is All You Need", NeurIPS 2017, with pre-norm (Xiong et al. 2020, "On Layer
    Normalization in the Transformer Architecture": trains without a warm-up) and GELU. Dropout applies to the residual
    branches only. BERT and GPT-2 also drop attention weights, which costs more time than the rest of attention.
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
        """(n, length, width) to the same shape.

        Args:
            x: token vectors.
            seen: (n, length), True for positions that may be attended to; None: all.
            causal: each position attends only to itself and earlier positions; not together with `seen`.
        """
        queries, keys, values = (
            part.unflatten(2, (self.heads, -1)).transpose(1, 2)
            for part in self.attend(self.before_attention(x)).chunk(3, dim=2)
        )
        attended = F.scaled_dot_product_attention(
            queries,
            keys,
            values,
            attn_mask=None if seen is None else seen[:, None, None],
            is_causal=causal,
        )
        x = x + F.dropout(self.attended(attended.transpose(1, 2).flatten(2)), self.dropout, self.training)
        return x + F.dropout(self.feedforward(self.before_feedforward(x)), self.dropout, self.training)


def require_divisible_width(who: str, width: int, heads: int) -> None:
    """Raise a UserError if the number of heads does not divide the width."""
    if width % heads:
        raise UserError(who, f"width is {width}; expected a multiple of heads, {heads}.")


def sinusoidal_positions(length: int, width: int) -> Tensor:
    """(length, width) sinusoidal positional encoding with wavelengths from 2 pi to 10,000 times 2 pi.

    Source: Vaswani et al. 2017, section 3.5: even columns are sin(position / 10000^(column / width)), odd columns the
    cosine of the same angle.
    """
    wavelengths = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
    angles = torch.arange(length).unsqueeze(1) * wavelengths
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)[:, :width]
