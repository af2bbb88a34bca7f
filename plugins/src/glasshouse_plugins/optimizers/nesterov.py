"""Stochastic gradient descent with Nesterov's momentum."""

from __future__ import annotations

from typing import Any

import torch

from glasshouse_plugins.optimizers.fused import can_fuse, listed


class Nesterov(torch.optim.SGD):
    """SGD that looks ahead along its velocity: v <- momentum v + g, w <- w - lr (g + momentum v).

    Source: Nesterov 1983, in the form of Sutskever et al. 2013, section 2, and of torch.

    Args:
        lr: learning rate.
        momentum: share of the last velocity that is kept; above 0.
        weight_decay: L2 penalty, added to the gradient.
        fused: one kernel for the whole step; default: wherever it works. Set it to false to clip gradients under
            precision 16-mixed: a fused step unscales gradients itself, after the clipping, which Lightning refuses.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 0.01,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        fused: bool | None = None,
    ) -> None:
        params = listed(params)
        super().__init__(
            params,
            lr=lr,
            momentum=momentum,
            nesterov=True,
            weight_decay=weight_decay,
            fused=can_fuse(params) if fused is None else fused,
        )
