"""GRU networks for text or numeric sequences."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from glasshouse_plugins.models.recurrent import RecurrentNetwork


class GRU(RecurrentNetwork):
    """A bidirectional GRU with variational dropout, max pooling over time and a linear layer.

    Input: token ids (n, length), with 0 as padding after a text, or numeric sequences (n, length, features). Output
    (n, num_classes): logits, or values for regression. States at padding are ignored; an empty text counts as one
    padding token.

    Source: Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder", EMNLP 2014, in torch's form: the
    reset gate applies after the matrix product. Variational dropout as in Gal and Ghahramani 2016; max pooling as in
    Conneau et al. 2017 (InferSent).

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

    name = "gru"
    layer = nn.GRU

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
        """The new state; the part that the update gate keeps has no dropout."""
        reset_x, update_x, candidate_x = from_input.chunk(3, dim=-1)
        reset_h, update_h, candidate_h = from_state.chunk(3, dim=-1)
        candidate = torch.tanh(candidate_x + torch.sigmoid(reset_x + reset_h) * candidate_h)
        return (torch.lerp(candidate, carried[0], torch.sigmoid(update_x + update_h)),)
