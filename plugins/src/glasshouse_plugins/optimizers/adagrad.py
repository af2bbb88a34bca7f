"""Adagrad."""

from __future__ import annotations

from typing import Any

import torch


class Adagrad(torch.optim.Adagrad):
    """Gradients divided by the root of the sum of all squared gradients so far (Duchi, Hazan and Singer 2011).

    Args:
        lr: learning rate.
        lr_decay: the rate is divided by 1 + steps lr_decay.
        initial_accumulator_value: where the sums of squares begin.
        eps: added to the root, for stability.
        weight_decay: L2 penalty, added to the gradient.
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
