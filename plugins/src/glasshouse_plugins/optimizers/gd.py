"""Full-batch gradient descent."""

from __future__ import annotations

from typing import Any

import torch

from glasshouse_plugins.optimizers.fused import as_lists, can_fuse


class GD(torch.optim.SGD):
    """Full-batch gradient descent: one step per epoch, w <- w - lr (g + weight_decay w).

    g is the gradient of the mean loss over all training rows. Apart from rounding it does not depend on the batch size,
    which only limits the rows in memory at once (Cauchy 1847; Nocedal and Wright, Numerical Optimization, section 2.2).
    Needs many epochs and a learning rate below 2 divided by the largest curvature. Batch norm still sees each batch.

    Args:
        lr: learning rate, above 0.
        weight_decay: coefficient of the L2 penalty, added to the gradient; 0 is none.
        fused: run the step as torch's fused kernel; default: if all parameters support it. Set it to false to clip
            gradients under precision 16-mixed: a fused step unscales gradients after clipping, which Lightning refuses.
    """

    full_batch = True

    def __init__(self, params: Any, lr: float = 0.1, weight_decay: float = 0.0, fused: bool | None = None) -> None:
        params = as_lists(params)
        super().__init__(params, lr=lr, weight_decay=weight_decay, fused=can_fuse(params) if fused is None else fused)
