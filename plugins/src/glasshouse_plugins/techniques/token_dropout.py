"""Random replacement of tokens by the unknown token."""

from __future__ import annotations

import torch
from glasshouse.data import PADDING, UNKNOWN
from torch import Tensor

from glasshouse_plugins.techniques.augmentation import Augmentation, bernoulli, require_probability, require_tokens


class TokenDropout(Augmentation):
    """Replaces random tokens of training texts by the unknown token.

    This keeps the model from relying on single words, and trains the embedding of the unknown token (word dropout,
    Iyyer et al. 2015; Bowman et al. 2016). Padding does not change.

    Args:
        share: probability that a token is replaced, in [0, 1].
        replacement: token id of the replacement, at least 0; the default is the unknown token of glasshouse's
            vocabularies.
    """

    who = "technique 'token_dropout'"
    modalities = ("text",)

    def __init__(self, share: float = 0.1, replacement: int = UNKNOWN) -> None:
        require_probability("share", share)
        if replacement < 0:
            raise ValueError(f"replacement is {replacement}; expected a token id, 0 or more")
        self.share = share
        self.replacement = replacement

    def transform(self, x: Tensor) -> Tensor:
        """(n, length)."""
        require_tokens(x, who=self.who)
        replaced = bernoulli(self.share, tuple(x.shape), x) & (x != PADDING)
        return torch.where(replaced, torch.full_like(x, self.replacement), x)
