"""A transformer whose words are the features of a table."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from glasshouse import UserError
from torch import Tensor, nn
from torch.nn import functional as F

from glasshouse_plugins.models.attention import require_heads
from glasshouse_plugins.models.sequences import require_positive, require_shares


class FTTransformer(nn.Module):
    """A vector for each feature and one that stands for the row, blocks of self-attention, a linear layer on the row's.

    Input (n, in_features): numeric columns, then one-hot blocks of the widths in `cardinalities`. Output
    (n, num_classes): logits, or values for regression. A numeric column x becomes x w + b, a category its own vector
    plus b, with w and b of the feature.

    Source: Gorishniy, Rubachev, Khrulkov and Babenko, "Revisiting Deep Learning Models for Tabular Data", NeurIPS 2021,
    section 3.3 and appendix E: norms in front of each part but the very first, ReGLU, dropout of attention and within
    the feedforward part alone. There the width is 192, with 8 heads and 3 blocks; the default here has a twentieth of
    the weights, and trains on tens of thousands of rows within minutes on a CPU.

    Args:
        in_features: encoded columns; filled from the data.
        num_classes: width of the output (1 for regression); filled from the data.
        cardinalities: widths of the one-hot blocks that stand last in the input; filled from the data. An empty
            list makes every column a number.
        width: of the vectors, shared by the heads.
        heads: of attention in each block.
        blocks: of attention and two linear layers.
        feedforward: units between the two linear layers, as a multiple of the width.
        attention_dropout: share of what attention looks at that is silenced while training, in [0, 1).
        dropout: share of the units between the linear layers that is silenced while training, in [0, 1).

    Raises:
        UserError: for sizes below one, heads that do not divide the width, a dropout outside [0, 1), or one-hot blocks
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
            raise UserError(who, f"the categorical blocks are {-self.numeric} columns wider than the whole input.")
        require_positive(who, width=width, heads=heads, blocks=blocks, feedforward=round(feedforward * width))
        require_heads(who, width, heads)
        require_shares(who, attention_dropout=attention_dropout, dropout=dropout)
        self.embeddings = FeatureVectors(self.numeric, self.cardinalities, width)
        self.row = nn.Parameter(_uniform(width))
        self.blocks = nn.ModuleList(
            Block(width, heads, round(feedforward * width), attention_dropout, dropout, first=place == 0)
            for place in range(blocks)
        )
        self.head = nn.Sequential(nn.LayerNorm(width), nn.ReLU(), nn.Linear(width, num_classes))

    def forward(self, x: Tensor) -> Tensor:
        """(n, in_features) to (n, num_classes)."""
        vectors = torch.cat([self.row.expand(len(x), 1, -1), self.embeddings(x)], dim=1)
        for block in self.blocks[:-1]:
            vectors = block(vectors, vectors)
        # Only the row's own vector is read: behind the last block the others need not exist.
        return self.head(self.blocks[-1](vectors[:, :1], vectors)[:, 0])  # type: ignore[no-any-return]


class FeatureVectors(nn.Module):
    """(n, columns) to (n, features, width).

    The vector of a category is a matrix product with its one-hot block, not a look-up by position, so that the output
    can be differentiated with respect to the input. A block that is all zero (a level unknown in training) is the
    feature's b alone.
    """

    def __init__(self, numeric: int, cardinalities: Sequence[int], width: int) -> None:
        super().__init__()
        self.sizes = [numeric, *cardinalities]
        self.numbers = nn.Parameter(_uniform(numeric, width))
        self.categories = nn.ParameterList(_uniform(levels, width) for levels in cardinalities)
        self.bias = nn.Parameter(_uniform(numeric + len(cardinalities), width))

    def forward(self, x: Tensor) -> Tensor:
        numbers, *blocks = torch.split(x, self.sizes, dim=1)
        found = [numbers.unsqueeze(2) * self.numbers]
        found += [(block @ table).unsqueeze(1) for block, table in zip(blocks, self.categories, strict=True)]
        return torch.cat(found, dim=1) + self.bias


class Block(nn.Module):
    """Attention of some places to all, then two linear layers with ReGLU; both are added to what came in."""

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

    def forward(self, asking: Tensor, all_: Tensor) -> Tensor:
        """(n, asking places, width), (n, places, width) to the shape of the first."""
        seen = self.before_attention(all_)
        queries = self.query(seen[:, : asking.shape[1]])  # those that ask come first
        keys, values = self.key_and_value(seen).chunk(2, dim=2)
        queries, keys, values = (
            part.unflatten(2, (self.heads, -1)).transpose(1, 2) for part in (queries, keys, values)
        )
        share = self.attention_dropout if self.training else 0.0
        found = F.scaled_dot_product_attention(queries, keys, values, dropout_p=share)
        x = asking + self.attended(found.transpose(1, 2).flatten(2))
        units, gate = self.enter(self.before_feedforward(x)).chunk(2, dim=2)
        return x + self.leave(self.dropout(units * F.relu(gate)))  # type: ignore[no-any-return]


def _uniform(*shape: int) -> Tensor:
    """Between -1 / sqrt(width) and 1 / sqrt(width), as in the authors' code."""
    return torch.empty(shape).uniform_(-1, 1) / math.sqrt(shape[-1])
