"""A multi-layer perceptron over numeric columns and embedded categorical columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from glasshouse import UserError
from torch import Tensor, nn

_ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU, "tanh": nn.Tanh}


class MLP(nn.Module):
    """A multi-layer perceptron with embeddings of categorical columns.

    Input: rows (n, in_features), i.e. numeric columns, then one-hot blocks of the widths in `cardinalities`; or images
    (n, channels, height, width), which are flattened. Output (n, num_classes): logits, or values for regression. Each
    hidden layer is a linear layer, batch norm (optional), activation, dropout.

    Args:
        in_features: number of encoded columns, or of values per image; filled from the data.
        num_classes: number of outputs (1 for regression); filled from the data.
        cardinalities: widths of the one-hot blocks, which are the last columns of the input; filled from the data. An
            empty list uses the one-hot columns without embedding.
        hidden: units of each hidden layer, at least 1 each; an empty list gives a linear model.
        dropout: dropout probability of hidden units, in [0, 1).
        batch_norm: apply batch norm in each hidden layer.
        activation: ``relu``, ``gelu``, ``silu`` or ``tanh``.

    Raises:
        UserError: for sizes below 1, a dropout outside [0, 1), an unknown activation, or one-hot blocks wider than the
            input.
    """

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        cardinalities: Sequence[int] | None = None,
        hidden: Sequence[int] = (64, 64),
        dropout: float = 0.0,
        batch_norm: bool = False,
        activation: Literal["relu", "gelu", "silu", "tanh"] = "relu",
    ) -> None:
        super().__init__()
        self.cardinalities = list(cardinalities or ())
        self.numeric = in_features - sum(self.cardinalities)
        _check(self.numeric, hidden, dropout, activation)
        # An embedding is a matrix product with a one-hot row. As a product, rather than an index look-up, it is
        # differentiable with respect to x, which integrated gradients and adversarial search require. An all-zero
        # block (a category unknown in training) embeds as zero.
        embeddings = [nn.Linear(levels, embedding_width(levels), bias=False) for levels in self.cardinalities]
        for embedding in embeddings:
            nn.init.normal_(embedding.weight)  # as nn.Embedding, on the scale of standardised numeric columns
        self.embeddings = nn.ModuleList(embeddings)

        layers: list[nn.Module] = []
        width = self.numeric + sum(embedding_width(levels) for levels in self.cardinalities)
        for units in hidden:
            layers.append(nn.Linear(width, units))
            if batch_norm:
                layers.append(nn.BatchNorm1d(units))
            layers.append(_ACTIVATIONS[activation]())
            if dropout:
                layers.append(nn.Dropout(dropout))
            width = units
        layers.append(nn.Linear(width, num_classes))
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """(n, in_features), or images of as many values, to (n, num_classes)."""
        x = x.flatten(1)
        if self.embeddings:
            numbers, *blocks = torch.split(x, [self.numeric, *self.cardinalities], dim=1)
            embedded = [embed(block) for embed, block in zip(self.embeddings, blocks, strict=True)]
            x = torch.cat([numbers, *embedded], dim=1)
        return self.layers(x)  # type: ignore[no-any-return]


def embedding_width(levels: int) -> int:
    """Embedding size of a column with `levels` categories: min(600, round(1.6 levels^0.56)).

    Source: the rule of thumb of fastai (`fastai.tabular.model.emb_sz_rule`; Howard and Gugger 2020).
    """
    return min(600, round(1.6 * math.pow(levels, 0.56)))


def _check(numeric: int, hidden: Sequence[int], dropout: float, activation: str) -> None:
    who = "model 'mlp'"
    if numeric < 0:
        raise UserError(who, f"the one-hot blocks (cardinalities) are {-numeric} columns wider than the input.")
    if any(units < 1 for units in hidden):
        raise UserError(who, f"hidden is {list(hidden)}; expected numbers of at least 1.")
    if not 0 <= dropout < 1:
        raise UserError(who, f"dropout is {dropout}; expected 0 <= dropout < 1.")
    if activation not in _ACTIVATIONS:
        raise UserError(who, f"activation is {activation!r}; expected one of {', '.join(_ACTIVATIONS)}.")
