"""Sharpness-aware minimisation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from glasshouse import UserError
from torch import Tensor

from glasshouse_plugins.optimizers.adam import Adam
from glasshouse_plugins.optimizers.adamw import AdamW
from glasshouse_plugins.optimizers.fused import as_lists
from glasshouse_plugins.optimizers.momentum import Momentum
from glasshouse_plugins.optimizers.sgd import SGD

_BASES = {"sgd": SGD, "momentum": Momentum, "adam": Adam, "adamw": AdamW}
_TINY = 1e-12


class SAM(torch.optim.Optimizer):
    """Sharpness-aware minimisation: uses the gradient at w + rho g(w) / |g(w)|, both gradients from the same batch.

    Searches for flat minima, which tend to generalise better (Foret, Kleiner, Mobahi and Neyshabur, "Sharpness-Aware
    Minimization for Efficiently Improving Generalization", ICLR 2021, algorithm 1, with the Euclidean norm over all
    weights). Each step costs two passes; the second neither updates batch norm statistics nor logs metrics. Supports
    neither gradient accumulation nor precision 16-mixed.

    Args:
        lr: learning rate of the base optimizer, above 0.
        rho: radius of the perturbation in weight space, at least 0; 0 gives the base optimizer.
        base: the optimizer that applies the gradient, with its default options: ``sgd``, ``momentum``, ``adam`` or
            ``adamw``.
        weight_decay: weight decay of the base optimizer; 0 is none.

    Raises:
        UserError: for a negative rho or an unknown base.
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
        params = as_lists(params)
        self.rho = rho
        self.base: torch.optim.Optimizer = _BASES[base](params, lr=lr, weight_decay=weight_decay)
        super().__init__(self.base.param_groups, self.base.defaults)
        self._share()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Run one step; `closure` computes the loss and its gradients, and is called twice.

        Raises:
            UserError: without a closure, as under precision 16-mixed.
        """
        if closure is None:
            raise UserError(
                "optimizer 'sam'",
                "requires a closure that computes the loss again, which precision 16-mixed does not pass.",
                "Set `trainer: {precision: bf16-mixed}` or `32-true`.",
            )
        with torch.enable_grad():
            loss = closure()
        parameters = [p for group in self.param_groups for p in group["params"] if p.grad is not None]
        if not parameters:
            return loss
        start = [p.detach().clone() for p in parameters]
        with torch.no_grad():
            perturb(parameters, self.rho)
        with torch.enable_grad():
            closure()
        with torch.no_grad():
            torch._foreach_copy_(parameters, start)
        self.base.step()
        return loss

    def load_state_dict(self, state_dict: Any) -> None:
        """The inverse of `state_dict`, which is that of the base optimizer."""
        self.base.load_state_dict(state_dict)
        self._share()

    def _share(self) -> None:
        # Share one state with the base optimizer, so that schedules, checkpoints and device moves apply to it.
        self.param_groups, self.state = self.base.param_groups, self.base.state


def perturb(parameters: list[Tensor], rho: float) -> None:
    """Move parameters in place by distance rho along their gradients, taken as one vector; no move at gradient 0."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    norms = torch._foreach_norm(gradients)
    length = torch.linalg.vector_norm(torch.stack([norm.to(norms[0].device) for norm in norms]))
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.add_(gradient * (rho / (length + _TINY)).to(gradient))
