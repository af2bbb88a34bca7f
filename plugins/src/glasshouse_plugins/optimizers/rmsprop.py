"""RMSprop."""

from __future__ import annotations

from typing import Any

import torch


class RMSprop(torch.optim.RMSprop):
    """RMSprop: gradients divided by their running root mean square (Hinton 2012, lecture 6e).

    Args:
        lr: learning rate, above 0.
        alpha: decay rate of the running mean of squared gradients, in [0, 1).
        eps: added to the denominator for numerical stability.
        momentum: fraction of the last step that is kept, in [0, 1).
        weight_decay: coefficient of the L2 penalty, added to the gradient; 0 is none.
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
