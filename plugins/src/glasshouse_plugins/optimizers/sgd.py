"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

import torch

from glasshouse_plugins.optimizers.fused import as_lists, can_fuse


class SGD(torch.optim.SGD):
    """Stochastic gradient descent without momentum: w <- w - lr (g + weight_decay w).

    Args:
        lr: learning rate, above 0.
        weight_decay: coefficient of the L2 penalty, added to the gradient; 0 is none.
        fused: run the step as torch's fused kernel; default: if all parameters support it. Set it to false to clip
            gradients under precision 16-mixed: a fused step unscales gradients after clipping, which Lightning refuses.
    """

    def __init__(self, params: Any, lr: float = 0.01, weight_decay: float = 0.0, fused: bool | None = None) -> None:
        params = as_lists(params)
        super().__init__(params, lr=lr, weight_decay=weight_decay, fused=can_fuse(params) if fused is None else fused)
