"""Stochastic gradient descent with momentum."""

from __future__ import annotations

from typing import Any

import torch

from glasshouse_plugins.optimizers.fused import can_fuse, listed


class Momentum(torch.optim.SGD):
    """SGD with momentum: v <- momentum v + g, w <- w - lr v (Sutskever et al. 2013, in torch's form).

    Args:
        lr: learning rate.
        momentum: share of the last velocity that is kept.
        nesterov: look ahead along the velocity.
        weight_decay: L2 penalty, added to the gradient.
        fused: one kernel for the whole step; default: wherever it works. Set it to false to clip gradients under
            precision 16-mixed: a fused step unscales gradients itself, after the clipping, which Lightning refuses.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 0.01,
        momentum: float = 0.9,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        fused: bool | None = None,
    ) -> None:
        params = listed(params)
        super().__init__(
            params,
            lr=lr,
            momentum=momentum,
            nesterov=nesterov,
            weight_decay=weight_decay,
            fused=can_fuse(params) if fused is None else fused,
        )
