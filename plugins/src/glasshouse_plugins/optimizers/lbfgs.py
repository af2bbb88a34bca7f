"""Limited-memory BFGS."""

from __future__ import annotations

from typing import Any, Literal

import torch


class LBFGS(torch.optim.LBFGS):
    """Full-batch L-BFGS, a quasi-Newton method, with one step per epoch (Liu and Nocedal 1989).

    Each step evaluates the training rows up to `max_iter` x 1.25 times, including the line search, so that a few epochs
    suffice for a convex loss. The batch size only limits the rows in memory at once. The line search compares losses,
    so it fails with random losses, e.g. from dropout or augmentation. Supports one process only, and neither parameter
    groups, gradient clipping nor precision 16-mixed.

    Args:
        lr: initial step size of the line search, above 0.
        max_iter: maximum iterations per step.
        history_size: number of past steps used to approximate the curvature.
        tolerance_grad: stop the step when the largest absolute gradient component is at most this.
        tolerance_change: stop the step when parameters or loss change by less than this.
        line_search_fn: ``strong_wolfe``, or null for a fixed step size.
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
