"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

import torch

from glasshouse_plugins.optimizers.fused import can_fuse, listed


class SGD(torch.optim.SGD):
    """Stochastic gradient descent without momentum: w <- w - lr (g + weight_decay w).

    Args:
        lr: learning rate.
        weight_decay: L2 penalty, added to the gradient.
        fused: one kernel for the whole step; default: wherever it works. Set it to false to clip gradients under
            precision 16-mixed: a fused step unscales gradients itself, after the clipping, which Lightning refuses.
    """

    def __init__(self, params: Any, lr: float = 0.01, weight_decay: float = 0.0, fused: bool | None = None) -> None:
        params = listed(params)
        super().__init__(params, lr=lr, weight_decay=weight_decay, fused=can_fuse(params) if fused is None else fused)
