"""Integrated gradients through captum.

Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep Networks", 2017: the gradient of an output averaged along
the straight line from a baseline to the input, times the distance. By the fundamental theorem of calculus the
attributions of a row add up to its output minus the baseline's (completeness), as far as the sum over finitely many
steps comes close to the integral.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

# Rows times steps that are differentiated at once.
_BLOCK = 8192


@dataclass(frozen=True)
class IntegratedGradients:
    """`columns` (n, width) attributions of one output to encoded columns, and the most steps any row needed."""

    columns: Tensor
    steps: int


def integrated_gradients(
    forward: Callable[[Tensor], Tensor],
    rows: Tensor,
    baseline: Tensor,
    *,
    allowed_error: Tensor,
    first_steps: int = 64,
    most_steps: int = 1024,
) -> IntegratedGradients:
    """Integrated gradients of `forward` ((m, width) to (m,)) at `rows` (n, width) from one `baseline` (width,).

    Gauss-Legendre quadrature; rows whose completeness error exceeds `allowed_error` (n,), in units of the output, are
    computed again with twice the steps, up to `most_steps`. Tensors on the CPU.
    """
    import torch
    from captum.attr import IntegratedGradients as Captum

    start = baseline.unsqueeze(0)
    with torch.no_grad():
        change = forward(rows).cpu() - forward(start).cpu()
    columns = torch.zeros_like(rows)
    open_rows = torch.arange(len(rows))
    steps = first_steps
    with torch.enable_grad():
        explain = Captum(forward, multiply_by_inputs=True)
        while True:
            columns[open_rows] = (
                explain.attribute(
                    rows[open_rows],
                    start,
                    n_steps=steps,
                    method="gausslegendre",
                    internal_batch_size=max(_BLOCK, len(open_rows)),
                )
                .detach()
                .to(columns.dtype)
            )
            error = (columns[open_rows].sum(dim=1) - change[open_rows]).abs()
            open_rows = open_rows[error > allowed_error[open_rows]]
            if len(open_rows) == 0 or 2 * steps > most_steps:
                return IntegratedGradients(columns, steps)
            steps *= 2
