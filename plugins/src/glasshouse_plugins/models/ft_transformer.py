"""FT-Transformer: a transformer whose tokens are the features of a table."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from glasshouse import UserError
from torch import Tensor, nn
from torch.nn import functional as F

from glasshouse_plugins.models.attention import require_divisible_width
from glasshouse_plugins.models.sequences import require_dropout, require_positive


class FTTransformer(nn.Module):
    """FT-Transformer: one token per feature and a CLS token, self-attention blocks, a linear layer on the CLS token.

    Input (n, in_features): numeric columns, then one-hot blocks of the widths in `cardinalities`. Output
    (n, num_classes): logits, or values for regression. The token of a numeric feature x is x w + b, that of a
    categorical feature the category's embedding plus b; w and b belong to the feature.

    Source: Gorishniy, Rubachev, Khrulkov and Babenko, "Revisiting Deep Learning Models for Tabular Data", NeurIPS 2021,
    section 3.3 and appendix E: pre-norm except before the first attention, ReGLU, dropout of attention weights and in
    the feed-forward part only. The paper uses width 192, 8 heads and 3 blocks; the default here has a twentieth of
    the parameters and trains on tens of thousands of rows within minutes on a CPU.

    Args:
        in_features: number of encoded columns; filled from the data.
        num_classes: number of outputs (1 for regression); filled from the data.
        cardinalities: widths of the one-hot blocks, which are the last columns of the input; filled from the data. An
            empty list treats every column as numeric.
        width: size of the token vectors; a multiple of `heads`.
        heads: attention heads per block.
        blocks: number of transformer blocks.
        feedforward: units of the hidden layer in the feed-forward part, as a multiple of `width`.
        attention_dropout: dropout probability of attention weights, in [0, 1).
        dropout: dropout probability in the feed-forward part, in [0, 1).

    Raises:
        UserError: for sizes below 1, heads that do not divide the width, a dropout outside [0, 1), or one-hot blocks
            wider than the input.
    """

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        cardinalities: Sequence[int] | None = None,
        width: int = 48,
        heads: int = 4,
        blocks: int = 2,
        feedforward: float = 4 / 3,
        attention_dropout: float = 0.2,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.cardinalities = list(cardinalities or ())
        self.numeric = in_features - sum(self.cardinalities)
        who = "model 'ft_transformer'"
        if self.numeric < 0:
            raise UserError(
                who, f"the one-hot blocks (cardinalities) are {-self.numeric} columns wider than the input."
            )
        require_positive(who, width=width, heads=heads, blocks=blocks, feedforward=round(feedforward * width))
        require_divisible_width(who, width, heads)
        require_dropout(who, attention_dropout=attention_dropout, dropout=dropout)
        self.embeddings = FeatureTokenizer(self.numeric, self.cardinalities, width)
        self.row = nn.Parameter(_uniform(width))
        self.blocks = nn.ModuleList(
            Block(width, heads, round(feedforward * width), attention_dropout, dropout, first=number == 0)
            for number in range(blocks)
        )
        self.head = nn.Sequential(nn.LayerNorm(width), nn.ReLU(), nn.Linear(width, num_classes))

    def forward(self, x: Tensor) -> Tensor:
        """(n, in_features) to (n, num_classes)."""
        tokens = torch.cat([self.row.expand(len(x), 1, -1), self.embeddings(x)], dim=1)
        for block in self.blocks[:-1]:
            tokens = block(tokens, tokens)
        # The head reads the CLS token only, so the last block need not compute the others.
        return self.head(self.blocks[-1](tokens[:, :1], tokens)[:, 0])  # type: ignore[no-any-return]


class FeatureTokenizer(nn.Module):
    """Encoded columns (n, columns) to one token per feature (n, features, width).

    Categories are embedded by a matrix product with their one-hot block, not by index, so that the output is
    differentiable with respect to the input. An all-zero block (a category unknown in training) gives only the bias.
    """

    def __init__(self, numeric: int, cardinalities: Sequence[int], width: int) -> None:
        super().__init__()
        self.sizes = [numeric, *cardinalities]
        self.numbers = nn.Parameter(_uniform(numeric, width))
        self.categories = nn.ParameterList(_uniform(levels, width) for levels in cardinalities)
        self.bias = nn.Parameter(_uniform(numeric + len(cardinalities), width))

    def forward(self, x: Tensor) -> Tensor:
        numbers, *blocks = torch.split(x, self.sizes, dim=1)
        tokens = [numbers.unsqueeze(2) * self.numbers]
        tokens += [(block @ table).unsqueeze(1) for block, table in zip(blocks, self.categories, strict=True)]
        return torch.cat(tokens, dim=1) + self.bias


class Block(nn.Module):
    """Pre-norm transformer block with ReGLU, whose attention can be computed for the first tokens only."""

    def __init__(
        self, width: int, heads: int, units: int, attention_dropout: float, dropout: float, *, first: bool
    ) -> None:
        super().__init__()
        self.heads = heads
        self.attention_dropout = attention_dropout
        self.before_attention = nn.Identity() if first else nn.LayerNorm(width)
        self.query = nn.Linear(width, width)
        self.key_and_value = nn.Linear(width, 2 * width)
        self.attended = nn.Linear(width, width)
        self.before_feedforward = nn.LayerNorm(width)
        self.enter = nn.Linear(width, 2 * units)
        self.dropout = nn.Dropout(dropout)
        self.leave = nn.Linear(units, width)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """New vectors of `x` (n, k, width), the first k tokens of `context` (n, tokens, width), attending to all."""
        normed = self.before_attention(context)
        queries = self.query(normed[:, : x.shape[1]])
        keys, values = self.key_and_value(normed).chunk(2, dim=2)
        queries, keys, values = (
            part.unflatten(2, (self.heads, -1)).transpose(1, 2) for part in (queries, keys, values)
        )
        probability = self.attention_dropout if self.training else 0.0
        attended = F.scaled_dot_product_attention(queries, keys, values, dropout_p=probability)
        x = x + self.attended(attended.transpose(1, 2).flatten(2))
        units, gate = self.enter(self.before_feedforward(x)).chunk(2, dim=2)
        return x + self.leave(self.dropout(units * F.relu(gate)))  # type: ignore[no-any-return]


def _uniform(*shape: int) -> Tensor:
    """Uniform between -1 / sqrt(width) and 1 / sqrt(width), as in the authors' code."""
    return torch.empty(shape).uniform_(-1, 1) / math.sqrt(shape[-1])
