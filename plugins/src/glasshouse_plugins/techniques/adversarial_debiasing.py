"""Adversarial debiasing: an adversary predicts the group from the score, and the model is trained against it."""

from __future__ import annotations

from typing import Any, get_args

import torch
import torch.nn.functional as F
from glasshouse import Target, UserError
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor, nn

from glasshouse_plugins.techniques.attribute import (
    Constraint,
    attribute_codes,
    is_class_conditional,
    require_task,
    sensitive_attribute,
)

_WHO = "technique 'adversarial_debiasing'"
_TINY = 1e-6


class AdversarialDebiasing(Callback):
    """Trains the model against an adversary that predicts the sensitive attribute from its scores.

    Let g be the gradient of the model's loss and h that of the adversary's loss, both with respect to the model's
    weights. The model is updated with ``g - proj_h g - strength h``: the projection removes from g what would help the
    adversary, and the last term increases the adversary's loss (Zhang, Lemoine and Mitchell 2018, "Mitigating Unwanted
    Biases with Adversarial Learning", AIES, equation 1). The adversary has one hidden layer on the log-odds of the
    scores, and is updated before each step of the model. With a high learning rate the model may overshoot parity in
    the other direction: check the remaining gap. Supports one device only, and neither 16-mixed precision nor gradient
    accumulation. Rows with a missing attribute are ignored by the adversary.

    Args:
        strength: weight of the adversary's loss, at least 0; 0 keeps the projection only.
        constraint: ``demographic_parity``, or ``equalized_odds``, for which the adversary also sees the true class.
        attribute: name of the sensitive attribute; default: the first one that the data declares.
        lr: learning rate of the adversary, above 0.
        hidden: units of the adversary's hidden layer, at least 1.
    """

    def __init__(
        self,
        strength: float = 1.0,
        constraint: Constraint = "demographic_parity",
        attribute: str | None = None,
        lr: float = 0.01,
        hidden: int = 16,
    ) -> None:
        if not strength >= 0:
            raise ValueError(f"strength is {strength}; expected 0 or more")
        if constraint not in get_args(Constraint):
            raise ValueError(f"constraint is {constraint!r}; expected one of {', '.join(get_args(Constraint))}")
        if not lr > 0 or hidden < 1:
            raise ValueError(f"lr is {lr} and hidden is {hidden}; expected more than 0, and at least 1")
        self.strength = strength
        self.constraint = constraint
        self.attribute = attribute
        self.lr = lr
        self.hidden = hidden
        self.adversary: nn.Module | None = None
        self._optimizer: torch.optim.Optimizer | None = None
        self._optimizer_state: dict[str, Any] | None = None
        self._term: Any = None
        self._gradients: list[tuple[nn.Parameter, Tensor]] = []

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Build the adversary, before its weights are restored from a checkpoint."""
        if stage != "fit" or self.adversary is not None:
            return
        task = require_task(pl_module, who=_WHO)
        _, attribute = sensitive_attribute(trainer, self.attribute, who=_WHO)
        by_class = is_class_conditional(self.constraint, task.target.kind, who=_WHO)
        _check_trainer(trainer)
        outputs = 1 if task.target.kind == "binary" else task.target.num_outputs
        width = outputs * (1 + len(task.target.classes)) + len(task.target.classes) if by_class else outputs
        with torch.random.fork_rng():  # leaves the model's weights and batches as without this technique
            self.adversary = nn.Sequential(
                nn.Linear(width, self.hidden), nn.ReLU(), nn.Linear(self.hidden, len(attribute.levels))
            )

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Train the adversary in every training step."""
        task = require_task(pl_module, who=_WHO)
        position, _ = sensitive_attribute(trainer, self.attribute, who=_WHO)
        by_class = is_class_conditional(self.constraint, task.target.kind, who=_WHO)
        assert self.adversary is not None, "built by setup"
        adversary = self.adversary.to(pl_module.device)
        self._optimizer = optimizer = torch.optim.Adam(adversary.parameters(), lr=self.lr)
        if self._optimizer_state is not None:
            optimizer.load_state_dict(self._optimizer_state)
            self._optimizer_state = None
        weights = [parameter for parameter in task.network.parameters() if parameter.requires_grad]

        def term(scores: Tensor, batch: Any) -> Tensor:
            codes = attribute_codes(batch, position, who=_WHO)
            known = codes >= 0
            self._gradients = []
            zero = scores.new_zeros(())
            if not known.any():
                return zero
            inputs = adversary_input(scores, task.target, batch.y if by_class else None)[known]
            optimizer.zero_grad()
            F.cross_entropy(adversary(inputs.detach()), codes[known]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            loss = F.cross_entropy(adversary(inputs), codes[known])
            gradients = torch.autograd.grad(loss, weights, retain_graph=True, allow_unused=True)
            self._gradients = [(p, h) for p, h in zip(weights, gradients, strict=True) if h is not None]
            return zero  # the loss stays the same; `on_after_backward` changes its gradients

        self._term = term
        task.loss_terms.append(term)

    def on_after_backward(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Combine the gradients of the model's loss with those of the adversary's."""
        pairs = [(p.grad, h) for p, h in self._gradients if p.grad is not None]
        self._gradients = []
        combine_gradients([g for g, _ in pairs], [h for _, h in pairs], self.strength)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remove the changes to the task."""
        pl_module.loss_terms.remove(self._term)  # type: ignore[union-attr,operator]
        self._optimizer = None

    def state_dict(self) -> dict[str, Any]:
        """Weights and optimizer state of the adversary, from which a resumed run continues."""
        if self.adversary is None:
            return {}
        optimizer = {} if self._optimizer is None else {"optimizer": self._optimizer.state_dict()}
        return {"adversary": self.adversary.state_dict(), **optimizer}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The inverse of `state_dict`."""
        if self.adversary is not None and "adversary" in state_dict:
            self.adversary.load_state_dict(state_dict["adversary"])
            self._optimizer_state = state_dict.get("optimizer")


def adversary_input(scores: Tensor, target: Target, y: Tensor | None) -> Tensor:
    """(n, w) input of the adversary: log-odds of the probabilities (for binary targets of the second class only), or
    standardised values for regression; given `y`, also the one-hot class and the products of both."""
    if target.kind == "regression":
        values = (scores - target.center) / target.scale
    else:
        values = torch.logit(scores[:, 1:] if target.kind == "binary" else scores, eps=_TINY)
    if y is None:
        return values
    truth = F.one_hot(y.long(), len(target.classes)).to(values.dtype)
    products = (values.unsqueeze(2) * truth.unsqueeze(1)).flatten(1)
    return torch.cat([values, truth, products], dim=1)


def combine_gradients(model: list[Tensor], adversary: list[Tensor], strength: float) -> None:
    """Replace the model's gradients g by ``g - proj_h g - strength h`` in place; g and h are taken as one vector."""
    if not model:
        return
    zero = torch.zeros((), device=model[0].device)
    product = sum((torch.sum(g * h) for g, h in zip(model, adversary, strict=True)), zero)
    squared_norm = sum((torch.sum(h * h) for h in adversary), zero)
    factor = product / squared_norm.clamp_min(torch.finfo(squared_norm.dtype).tiny) + strength
    for g, h in zip(model, adversary, strict=True):
        g -= factor * h


def _check_trainer(trainer: Trainer) -> None:
    """Refuse trainers that average, scale or accumulate gradients, which the method needs unchanged.

    Raises:
        UserError: for several devices, 16-mixed precision or gradient accumulation.
    """
    if trainer.world_size > 1:
        raise UserError(
            _WHO, f"supports one device; the trainer uses {trainer.world_size}.", "Set `trainer: {devices: 1}`."
        )
    if trainer.precision in ("16-mixed", "16"):
        raise UserError(_WHO, f"does not support precision {trainer.precision}.", "Set `bf16-mixed` or `32-true`.")
    if trainer.accumulate_grad_batches != 1:
        raise UserError(_WHO, "does not support gradient accumulation.", "Set `accumulate_grad_batches: 1`.")
