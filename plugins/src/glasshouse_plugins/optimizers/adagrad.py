"""Adagrad."""

from __future__ import annotations

from typing import Any

import torch


class Adagrad(torch.optim.Adagrad):
    """Adagrad: gradients divided by the root of the sum of all past squared gradients (Duchi, Hazan and Singer 2011).

    Args:
        lr: learning rate, above 0.
        lr_decay: the learning rate is divided by 1 + steps * lr_decay; at least 0.
        initial_accumulator_value: initial value of the sums of squared gradients, at least 0.
        eps: added to the denominator for numerical stability.
        weight_decay: coefficient of the L2 penalty, added to the gradient; 0 is none.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 0.01,
        lr_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            lr_decay=lr_decay,
            initial_accumulator_value=initial_accumulator_value,
            eps=eps,
            weight_decay=weight_decay,
        )
