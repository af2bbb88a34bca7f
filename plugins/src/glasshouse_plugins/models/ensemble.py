"""A deep ensemble: networks whose predictions are averaged."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from glasshouse import Target, UserError
from glasshouse.evidence import to_scores, trained_output_kind
from pytorch_lightning import LightningModule
from torch import Tensor, nn

_WHO = "model 'ensemble'"


class Ensemble(nn.Module):
    """Averages the probabilities (or values) of networks that are trained independently.

    Input: that of the members. Output (n, K): mean probabilities, or the mean of the members' values. Members start
    from different initial weights and minimise their own loss on the same batches; the training loss is the sum
    (Lakshminarayanan, Pritzel and Blundell, "Simple and Scalable Predictive Uncertainty Estimation using Deep
    Ensembles", NeurIPS 2017, without adversarial training). Gradient clipping by norm uses the norm over all members.
    Members that compute their own score, such as autoencoders, give an ensemble with the mean score. An ensemble among
    the members is replaced by its members.

    Args:
        members: networks, each a name or class_path and init_args; sizes left out are filled from the data.
        member: instead of `members`: one network, of which every member is a copy with different initial weights.
        copies: number of copies of `member`.

    Raises:
        UserError: for neither or both of `members` and `member`, no members, a LightningModule, or members with
            different kinds of output.
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
                f"expected either `members` or `member`, received {'neither' if members is None else 'both'}.",
                "Set `model: {class_path: ensemble, init_args: {member: mlp, copies: 5}}`.",
            )
        built = [member() for _ in range(copies)] if member is not None else list(members or ())
        networks: list[nn.Module] = []
        for network in built:
            networks += network.members if isinstance(network, Ensemble) else [network]
        if not networks:
            raise UserError(_WHO, "has no members.", "Give at least one.")
        _check_members(networks)
        self.members = nn.ModuleList(networks)
        self.output_kind = getattr(networks[0], "output_kind", None)
        self._target: Target | None = None
        if (predicts := getattr(networks[0], "predicts", None)) is not None:
            self.predicts = predicts

    def set_target(self, target: Target) -> None:
        """Set the target, which determines how outputs become probabilities."""
        self._target = target
        self._member_kind = trained_output_kind(self.members[0], target)
        self.output_kind = "probabilities" if target.classes else self._member_kind

    def forward(self, x: Tensor) -> Tensor:
        """(n, ...) to (n, K)."""
        return self.average([member(x) for member in self.members])

    def average(self, outputs: Sequence[Tensor]) -> Tensor:
        """(n, K) from the members' own outputs.

        Raises:
            UserError: if the target is not set yet.
        """
        if self._target is None and not hasattr(self, "predicts"):
            raise UserError(
                _WHO, "has no target yet.", "Wrap it in a `glasshouse.training.Task`, or call `set_target`."
            )
        if self._target is not None and self._target.classes:
            outputs = [to_scores(output, self._target, self._member_kind) for output in outputs]
        return torch.stack([output.unsqueeze(1) if output.ndim == 1 else output for output in outputs]).mean(dim=0)

    def loss_per_row(self, x: Tensor) -> Tensor:
        """(n,) sum of the training losses of members that compute their own score."""
        losses = [
            member.loss_per_row(x) if hasattr(member, "loss_per_row") else member(x)[:, 0]  # type: ignore[operator]
            for member in self.members
        ]
        return torch.stack(losses).sum(dim=0)


def _check_members(networks: Sequence[nn.Module]) -> None:
    for network in networks:
        name = type(network).__name__
        if isinstance(network, LightningModule):
            raise UserError(
                _WHO,
                f"member '{name}' is a LightningModule with its own training step; expected a plain torch.nn.Module.",
            )
    kinds = {(getattr(network, "output_kind", None), getattr(network, "predicts", None)) for network in networks}
    if len(kinds) > 1:
        raise UserError(_WHO, "members have different kinds of output.", "Give members with the same `output_kind`.")
