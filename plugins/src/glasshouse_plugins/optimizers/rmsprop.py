"""RMSprop."""

from __future__ import annotations

from typing import Any

import torch


class RMSprop(torch.optim.RMSprop):
    """Gradients divided by a running root mean square (Hinton 2012, lecture 6e).

    Args:
        lr: learning rate.
        alpha: share of the running mean square that is kept.
        eps: added to the root, for stability.
        momentum: share of the last step that is kept.
        weight_decay: L2 penalty, added to the gradient.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 0.001,
        alpha: float = 0.99,
        eps: float = 1e-8,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, lr=lr, alpha=alpha, eps=eps, momentum=momentum, weight_decay=weight_decay)
