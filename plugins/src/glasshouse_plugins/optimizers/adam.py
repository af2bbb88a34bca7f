"""Adam."""

from __future__ import annotations

from typing import Any

import torch

from glasshouse_plugins.optimizers.fused import can_fuse, listed


class Adam(torch.optim.Adam):
    """Adaptive moment estimation (Kingma and Ba 2015).

    Args:
        lr: learning rate.
        beta1: share of the running mean of gradients that is kept.
        beta2: share of the running mean of squared gradients that is kept.
        eps: added to the root, for stability.
        weight_decay: L2 penalty, added to the gradient.
        fused: one kernel for the whole step; default: wherever it works. Set it to false to clip gradients under
            precision 16-mixed: a fused step unscales gradients itself, after the clipping, which Lightning refuses.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        fused: bool | None = None,
    ) -> None:
        params = listed(params)
        super().__init__(
            params,
            lr=lr,
            betas=(beta1, beta2),
            eps=eps,
            weight_decay=weight_decay,
            fused=can_fuse(params) if fused is None else fused,
        )
