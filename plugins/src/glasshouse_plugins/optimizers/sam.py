"""Sharpness-aware minimisation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from glasshouse import UserError
from torch import Tensor

from glasshouse_plugins.optimizers.adam import Adam
from glasshouse_plugins.optimizers.adamw import AdamW
from glasshouse_plugins.optimizers.fused import listed
from glasshouse_plugins.optimizers.momentum import Momentum
from glasshouse_plugins.optimizers.sgd import SGD

_BASES = {"sgd": SGD, "momentum": Momentum, "adam": Adam, "adamw": AdamW}
_TINY = 1e-12


class SAM(torch.optim.Optimizer):
    """Steps along the gradient at the worst point nearby: g(w + rho g(w) / |g(w)|), both over the same batch.

    Flat minima are said to generalise better (Foret, Kleiner, Mobahi and Neyshabur, "Sharpness-Aware Minimization for
    Efficiently Improving Generalization", ICLR 2021, algorithm 1, with the Euclidean norm over all weights). Each step
    costs two passes; in the second, batch norm leaves its running statistics alone, and nothing is counted or logged.
    Without accumulated gradients and precision 16-mixed.

    Args:
        lr: learning rate of the optimizer that takes the steps.
        rho: how far away the worst point is looked for; at 0 this is the optimizer inside.
        base: the optimizer that takes the steps: sgd, momentum, adam or adamw, with its other options as they are.
        weight_decay: of the optimizer that takes the steps.

    Raises:
        UserError: for a negative rho or another base.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 0.01,
        rho: float = 0.05,
        base: Literal["sgd", "momentum", "adam", "adamw"] = "momentum",
        weight_decay: float = 0.0,
    ) -> None:
        if not rho >= 0:
            raise UserError("optimizer 'sam'", f"rho is {rho}; expected 0 or more.")
        if base not in _BASES:
            raise UserError("optimizer 'sam'", f"base is {base!r}; expected one of {', '.join(_BASES)}.")
        params = listed(params)
        self.rho = rho
        self.base: torch.optim.Optimizer = _BASES[base](params, lr=lr, weight_decay=weight_decay)
        super().__init__(self.base.param_groups, self.base.defaults)
        self._share()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step; `closure` computes the loss and its gradients from zero, and is called twice.

        Raises:
            UserError: without a closure, as under precision 16-mixed.
        """
        if closure is None:
            raise UserError(
                "optimizer 'sam'",
                "needs a closure that evaluates the loss again; none is given.",
                "Set `trainer: {precision: bf16-mixed}` or `32-true` where it is 16-mixed.",
            )
        with torch.enable_grad():
            loss = closure()
        found = [p for group in self.param_groups for p in group["params"] if p.grad is not None]
        if not found:
            return loss
        start = [p.detach().clone() for p in found]
        with torch.no_grad():
            climb(found, self.rho)
        with torch.enable_grad():
            closure()
        with torch.no_grad():
            torch._foreach_copy_(found, start)
        self.base.step()
        return loss

    def load_state_dict(self, state_dict: Any) -> None:
        """The inverse of `state_dict`, which is that of the optimizer inside."""
        self.base.load_state_dict(state_dict)
        self._share()

    def _share(self) -> None:
        # One state, so that schedules, checkpoints and the move to another device see what takes the steps.
        self.param_groups, self.state = self.base.param_groups, self.base.state


def climb(parameters: list[Tensor], rho: float) -> None:
    """Move parameters in place by rho along their gradients, taken as one vector; no gradient, no move."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    norms = torch._foreach_norm(gradients)
    length = torch.linalg.vector_norm(torch.stack([norm.to(norms[0].device) for norm in norms]))
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.add_(gradient * (rho / (length + _TINY)).to(gradient))
