"""Whether tensors have kept their values."""

from __future__ import annotations

import torch
from torch import Tensor


def same_values(first: Tensor, second: Tensor) -> bool:
    """Whether two tensors of one shape and type are equal; NaN equals itself."""
    if torch.equal(first, second):
        return True
    if not first.is_floating_point():
        return False
    return bool(((first == second) | (first.isnan() & second.isnan())).all())
