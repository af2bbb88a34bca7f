"""Gradient descent over all training rows at once."""

from __future__ import annotations

from typing import Any

import torch

from glasshouse_plugins.optimizers.fused import can_fuse, listed


class GD(torch.optim.SGD):
    """Full-batch gradient descent: one step an epoch, w <- w - lr (g + weight_decay w).

    g is the gradient of the mean loss over all training rows, but for rounding the same for all batch sizes: batches
    only say how many rows are in memory at once (Cauchy 1847; Nocedal and Wright, Numerical Optimization, section 2.2).
    It takes many epochs, and a rate below 2 divided by the largest curvature. Batch norm still sees single batches.

    Args:
        lr: learning rate.
        weight_decay: L2 penalty, added to the gradient.
        fused: one kernel for the whole step; default: wherever it works. Set it to false to clip gradients under
            precision 16-mixed: a fused step unscales gradients itself, after the clipping, which Lightning refuses.
    """

    full_batch = True

    def __init__(self, params: Any, lr: float = 0.1, weight_decay: float = 0.0, fused: bool | None = None) -> None:
        params = listed(params)
        super().__init__(params, lr=lr, weight_decay=weight_decay, fused=can_fuse(params) if fused is None else fused)
