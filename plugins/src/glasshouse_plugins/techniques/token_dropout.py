"""Words forgotten at random."""

from __future__ import annotations

import torch
from glasshouse.data import PADDING, UNKNOWN
from torch import Tensor

from glasshouse_plugins.techniques.augmentation import Augmentation, drawn, require_share, require_words


class TokenDropout(Augmentation):
    """Puts the number of unknown words in place of words while training, each word by a draw of its own.

    So no single word is all that is looked at, and the vector of unknown words is trained (Iyyer et al. 2015, word
    dropout; Bowman et al. 2016). Padding, 0, stays padding.

    Args:
        share: of words that are replaced.
        replacement: what they are replaced by: 1, which stands for unknown words in our own data.
    """

    who = "technique 'token_dropout'"
    modalities = ("text",)

    def __init__(self, share: float = 0.1, replacement: int = UNKNOWN) -> None:
        require_share("share", share)
        if replacement < 0:
            raise ValueError(f"replacement is {replacement}; expected the number of a word, 0 or more")
        self.share = share
        self.replacement = replacement

    def transform(self, x: Tensor) -> Tensor:
        """(n, words)."""
        require_words(x, who=self.who)
        forgotten = drawn(self.share, tuple(x.shape), x) & (x != PADDING)
        return torch.where(forgotten, torch.full_like(x, self.replacement), x)
