"""What recurrent networks share: both directions, variational dropout, and the largest state of each unit.

Variational dropout silences the same units at every step of a sequence (Gal and Ghahramani, "A Theoretically Grounded
Application of Dropout in Recurrent Neural Networks", NeurIPS 2016): of the inputs of each layer, of the states that
are fed back, and, for words, whole word types. Each sequence has masks of its own, as in the paper's section 4.2.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from glasshouse_plugins.models.sequences import entrance, lengths, require_positive, require_shares, within


class RecurrentNetwork(nn.Module):
    """Base of `rnn`, `gru` and `lstm`: a subclass names torch's layer and writes down what one step of it does."""

    name: ClassVar[str]
    """Its short name."""
    layer: ClassVar[type[nn.RNN | nn.GRU | nn.LSTM]]
    """torch's layer, which computes without masks on the states, and holds the weights."""
    carried: ClassVar[int] = 1
    """Tensors that one step hands to the next; the first is the state that is fed back and given out."""

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
        require_shares(who, dropout=dropout, recurrent_dropout=recurrent_dropout, word_dropout=word_dropout)
        self.embed, self.words = entrance(who, vocab_size, input_shape, dimensions)
        widths = [dimensions] + [2 * units] * (layers - 1)
        self.layers = nn.ModuleList(self.layer(width, units, batch_first=True, bidirectional=True) for width in widths)
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.word_dropout = word_dropout
        self.head = nn.Linear(2 * units, num_classes)

    @staticmethod
    @abstractmethod
    def step(entered: Tensor, recurred: Tensor, carried: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """One step of torch's layer, from what its input and its last state give each gate, and what was carried."""

    def forward(self, x: Tensor) -> Tensor:
        """(n, length) words or (n, length, features) numbers to (n, num_classes)."""
        inside = within(x, self.words)
        states = self.embed(x)
        if self.words and self.training and self.word_dropout:
            states = states * word_type_mask(x, self.word_dropout).to(states.dtype)
        length = lengths(inside)
        longest = int(length.max()) if len(x) else 1
        inside, states = inside[:, :longest], states[:, :longest]
        for layer in self.layers:
            states = self._recur(layer, self._silenced(states), length)  # type: ignore[arg-type]
        largest = states.masked_fill(~inside.unsqueeze(2), -torch.inf).amax(dim=1)
        # The states' own mask would be the same at each step too, and the largest of masked states is the masked
        # largest one.
        return self.head(F.dropout(largest, self.dropout, self.training))  # type: ignore[no-any-return]

    def _silenced(self, x: Tensor) -> Tensor:
        """(n, length, width) without some inputs, the same at every step of a sequence."""
        if not (self.training and self.dropout):
            return x
        return x * F.dropout(x.new_ones(len(x), 1, x.shape[2]), self.dropout)

    def _recur(self, layer: nn.RNNBase, x: Tensor, length: Tensor) -> Tensor:
        """States (n, length, 2 units) of both directions; the second starts at a sequence's last place."""
        if self.training and self.recurrent_dropout:
            return self._stepwise(layer, x, length)
        if not len(x):
            return x.new_zeros(0, x.shape[1], 2 * layer.hidden_size)
        packed = pack_padded_sequence(x, length.cpu(), batch_first=True, enforce_sorted=False)
        states, _ = pad_packed_sequence(layer(packed)[0], batch_first=True, total_length=x.shape[1])
        return states

    def _stepwise(self, layer: nn.RNNBase, x: Tensor, length: Tensor) -> Tensor:
        """The same with states silenced where they are fed back: torch's layers have no place for such a mask.

        Both directions take a step together, which makes up for what the loop costs: on a processor it is as fast as
        torch's layer.
        """
        weights = {
            name: torch.stack([getattr(layer, f"{name}_l0"), getattr(layer, f"{name}_l0_reverse")])
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        }
        places = torch.arange(x.shape[1], device=x.device)
        mirrored = torch.where(places < length[:, None], length[:, None] - 1 - places, places).unsqueeze(2)
        both = torch.stack([x, x.gather(1, mirrored.expand_as(x))])  # (2, n, length, width)
        entered = both @ weights["weight_ih"].mT.unsqueeze(1) + weights["bias_ih"][:, None, None]
        back, bias = weights["weight_hh"].mT, weights["bias_hh"].unsqueeze(1)
        carried = tuple(x.new_zeros(2, len(x), layer.hidden_size) for _ in range(self.carried))
        mask = F.dropout(torch.ones_like(carried[0]), self.recurrent_dropout)
        states = []
        for step in entered.unbind(2):
            carried = self.step(step, torch.baddbmm(bias, carried[0] * mask, back), carried)
            states.append(carried[0])
        ahead, behind = torch.stack(states, dim=2)
        return torch.cat([ahead, behind.gather(1, mirrored.expand_as(behind))], dim=2)


def word_type_mask(x: Tensor, share: float) -> Tensor:
    """(n, length, 1): 0 for every occurrence of some words of each text, 1 / (1 - share) for the others.

    One number is drawn for each different word of a text, found by sorting rather than in a table of the vocabulary.
    """
    words, order = x.sort(dim=1)
    new = (words[:, 1:] != words[:, :-1]).long()
    kind = F.pad(new.cumsum(dim=1), (1, 0))  # (n, length): the how-manieth different word
    drawn = F.dropout(torch.ones(x.shape, device=x.device), share)
    return torch.empty_like(drawn).scatter_(1, order, drawn.gather(1, kind)).unsqueeze(2)
