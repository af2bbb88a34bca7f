"""Adam with decoupled weight decay."""

from __future__ import annotations

from typing import Any

import torch

from glasshouse_plugins.optimizers.fused import as_lists, can_fuse


class AdamW(torch.optim.AdamW):
    """Adam with weight decay applied to the weights, not added to the gradient (Loshchilov and Hutter 2019).

    Args:
        lr: learning rate, above 0.
        beta1: decay rate of the running mean of gradients, in [0, 1).
        beta2: decay rate of the running mean of squared gradients, in [0, 1).
        eps: added to the denominator for numerical stability.
        weight_decay: each step multiplies the weights by 1 - lr * weight_decay; 0 is none.
        fused: run the step as torch's fused kernel; default: if all parameters support it. Set it to false to clip
            gradients under precision 16-mixed: a fused step unscales gradients after clipping, which Lightning refuses.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        fused: bool | None = None,
    ) -> None:
        params = as_lists(params)
        super().__init__(
            params,
            lr=lr,
            betas=(beta1, beta2),
            eps=eps,
            weight_decay=weight_decay,
            fused=can_fuse(params) if fused is None else fused,
        )
