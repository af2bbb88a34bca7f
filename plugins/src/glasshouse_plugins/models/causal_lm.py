"""A small language model: each word from those before it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from glasshouse import Target, UserError
from glasshouse.data import PADDING, UNKNOWN
from torch import Tensor, nn
from torch.nn import functional as F

from glasshouse_plugins.models.attention import SMALL, Block, require_heads
from glasshouse_plugins.models.sequences import lengths, require_positive, require_shares

_LOGITS_AT_ONCE = 2**24


class CausalLM(nn.Module):
    """A transformer's decoder that foretells each word of a text, and its end, from the words before.

    Input (n, length) numbers of words, 0 for padding behind a text. It learns without labels; its score of a text,
    (n, 1), is the mean negative log-likelihood of the text's words and its end in nats, 0 and above, smaller is better.
    The exponential of that mean over many texts is the perplexity. The end is the number 0; it is not foretold for
    texts that fill the whole length, which may have been cut there. Words that the vocabulary lacks are one word.

    Source: Vaswani et al., "Attention Is All You Need", NeurIPS 2017, its decoder alone, as in Radford et al. 2019
    (GPT-2): norms in front, learned places, GELU; the matrix of word vectors gives the logits, too (Press and Wolf
    2017).

    Args:
        vocab_size: numbers of words in use; filled from the data.
        input_shape: [length] of texts; filled from the data.
        width: of the vector of a word, shared by the heads.
        heads: of attention in each block.
        layers: blocks.
        feedforward: units between the two linear layers of a block.
        dropout: share that is silenced while training of what comes in and of what each block adds; in [0, 1).

    Raises:
        UserError: for sizes below one, heads that do not divide the width, a share outside [0, 1), or longer texts than
            it was built for.
    """

    predicts: ClassVar[Target] = Target(name="nats_per_token", kind="regression", observed=False)

    def __init__(
        self,
        vocab_size: int,
        input_shape: Sequence[int],
        width: int = 128,
        heads: int = 4,
        layers: int = 2,
        feedforward: int = 256,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if len(input_shape) != 1:
            raise UserError(_WHO, f"input_shape is {list(input_shape)}; expected [length] of texts.")
        length = input_shape[0]
        require_positive(
            _WHO,
            vocab_size=vocab_size,
            length=length,
            width=width,
            heads=heads,
            layers=layers,
            feedforward=feedforward,
        )
        require_heads(_WHO, width, heads)
        require_shares(_WHO, dropout=dropout)
        self.embed = nn.Embedding(vocab_size, width)
        self.start = nn.Parameter(torch.randn(width) * SMALL)
        self.places = nn.Parameter(torch.randn(1 + length, width) * SMALL)
        nn.init.normal_(self.embed.weight, std=SMALL)  # as logits: all words equally likely
        self.dropout = dropout
        self.blocks = nn.ModuleList(Block(width, heads, feedforward, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """(n, length) words to (n, 1): mean negative log-likelihood of a text's words and end, in nats."""
        losses, told = self._losses(x)
        return (_of_texts(losses, told) / told.sum(dim=1)).unsqueeze(1)

    def loss_per_row(self, x: Tensor) -> Tensor:
        """(n,) what training minimises: a text's negative log-likelihood over the places of the model.

        These are as many for all texts, so that each token counts alike. By the mean of each text, the words of short
        texts would count more, and would be learned to be likelier than they are.
        """
        return _of_texts(*self._losses(x)) / len(self.places)

    def token_losses(self, x: Tensor) -> Tensor:
        """(n, length + 1) negative log-likelihood of each word and of the end in nats, NaN behind it."""
        losses, told = self._losses(x)
        return losses.new_full(told.shape, torch.nan).masked_scatter(told, losses)

    def continue_text(self, tokens: Tensor, *, words: int, temperature: float = 1.0, seed: int) -> Tensor:
        """Texts (n, k), padded behind, with up to `words` more, (n, k + words); a text that ends is padded behind.

        Words are drawn from what the model foretells, its logits divided by `temperature`; at 0 the likeliest is
        taken. The unknown word is never drawn. Of texts longer than those that it was built for it looks at the end.

        Raises:
            UserError: for a temperature below 0.
        """
        if temperature < 0:
            raise UserError(_WHO, f"temperature is {temperature}; expected 0 or above.")
        drawing = torch.Generator().manual_seed(seed)
        tokens = F.pad(tokens, (0, words))
        length = lengths(tokens != PADDING)
        going = torch.ones_like(length, dtype=torch.bool)
        rows = torch.arange(len(tokens), device=tokens.device)
        most = len(self.places) - 1
        for _ in range(words if len(tokens) else 0):
            first = (length - most).clamp_min(0)
            seen = int((length - first).max())
            places = (first[:, None] + torch.arange(seen, device=tokens.device)).clamp_max(tokens.shape[1] - 1)
            states = self._states(tokens.gather(1, places))
            logits = self._logits(states[rows, length - first])
            logits[:, UNKNOWN] = -torch.inf
            drawn = _draw(logits, temperature, drawing).where(going, PADDING)
            going = drawn != PADDING
            tokens[rows[going], length[going]] = drawn[going]
            length = length + going
        return tokens

    def _losses(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(m,) losses of all words and ends, and (n, length + 1) where they stand, row by row."""
        if x.shape[1] >= len(self.places):
            raise UserError(_WHO, f"was given {x.shape[1]} words; it was built for {len(self.places) - 1}.")
        length = lengths(x != PADDING)
        # A text that fills all places may have been cut: whether it ends there is not known.
        told = torch.arange(x.shape[1] + 1, device=x.device) <= length[:, None]
        told[:, len(self.places) - 1 :] = False
        states = self._states(x)[told]
        words = F.pad(x, (0, 1))[told]
        # Only words that are there are foretold, and not all of them at once: a batch times the vocabulary is large.
        at_once = max(1, _LOGITS_AT_ONCE // self.embed.num_embeddings)
        parts = [
            F.cross_entropy(self._logits(some), truth, reduction="none")
            for some, truth in zip(torch.split(states, at_once), torch.split(words, at_once), strict=True)
        ]
        return torch.cat(parts), told

    def _states(self, x: Tensor) -> Tensor:
        """(n, length + 1, width): what is known in front of each word and behind the last."""
        # `embed` is called once, on the words: explainers put other vectors in the place of what it returns.
        vectors = torch.cat([self.start.expand(len(x), 1, -1), self.embed(x)], dim=1) + self.places[: 1 + x.shape[1]]
        vectors = F.dropout(vectors, self.dropout, self.training)
        for block in self.blocks:
            vectors = block(vectors, causal=True)
        return self.norm(vectors)  # type: ignore[no-any-return]

    def _logits(self, states: Tensor) -> Tensor:
        return F.linear(states, self.embed.weight)


_WHO = "model 'causal_lm'"


def _of_texts(losses: Tensor, told: Tensor) -> Tensor:
    """(n,) sums of the losses of each text's tokens."""
    return losses.new_zeros(len(told)).index_add(0, told.nonzero()[:, 0], losses)


def _draw(logits: Tensor, temperature: float, drawing: torch.Generator) -> Tensor:
    """(n,) words from (n, vocab_size) logits; drawn on the CPU, so that a seed means the same on every device."""
    if temperature == 0:
        return logits.argmax(dim=1)
    shares = torch.softmax(logits.double().cpu() / temperature, dim=1)
    return torch.multinomial(shares, 1, generator=drawing)[:, 0].to(logits.device)
