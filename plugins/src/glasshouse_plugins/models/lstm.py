"""LSTM networks for text or numeric sequences."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from glasshouse_plugins.models.recurrent import RecurrentNetwork


class LSTM(RecurrentNetwork):
    """A bidirectional LSTM with variational dropout, max pooling over time and a linear layer.

    Input: token ids (n, length), with 0 as padding after a text, or numeric sequences (n, length, features). Output
    (n, num_classes): logits, or values for regression. States at padding are ignored; an empty text counts as one
    padding token.

    Source: Hochreiter and Schmidhuber, "Long Short-Term Memory", Neural Computation 9(8), 1997; bidirectional as in
    Graves and Schmidhuber 2005; variational dropout as in Gal and Ghahramani 2016; max pooling as in Conneau et al.
    2017 (InferSent).

    Args:
        num_classes: number of outputs (1 for regression); filled from the data.
        vocab_size: number of token ids; filled from the data; None for numeric sequences.
        input_shape: [length, features] of numeric sequences; filled from the data.
        dimensions: size of the vector of a token or time step, at least 1.
        units: units of each layer in each direction, at least 1.
        layers: number of stacked layers.
        dropout: dropout probability of each layer's inputs and of the pooled states, with the same mask at every step;
            in [0, 1).
        recurrent_dropout: dropout probability of the recurrent states, with the same mask at every step; in [0, 1).
        word_dropout: probability that all occurrences of a word in a text are dropped, in [0, 1).

    Raises:
        UserError: for sizes below 1, or a dropout outside [0, 1).
    """

    name = "lstm"
    layer = nn.LSTM
    carried = 2

    def __init__(
        self,
        num_classes: int,
        vocab_size: int | None = None,
        input_shape: Sequence[int] | None = None,
        dimensions: int = 64,
        units: int = 64,
        layers: int = 1,
        dropout: float = 0.25,
        recurrent_dropout: float = 0.25,
        word_dropout: float = 0.1,
    ) -> None:
        super().__init__(
            num_classes=num_classes,
            vocab_size=vocab_size,
            input_shape=input_shape,
            dimensions=dimensions,
            units=units,
            layers=layers,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            word_dropout=word_dropout,
        )

    @staticmethod
    def step(from_input: Tensor, from_state: Tensor, carried: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The new state, and the memory cell, which has no dropout."""
        input_gate, forget_gate, candidate, output_gate = (from_input + from_state).chunk(4, dim=-1)
        cell = forget_gate.sigmoid() * carried[1] + input_gate.sigmoid() * candidate.tanh()
        return output_gate.sigmoid() * torch.tanh(cell), cell
