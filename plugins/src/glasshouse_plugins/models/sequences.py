"""Parts that sequence models share: the input layer, padding masks and option checks."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from glasshouse import UserError
from torch import Tensor, nn


def input_layer(
    who: str, vocab_size: int | None, input_shape: Sequence[int] | None, dimensions: int
) -> tuple[nn.Module, bool]:
    """The first layer of a sequence model, and whether its input is text.

    An embedding for token ids (n, length), a linear layer for numeric sequences (n, length, features); both give
    vectors (n, length, dimensions).

    Raises:
        UserError: for data that is neither.
    """
    if vocab_size is not None:
        if vocab_size < 1:
            raise UserError(who, f"vocab_size is {vocab_size}; expected at least 1.")
        return nn.Embedding(vocab_size, dimensions, padding_idx=0), True
    if input_shape is None or len(input_shape) != 2 or min(input_shape) < 1:
        shape = "missing" if input_shape is None else list(input_shape)
        raise UserError(
            who,
            f"input_shape is {shape}; expected [length, features] of numeric sequences, or text with a vocab_size.",
            "Use it with data of modality text or sequence.",
        )
    return nn.Linear(input_shape[1], dimensions), False


def valid_positions(x: Tensor, words: bool) -> Tensor:
    """(n, length) mask: True for tokens, False for padding; numeric sequences have no padding.

    The first position of an empty text counts as a token, so that pooling has at least one position.
    """
    if not words:
        return torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)
    valid = x != 0
    valid[:, 0] |= ~valid.any(dim=1)
    return valid


def sequence_lengths(valid: Tensor) -> Tensor:
    """(n,) number of positions up to the last valid one."""
    positions = torch.arange(1, valid.shape[1] + 1, device=valid.device)
    return (valid * positions).amax(dim=1)


def require_dropout(who: str, **probabilities: float) -> None:
    """Raise a UserError for a dropout probability outside [0, 1)."""
    for name, probability in probabilities.items():
        if not 0 <= probability < 1:
            raise UserError(who, f"{name} is {probability}; expected 0 <= {name} < 1.")


def require_positive(who: str, **sizes: int) -> None:
    """Raise a UserError for a size below 1."""
    for name, size in sizes.items():
        if size < 1:
            raise UserError(who, f"{name} is {size}; expected at least 1.")
