"""What techniques make of the inputs of training batches alone: augmentation, on the batch's own device.

A transform takes the inputs of a batch, (n, ...), and returns as many. One that mixes rows returns `Mixed`: the loss of
a mixed row is then the mean of the losses against the targets of the rows it is made of, by their shares.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Mixed(NamedTuple):
    """Row i is made of row i, by the `share` of it, and of row `partner[i]`, by the rest."""

    x: Tensor
    """(n, ...)"""
    partner: Tensor
    """(n,) positions in the batch."""
    share: Tensor
    """(n,) in [0, 1]."""


BatchTransform = Callable[[Tensor], Tensor | Mixed]

Parts = list[tuple[Tensor, Tensor]]
"""Of what rows a batch's rows are made: positions (n,) and shares (n,), which sum to 1 over the list."""


def apply_transforms(x: Tensor, transforms: Sequence[BatchTransform]) -> tuple[Tensor, Parts | None]:
    """Inputs after all transforms, and what they are made of where any of them mixed rows."""
    parts: Parts | None = None
    for transform in transforms:
        found = transform(x)
        if isinstance(found, Mixed):
            x = found.x
            parts = _mixed(parts or _whole(len(x), found), found)
        else:
            x = found
    return x, parts


def _whole(rows: int, found: Mixed) -> Parts:
    return [(torch.arange(rows, device=found.partner.device), torch.ones_like(found.share))]


def _mixed(parts: Parts, found: Mixed) -> Parts:
    own = [(rows, share * found.share) for rows, share in parts]
    others = [(rows[found.partner], share[found.partner] * (1 - found.share)) for rows, share in parts]
    return own + others
