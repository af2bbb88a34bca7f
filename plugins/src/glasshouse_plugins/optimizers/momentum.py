"""Stochastic gradient descent with momentum."""

from __future__ import annotations

from typing import Any

import torch

from glasshouse_plugins.optimizers.fused import as_lists, can_fuse


class Momentum(torch.optim.SGD):
    """SGD with momentum: v <- momentum v + g, w <- w - lr v (Sutskever et al. 2013, in torch's form).

    Args:
        lr: learning rate, above 0.
        momentum: fraction of the last velocity that is kept, in [0, 1).
        nesterov: use Nesterov momentum.
        weight_decay: coefficient of the L2 penalty, added to the gradient; 0 is none.
        fused: run the step as torch's fused kernel; default: if all parameters support it. Set it to false to clip
            gradients under precision 16-mixed: a fused step unscales gradients after clipping, which Lightning refuses.
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
        params = as_lists(params)
        super().__init__(
            params,
            lr=lr,
            momentum=momentum,
            nesterov=nesterov,
            weight_decay=weight_decay,
            fused=can_fuse(params) if fused is None else fused,
        )
