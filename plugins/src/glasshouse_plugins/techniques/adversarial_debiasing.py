"""Adversarial debiasing: a second network guesses the group from the score, and the first learns to defeat it."""

from __future__ import annotations

from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from glasshouse import Target, UserError
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor, nn

from glasshouse_plugins.techniques.attribute import chosen, codes_of, constraint_of, trained_by_us

_WHO = "technique 'adversarial_debiasing'"
_TINY = 1e-6
Constraint = Literal["demographic_parity", "equalized_odds"]


class AdversarialDebiasing(Callback):
    """Trains the model against an adversary that guesses the group from its scores.

    With the gradients g of the model's loss and h of the adversary's, both in the model's weights, the model follows
    ``g - proj_h g - strength h``: the projection takes out of its own gradient what would help the adversary, and the
    last term hurts it (Zhang, Lemoine and Mitchell 2018, "Mitigating Unwanted Biases with Adversarial Learning",
    AIES, equation 1). The adversary, one hidden layer on the log-odds of the scores, takes a step of its own before
    each. Such games may swing past equality to the other side where the model's learning rate is high: look at the gap
    that is left. For one device, without mixed float16 precision and accumulated gradients. Rows with a missing
    attribute do not enter the adversary.

    Args:
        strength: how much the model cares about the adversary; 0 leaves the projection alone.
        constraint: ``demographic_parity``, or ``equalized_odds``, where the adversary is told the true class too.
        attribute: the sensitive attribute; default: the first that the data declare.
        lr: learning rate of the adversary.
        hidden: units of the adversary's hidden layer.
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
        self._steps_so_far: dict[str, Any] | None = None
        self._term: Any = None
        self._gradients: list[tuple[nn.Parameter, Tensor]] = []

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Build the adversary, before a checkpoint fills in its weights."""
        if stage != "fit" or self.adversary is not None:
            return
        task = trained_by_us(pl_module, who=_WHO)
        _, attribute = chosen(trainer, self.attribute, who=_WHO)
        by_class = constraint_of(self.constraint, task.target.kind, who=_WHO)
        _refuse_what_changes_gradients(trainer)
        outputs = 1 if task.target.kind == "binary" else task.target.num_outputs
        width = outputs * (1 + len(task.target.classes)) + len(task.target.classes) if by_class else outputs
        with torch.random.fork_rng():  # the model's own weights and batches stay those of the run without it
            self.adversary = nn.Sequential(
                nn.Linear(width, self.hidden), nn.ReLU(), nn.Linear(self.hidden, len(attribute.levels))
            )

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Let the adversary listen to every training step."""
        task = trained_by_us(pl_module, who=_WHO)
        position, _ = chosen(trainer, self.attribute, who=_WHO)
        by_class = constraint_of(self.constraint, task.target.kind, who=_WHO)
        assert self.adversary is not None, "setup has built it"
        adversary = self.adversary.to(pl_module.device)
        self._optimizer = optimizer = torch.optim.Adam(adversary.parameters(), lr=self.lr)
        if self._steps_so_far is not None:
            optimizer.load_state_dict(self._steps_so_far)
            self._steps_so_far = None
        weights = [parameter for parameter in task.network.parameters() if parameter.requires_grad]

        def term(scores: Tensor, batch: Any) -> Tensor:
            codes = codes_of(batch, position, who=_WHO)
            known = codes >= 0
            self._gradients = []
            nothing = scores.new_zeros(())
            if not known.any():
                return nothing
            seen = evidence(scores, task.target, batch.y if by_class else None)[known]
            optimizer.zero_grad()
            F.cross_entropy(adversary(seen.detach()), codes[known]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            guessed = F.cross_entropy(adversary(seen), codes[known])
            found = torch.autograd.grad(guessed, weights, retain_graph=True, allow_unused=True)
            self._gradients = [(p, h) for p, h in zip(weights, found, strict=True) if h is not None]
            return nothing  # what it does, it does to the gradients, once those of the loss are there

        self._term = term
        task.loss_terms.append(term)

    def on_after_backward(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Turn the gradient of the loss into that of the game."""
        pairs = [(p.grad, h) for p, h in self._gradients if p.grad is not None]
        self._gradients = []
        defeat([g for g, _ in pairs], [h for _, h in pairs], self.strength)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave the task as it was."""
        pl_module.loss_terms.remove(self._term)  # type: ignore[union-attr,operator]
        self._optimizer = None

    def state_dict(self) -> dict[str, Any]:
        """The adversary's weights and the state of its steps, so that a resumed run goes on with both."""
        if self.adversary is None:
            return {}
        steps = {} if self._optimizer is None else {"optimizer": self._optimizer.state_dict()}
        return {"adversary": self.adversary.state_dict(), **steps}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The inverse of `state_dict`."""
        if self.adversary is not None and "adversary" in state_dict:
            self.adversary.load_state_dict(state_dict["adversary"])
            self._steps_so_far = state_dict.get("optimizer")


def evidence(scores: Tensor, target: Target, y: Tensor | None) -> Tensor:
    """(n, w) what the adversary sees: log-odds of the probabilities (of one of two classes), or values in units of
    their spread; given `y`, also the class and the product of both."""
    if target.kind == "regression":
        seen = (scores - target.center) / target.scale
    else:
        seen = torch.logit(scores[:, 1:] if target.kind == "binary" else scores, eps=_TINY)
    if y is None:
        return seen
    truth = F.one_hot(y.long(), len(target.classes)).to(seen.dtype)
    products = (seen.unsqueeze(2) * truth.unsqueeze(1)).flatten(1)
    return torch.cat([seen, truth, products], dim=1)


def defeat(own: list[Tensor], against: list[Tensor], strength: float) -> None:
    """Replace gradients g by ``g - proj_h g - strength h`` in place, both taken as one long vector."""
    if not own:
        return
    along = sum((torch.sum(g * h) for g, h in zip(own, against, strict=True)), torch.zeros((), device=own[0].device))
    length = sum((torch.sum(h * h) for h in against), torch.zeros((), device=own[0].device))
    factor = along / length.clamp_min(torch.finfo(length.dtype).tiny) + strength
    for g, h in zip(own, against, strict=True):
        g -= factor * h


def _refuse_what_changes_gradients(trainer: Trainer) -> None:
    """Gradients that are averaged, scaled or added up elsewhere are not the ones that the method is about.

    Raises:
        UserError: for several devices, mixed float16 precision or accumulated gradients.
    """
    if trainer.world_size > 1:
        raise UserError(_WHO, f"made for one device, not {trainer.world_size}.", "Set `trainer: {devices: 1}`.")
    if trainer.precision in ("16-mixed", "16"):
        raise UserError(_WHO, f"does not work with precision {trainer.precision}.", "Set `bf16-mixed` or `32-true`.")
    if trainer.accumulate_grad_batches != 1:
        raise UserError(_WHO, "does not work with accumulated gradients.", "Set `accumulate_grad_batches: 1`.")
