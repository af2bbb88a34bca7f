"""Neighbouring words that change places at random."""

from __future__ import annotations

import torch
from glasshouse.data import PADDING
from torch import Tensor

from glasshouse_plugins.techniques.augmentation import Augmentation, drawn, require_share, require_words


class TokenSwap(Augmentation):
    """Lets words change places with their neighbours while training; no word is lost, and none moves further than one.

    Words are taken in pairs, beginning with the first or the second by a draw for each text (a small case of the noise
    of Artetxe et al. 2018 and Lample et al. 2018). A pair with padding stays.

    Args:
        share: of pairs that are swapped.
    """

    who = "technique 'token_swap'"
    modalities = ("text",)

    def __init__(self, share: float = 0.1) -> None:
        require_share("share", share)
        self.share = share

    def transform(self, x: Tensor) -> Tensor:
        """(n, words)."""
        require_words(x, who=self.who)
        rows, length = x.shape
        places = torch.arange(length, device=x.device).expand(rows, length)
        begin = torch.randint(2, (rows, 1), device=x.device)
        is_left = (places - begin) % 2 == 0
        partner = torch.where(is_left, places + 1, places - 1)
        outside = (partner < 0) | (partner >= length)
        partner = partner.clamp(0, max(length - 1, 0))
        pair = torch.div(places - begin, 2, rounding_mode="floor") + 1  # the same number for both words of a pair
        swapped = drawn(self.share, (rows, length // 2 + 2), x).gather(1, pair)
        swapped &= ~outside & (x != PADDING) & (x.gather(1, partner) != PADDING)
        return torch.where(swapped, x.gather(1, partner), x)
