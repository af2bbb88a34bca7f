"""Limited-memory BFGS."""

from __future__ import annotations

from typing import Any, Literal

import torch


class LBFGS(torch.optim.LBFGS):
    """A quasi-Newton method over all training rows at once, one step an epoch (Liu and Nocedal 1989).

    Each step goes through the training rows up to `max_iter` x 1.25 times (the line search's trials counted), so that
    a few epochs are enough for a convex loss. Batches only say how many rows are in memory at once. The line search
    compares losses: it is led astray by what makes them random, such as dropout and augmentation. For one process,
    without parameter groups, gradient clipping and precision 16-mixed.

    Args:
        lr: the first step size tried.
        max_iter: iterations per epoch.
        history_size: pairs of steps and gradients that the curvature is guessed from.
        tolerance_grad: a step ends where the largest part of the gradient is below.
        tolerance_change: a step ends where weights or loss change by less.
        line_search_fn: ``strong_wolfe``, or none: then every iteration takes the whole step.
    """

    full_batch = True

    def __init__(
        self,
        params: Any,
        lr: float = 1.0,
        max_iter: int = 20,
        history_size: int = 10,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        line_search_fn: Literal["strong_wolfe"] | None = "strong_wolfe",
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            max_iter=max_iter,
            history_size=history_size,
            tolerance_grad=tolerance_grad,
            tolerance_change=tolerance_change,
            line_search_fn=line_search_fn,
        )
