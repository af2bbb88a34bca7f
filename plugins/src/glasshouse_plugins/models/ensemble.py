"""Several networks that answer together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from glasshouse import Target, UserError
from glasshouse.evidence import to_scores, trained_output_kind
from pytorch_lightning import LightningModule
from torch import Tensor, nn

_WHO = "model 'ensemble'"


class Ensemble(nn.Module):
    """Networks that learn apart from each other, and whose probabilities, or values, are averaged.

    Input as the members'; output (n, K): mean probabilities, or the mean of the members' values. Each member begins
    with weights of its own and follows its own loss on the same batches (their sum is minimised): a deep ensemble
    (Lakshminarayanan, Pritzel and Blundell, "Simple and Scalable Predictive Uncertainty Estimation using Deep
    Ensembles", NeurIPS 2017, without adversarial training). Clipping by norm is over all members together. Members with
    a score of their own, such as autoencoders, make an ensemble whose score is the mean of theirs. The members of an
    ensemble among the members are members like all others.

    Args:
        members: networks, by name or as class_path and init_args; sizes that are left out are filled from the data.
        member: one network that all members are copies of, each with initial weights of its own; instead of `members`.
        copies: how many; with `member` alone.

    Raises:
        UserError: for neither or both of `members` and `member`, no members, a LightningModule, or members whose
            outputs do not mean the same.
    """

    members: nn.ModuleList

    def __init__(
        self,
        members: Sequence[nn.Module] | None = None,
        member: Callable[[], nn.Module] | None = None,
        copies: int = 5,
    ) -> None:
        super().__init__()
        if (members is None) == (member is None):
            raise UserError(
                _WHO,
                f"expected either members or a member to copy, received {'neither' if members is None else 'both'}.",
                "Set `model: {class_path: ensemble, init_args: {member: mlp, copies: 5}}`.",
            )
        given = [member() for _ in range(copies)] if member is not None else list(members or ())
        networks: list[nn.Module] = []
        for network in given:
            networks += network.members if isinstance(network, Ensemble) else [network]
        if not networks:
            raise UserError(_WHO, "has no members.", "Give at least one.")
        _refuse_foreign(networks)
        self.members = nn.ModuleList(networks)
        self.output_kind = getattr(networks[0], "output_kind", None)
        self._target: Target | None = None
        if (predicts := getattr(networks[0], "predicts", None)) is not None:
            self.predicts = predicts

    def set_target(self, target: Target) -> None:
        """Learn what is predicted, which says how outputs become probabilities."""
        self._target = target
        self._member_kind = trained_output_kind(self.members[0], target)
        self.output_kind = "probabilities" if target.classes else self._member_kind

    def forward(self, x: Tensor) -> Tensor:
        """(n, ...) to (n, K)."""
        return self.average([member(x) for member in self.members])

    def average(self, outputs: Sequence[Tensor]) -> Tensor:
        """(n, K) from the members' own outputs.

        Raises:
            UserError: before it is known what is predicted.
        """
        if self._target is None and not hasattr(self, "predicts"):
            raise UserError(
                _WHO, "does not know yet what is predicted.", "Wrap it in a `glasshouse.training.task.Task`."
            )
        if self._target is not None and self._target.classes:
            outputs = [to_scores(output, self._target, self._member_kind) for output in outputs]
        return torch.stack([output.unsqueeze(1) if output.ndim == 1 else output for output in outputs]).mean(dim=0)

    def loss_per_row(self, x: Tensor) -> Tensor:
        """(n,) what members with a score of their own minimise, summed."""
        losses = [
            member.loss_per_row(x) if hasattr(member, "loss_per_row") else member(x)[:, 0]  # type: ignore[operator]
            for member in self.members
        ]
        return torch.stack(losses).sum(dim=0)


def _refuse_foreign(networks: Sequence[nn.Module]) -> None:
    for network in networks:
        name = type(network).__name__
        if isinstance(network, LightningModule):
            raise UserError(
                _WHO, f"'{name}' is a LightningModule, which trains itself: nothing can train it beside others."
            )
    meanings = {(getattr(network, "output_kind", None), getattr(network, "predicts", None)) for network in networks}
    if len(meanings) > 1:
        raise UserError(_WHO, "its members' outputs do not mean the same.", "Give members of one `output_kind`.")
