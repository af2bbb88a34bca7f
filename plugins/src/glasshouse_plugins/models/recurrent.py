"""The base of the recurrent networks: bidirectional layers, variational dropout and max pooling over time.

Variational dropout uses the same mask at every step of a sequence (Gal and Ghahramani, "A Theoretically Grounded
Application of Dropout in Recurrent Neural Networks", NeurIPS 2016): for the inputs of each layer, for the recurrent
states, and, for text, for all occurrences of a word. Each sequence has its own masks, as in section 4.2 of the paper.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from glasshouse_plugins.models.sequences import (
    input_layer,
    require_dropout,
    require_positive,
    sequence_lengths,
    valid_positions,
)


class RecurrentNetwork(nn.Module):
    """Base of `rnn`, `gru` and `lstm`; a subclass gives torch's layer and computes one step of it."""

    name: ClassVar[str]
    """Short name of the model, for error messages."""
    layer: ClassVar[type[nn.RNN | nn.GRU | nn.LSTM]]
    """torch's layer, which has the weights, and computes the states if there is no recurrent dropout."""
    carried: ClassVar[int] = 1
    """Number of tensors that one step passes to the next; the first is the state, which is also the output."""

    def __init__(
        self,
        *,
        num_classes: int,
        vocab_size: int | None,
        input_shape: Sequence[int] | None,
        dimensions: int,
        units: int,
        layers: int,
        dropout: float,
        recurrent_dropout: float,
        word_dropout: float,
    ) -> None:
        super().__init__()
        who = f"model '{self.name}'"
        require_positive(who, dimensions=dimensions, units=units, layers=layers)
        require_dropout(who, dropout=dropout, recurrent_dropout=recurrent_dropout, word_dropout=word_dropout)
        self.embed, self.words = input_layer(who, vocab_size, input_shape, dimensions)
        widths = [dimensions] + [2 * units] * (layers - 1)
        self.layers = nn.ModuleList(self.layer(width, units, batch_first=True, bidirectional=True) for width in widths)
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.word_dropout = word_dropout
        self.head = nn.Linear(2 * units, num_classes)

    @staticmethod
    @abstractmethod
    def step(from_input: Tensor, from_state: Tensor, carried: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """One step of torch's layer.

        Args:
            from_input: linear transformation of the step's input, one chunk per gate.
            from_state: linear transformation of the last state, one chunk per gate.
            carried: tensors from the step before.
        """

    def forward(self, x: Tensor) -> Tensor:
        """(n, length) token ids or (n, length, features) values to (n, num_classes)."""
        valid = valid_positions(x, self.words)
        states = self.embed(x)
        if self.words and self.training and self.word_dropout:
            states = states * word_type_mask(x, self.word_dropout).to(states.dtype)
        length = sequence_lengths(valid)
        longest = int(length.max()) if len(x) else 1
        valid, states = valid[:, :longest], states[:, :longest]
        for layer in self.layers:
            states = self._recur(layer, self._drop_inputs(states), length)  # type: ignore[arg-type]
        pooled = states.masked_fill(~valid.unsqueeze(2), -torch.inf).amax(dim=1)
        # A variational mask on the states is the same at every step, so masking after the maximum is equivalent.
        return self.head(F.dropout(pooled, self.dropout, self.training))  # type: ignore[no-any-return]

    def _drop_inputs(self, x: Tensor) -> Tensor:
        """(n, length, width) with variational dropout: one mask per sequence for all steps."""
        if not (self.training and self.dropout):
            return x
        return x * F.dropout(x.new_ones(len(x), 1, x.shape[2]), self.dropout)

    def _recur(self, layer: nn.RNNBase, x: Tensor, length: Tensor) -> Tensor:
        """States (n, length, 2 units) of both directions; the backward one starts at a sequence's last position."""
        if self.training and self.recurrent_dropout:
            return self._stepwise(layer, x, length)
        if not len(x):
            return x.new_zeros(0, x.shape[1], 2 * layer.hidden_size)
        packed = pack_padded_sequence(x, length.cpu(), batch_first=True, enforce_sorted=False)
        states, _ = pad_packed_sequence(layer(packed)[0], batch_first=True, total_length=x.shape[1])
        return states

    def _stepwise(self, layer: nn.RNNBase, x: Tensor, length: Tensor) -> Tensor:
        """The states as in `_recur`, with dropout of the recurrent states, which torch's layers do not support.

        Both directions are computed in the same step, which makes up for the cost of the loop: on a CPU it is as fast
        as torch's layer.
        """
        weights = {
            name: torch.stack([getattr(layer, f"{name}_l0"), getattr(layer, f"{name}_l0_reverse")])
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        }
        positions = torch.arange(x.shape[1], device=x.device)
        reverse = torch.where(positions < length[:, None], length[:, None] - 1 - positions, positions).unsqueeze(2)
        both = torch.stack([x, x.gather(1, reverse.expand_as(x))])  # (2, n, length, width)
        from_input = both @ weights["weight_ih"].mT.unsqueeze(1) + weights["bias_ih"][:, None, None]
        weight, bias = weights["weight_hh"].mT, weights["bias_hh"].unsqueeze(1)
        carried = tuple(x.new_zeros(2, len(x), layer.hidden_size) for _ in range(self.carried))
        mask = F.dropout(torch.ones_like(carried[0]), self.recurrent_dropout)
        states = []
        for step_input in from_input.unbind(2):
            carried = self.step(step_input, torch.baddbmm(bias, carried[0] * mask, weight), carried)
            states.append(carried[0])
        forward, backward = torch.stack(states, dim=2)
        return torch.cat([forward, backward.gather(1, reverse.expand_as(backward))], dim=2)


def word_type_mask(x: Tensor, probability: float) -> Tensor:
    """(n, length, 1): 0 for every occurrence of randomly dropped words of each text, 1 / (1 - probability) elsewhere.

    One value is drawn per distinct word of a text. Sorting finds the distinct words without a table of the vocabulary.
    """
    words, order = x.sort(dim=1)
    new = (words[:, 1:] != words[:, :-1]).long()
    word_index = F.pad(new.cumsum(dim=1), (1, 0))  # (n, length): index of the distinct word
    mask = F.dropout(torch.ones(x.shape, device=x.device), probability)
    return torch.empty_like(mask).scatter_(1, order, mask.gather(1, word_index)).unsqueeze(2)
