"""What models of sequences share: words or numbers come in, and padding is told from them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from glasshouse import UserError
from torch import Tensor, nn


def entrance(
    who: str, vocab_size: int | None, input_shape: Sequence[int] | None, dimensions: int
) -> tuple[nn.Module, bool]:
    """What makes a vector of each place of a sequence, and whether its places are words.

    Words (n, length) are looked up; of numbers (n, length, features) a linear layer makes vectors. Both (n, length,
    dimensions).

    Raises:
        UserError: for data that are neither.
    """
    if vocab_size is not None:
        if vocab_size < 1:
            raise UserError(who, f"vocab_size is {vocab_size}; expected at least 1.")
        return nn.Embedding(vocab_size, dimensions, padding_idx=0), True
    if input_shape is None or len(input_shape) != 2 or min(input_shape) < 1:
        given = "not given" if input_shape is None else list(input_shape)
        raise UserError(
            who,
            f"expects words (a vocab_size) or sequences of numbers (an input_shape of [length, features]); the "
            f"input_shape is {given}.",
            "Use it with data of modality text or sequence.",
        )
    return nn.Linear(input_shape[1], dimensions), False


def within(x: Tensor, words: bool) -> Tensor:
    """(n, length) whether a place is part of its sequence: a word, or any place of numbers, which have no padding.

    The first place of a text without words counts, so that there is something to look at.
    """
    if not words:
        return torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)
    inside = x != 0
    inside[:, 0] |= ~inside.any(dim=1)
    return inside


def lengths(inside: Tensor) -> Tensor:
    """(n,) places up to the last that is part of the sequence."""
    places = torch.arange(1, inside.shape[1] + 1, device=inside.device)
    return (inside * places).amax(dim=1)


def require_shares(who: str, **shares: float) -> None:
    """Refuse a share of what is silenced while training outside [0, 1)."""
    for name, share in shares.items():
        if not 0 <= share < 1:
            raise UserError(who, f"{name} is {share}; expected 0 <= {name} < 1.")


def require_positive(who: str, **sizes: int) -> None:
    """Refuse sizes below one."""
    for name, size in sizes.items():
        if size < 1:
            raise UserError(who, f"{name} is {size}; expected at least 1.")
