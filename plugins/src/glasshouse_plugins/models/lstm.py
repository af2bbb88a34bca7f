"""Long short-term memory over words or numbers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from glasshouse_plugins.models.recurrent import RecurrentNetwork


class LSTM(RecurrentNetwork):
    """An LSTM in both directions with variational dropout, the largest of each unit's states, one linear layer.

    Input (n, length) numbers of words, 0 for padding behind a text, or (n, length, features) numbers; output
    (n, num_classes): logits, or values for regression. States behind a text's end are left out, but for the first one
    of a text without words.

    Source: Hochreiter and Schmidhuber, "Long Short-Term Memory", Neural Computation 9(8), 1997; both directions as in
    Graves and Schmidhuber 2005; the same mask at every step as in Gal and Ghahramani 2016; the largest state as in
    Conneau et al. 2017 (InferSent).

    Args:
        num_classes: width of the output (1 for regression); filled from the data.
        vocab_size: numbers of words in use; filled from the data, None for sequences of numbers.
        input_shape: [length, features] of sequences of numbers; filled from the data.
        dimensions: of the vector that stands for a word or for the numbers of a step.
        units: of each layer in each direction.
        layers: one on the states of the other.
        dropout: share of the inputs of each layer, and of the largest states, that are silenced while training, the
            same at every step; in [0, 1).
        recurrent_dropout: share of the states that are silenced where they are fed back, the same at every step.
        word_dropout: share of the different words of a text that are silenced wherever they occur in it.

    Raises:
        UserError: for sizes below one, or shares outside [0, 1).
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
    def step(entered: Tensor, recurred: Tensor, carried: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The state, and the memory cell that is never silenced."""
        admit, keep, candidate, show = (entered + recurred).chunk(4, dim=-1)
        cell = keep.sigmoid() * carried[1] + admit.sigmoid() * candidate.tanh()
        return show.sigmoid() * torch.tanh(cell), cell
