"""Transforms of the inputs of training batches, such as augmentation, on the batch's own device.

A transform takes the inputs of a batch, (n, ...), and returns as many. One that mixes rows returns `Mixed`: the loss of
a mixed row is the weighted mean of its losses against the targets of the rows it was mixed from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Mixed(NamedTuple):
    """Inputs in which row i is a mixture of row i, with weight `share`, and row `partner[i]`, with the rest."""

    x: Tensor
    """(n, ...)"""
    partner: Tensor
    """(n,) positions in the batch."""
    share: Tensor
    """(n,) in [0, 1]."""


BatchTransform = Callable[[Tensor], Tensor | Mixed]

Parts = list[tuple[Tensor, Tensor]]
"""The rows that each row was mixed from: positions (n,) and weights (n,), which sum to 1 over the list."""


def apply_transforms(x: Tensor, transforms: Sequence[BatchTransform]) -> tuple[Tensor, Parts | None]:
    """Inputs after all transforms, and the rows they were mixed from, or None if no transform mixes rows."""
    parts: Parts | None = None
    for transform in transforms:
        result = transform(x)
        if isinstance(result, Mixed):
            x = result.x
            parts = _mix(parts or _unmixed(len(x), result), result)
        else:
            x = result
    return x, parts


def _unmixed(rows: int, mixed: Mixed) -> Parts:
    return [(torch.arange(rows, device=mixed.partner.device), torch.ones_like(mixed.share))]


def _mix(parts: Parts, mixed: Mixed) -> Parts:
    # Rows that are mixtures already are mixed again: the weights of their parts multiply.
    own = [(rows, share * mixed.share) for rows, share in parts]
    partners = [(rows[mixed.partner], share[mixed.partner] * (1 - mixed.share)) for rows, share in parts]
    return own + partners
