"""Random swaps of neighbouring tokens."""

from __future__ import annotations

import torch
from glasshouse.data import PADDING
from torch import Tensor

from glasshouse_plugins.techniques.augmentation import Augmentation, bernoulli, require_probability, require_tokens


class TokenSwap(Augmentation):
    """Swaps random neighbouring tokens of training texts; no token moves by more than one position.

    Tokens are paired from the first or the second position, at random per text (a special case of the noise of Artetxe
    et al. 2018 and Lample et al. 2018). Pairs with padding are not swapped.

    Args:
        share: probability that a pair is swapped, in [0, 1].
    """

    who = "technique 'token_swap'"
    modalities = ("text",)

    def __init__(self, share: float = 0.1) -> None:
        require_probability("share", share)
        self.share = share

    def transform(self, x: Tensor) -> Tensor:
        """(n, length)."""
        require_tokens(x, who=self.who)
        rows, length = x.shape
        positions = torch.arange(length, device=x.device).expand(rows, length)
        begin = torch.randint(2, (rows, 1), device=x.device)
        is_left = (positions - begin) % 2 == 0
        partner = torch.where(is_left, positions + 1, positions - 1)
        outside = (partner < 0) | (partner >= length)
        partner = partner.clamp(0, max(length - 1, 0))
        pair = torch.div(positions - begin, 2, rounding_mode="floor") + 1  # the same index for both tokens of a pair
        swapped = bernoulli(self.share, (rows, length // 2 + 2), x).gather(1, pair)
        swapped &= ~outside & (x != PADDING) & (x.gather(1, partner) != PADDING)
        return torch.where(swapped, x.gather(1, partner), x)
