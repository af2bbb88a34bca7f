"""A small decoder-only language model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from glasshouse import Target, UserError
from glasshouse.data import PADDING, UNKNOWN
from torch import Tensor, nn
from torch.nn import functional as F

from glasshouse_plugins.models.attention import INIT_STD, Block, require_divisible_width
from glasshouse_plugins.models.sequences import require_dropout, require_positive, sequence_lengths

_MAX_LOGITS = 2**24
"""Logits computed at a time, which bounds memory."""


class CausalLM(nn.Module):
    """A decoder-only transformer that predicts each token of a text, and its end, from the tokens before (GPT-2 style).

    Input: token ids (n, length), with 0 as padding after a text. Trained without labels. Output (n, 1): the mean
    negative log-likelihood of the text's tokens and its end, in nats, at least 0; smaller is better. The exponential
    of its mean over texts is the perplexity. The end is token 0; it is not predicted for texts of the full length,
    which may have been truncated. Words outside the vocabulary share one token.

    Source: Vaswani et al., "Attention Is All You Need", NeurIPS 2017, decoder only, as in Radford et al. 2019 (GPT-2):
    pre-norm, learned positions, GELU, and output weights tied to the embeddings (Press and Wolf 2017).

    Args:
        vocab_size: number of token ids; filled from the data.
        input_shape: [length] of texts in tokens; filled from the data.
        width: size of the token vectors; a multiple of `heads`.
        heads: attention heads per block.
        layers: number of transformer blocks.
        feedforward: units of the hidden layer in each block's feed-forward part.
        dropout: dropout probability of the embeddings and of each residual branch, in [0, 1).

    Raises:
        UserError: for sizes below 1, heads that do not divide the width, a dropout outside [0, 1), or texts longer than
            `input_shape`.
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
        require_divisible_width(_WHO, width, heads)
        require_dropout(_WHO, dropout=dropout)
        self.embed = nn.Embedding(vocab_size, width)
        self.start = nn.Parameter(torch.randn(width) * INIT_STD)
        self.places = nn.Parameter(torch.randn(1 + length, width) * INIT_STD)
        nn.init.normal_(self.embed.weight, std=INIT_STD)  # tied weights: all tokens start equally likely
        self.dropout = dropout
        self.blocks = nn.ModuleList(Block(width, heads, feedforward, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """(n, length) token ids to (n, 1): mean negative log-likelihood of a text's tokens and end, in nats."""
        losses, predicted = self._losses(x)
        return (_sum_per_text(losses, predicted) / predicted.sum(dim=1)).unsqueeze(1)

    def loss_per_row(self, x: Tensor) -> Tensor:
        """(n,) training loss: a text's negative log-likelihood divided by the model's number of positions.

        The divisor is the same for all texts, so that every token has the same weight. With each text's own mean,
        tokens of short texts would weigh more and be overestimated.
        """
        return _sum_per_text(*self._losses(x)) / len(self.places)

    def token_losses(self, x: Tensor) -> Tensor:
        """(n, length + 1) negative log-likelihood of each token and of the end in nats, NaN after the end."""
        losses, predicted = self._losses(x)
        return losses.new_full(predicted.shape, torch.nan).masked_scatter(predicted, losses)

    def continue_text(self, tokens: Tensor, *, words: int, temperature: float = 1.0, seed: int) -> Tensor:
        """Continue texts (n, k), padded at the end, by up to `words` tokens to (n, k + words).

        A text that ends earlier is padded. The unknown token is never generated. Of texts longer than the model's
        context, only the end is used.

        Args:
            tokens: token ids.
            words: number of tokens to generate.
            temperature: divisor of the logits before sampling; 0 takes the most likely token.
            seed: seed of the sampling.

        Raises:
            UserError: for a temperature below 0.
        """
        if temperature < 0:
            raise UserError(_WHO, f"temperature is {temperature}; expected 0 or above.")
        generator = torch.Generator().manual_seed(seed)
        tokens = F.pad(tokens, (0, words))
        length = sequence_lengths(tokens != PADDING)
        unfinished = torch.ones_like(length, dtype=torch.bool)
        rows = torch.arange(len(tokens), device=tokens.device)
        context = len(self.places) - 1
        for _ in range(words if len(tokens) else 0):
            first = (length - context).clamp_min(0)
            longest = int((length - first).max())
            positions = (first[:, None] + torch.arange(longest, device=tokens.device)).clamp_max(tokens.shape[1] - 1)
            states = self._states(tokens.gather(1, positions))
            logits = self._logits(states[rows, length - first])
            logits[:, UNKNOWN] = -torch.inf
            sampled = _sample_tokens(logits, temperature, generator).where(unfinished, PADDING)
            unfinished = sampled != PADDING
            tokens[rows[unfinished], length[unfinished]] = sampled[unfinished]
            length = length + unfinished
        return tokens

    def _losses(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(m,) losses of all predicted tokens, row by row, and their positions as a mask (n, length + 1)."""
        if x.shape[1] >= len(self.places):
            raise UserError(_WHO, f"received texts of {x.shape[1]} tokens; expected at most {len(self.places) - 1}.")
        length = sequence_lengths(x != PADDING)
        # A text of full length may have been truncated, so it is unknown whether it ends there.
        predicted = torch.arange(x.shape[1] + 1, device=x.device) <= length[:, None]
        predicted[:, len(self.places) - 1 :] = False
        states = self._states(x)[predicted]
        tokens = F.pad(x, (0, 1))[predicted]
        # Logits only for real tokens, and in chunks: a batch times the vocabulary is large.
        chunk = max(1, _MAX_LOGITS // self.embed.num_embeddings)
        parts = [
            F.cross_entropy(self._logits(some), truth, reduction="none")
            for some, truth in zip(torch.split(states, chunk), torch.split(tokens, chunk), strict=True)
        ]
        return torch.cat(parts), predicted

    def _states(self, x: Tensor) -> Tensor:
        """(n, length + 1, width) hidden states, each computed from the tokens before its position."""
        # `embed` is called once and on token ids only: explainers replace the vectors that it returns.
        vectors = torch.cat([self.start.expand(len(x), 1, -1), self.embed(x)], dim=1) + self.places[: 1 + x.shape[1]]
        vectors = F.dropout(vectors, self.dropout, self.training)
        for block in self.blocks:
            vectors = block(vectors, causal=True)
        return self.norm(vectors)  # type: ignore[no-any-return]

    def _logits(self, states: Tensor) -> Tensor:
        return F.linear(states, self.embed.weight)


_WHO = "model 'causal_lm'"


def _sum_per_text(losses: Tensor, predicted: Tensor) -> Tensor:
    """(n,) sum of the losses of each text's tokens."""
    return losses.new_zeros(len(predicted)).index_add(0, predicted.nonzero()[:, 0], losses)


def _sample_tokens(logits: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
    """(n,) token ids from (n, vocab_size) logits, sampled on the CPU so that a seed gives the same on every device."""
    if temperature == 0:
        return logits.argmax(dim=1)
    probabilities = torch.softmax(logits.double().cpu() / temperature, dim=1)
    return torch.multinomial(probabilities, 1, generator=generator)[:, 0].to(logits.device)
