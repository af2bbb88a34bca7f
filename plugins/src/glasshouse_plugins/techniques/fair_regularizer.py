"""Fair regularizer: a penalty on scores that differ between groups."""

from __future__ import annotations

from typing import Any, Literal, get_args

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from glasshouse_plugins.techniques.attribute import chosen, codes_of, constraint_of, trained_by_us

_WHO = "technique 'fair_regularizer'"
Constraint = Literal["demographic_parity", "equalized_odds"]


class FairRegularizer(Callback):
    """Adds to the training loss how much of the scores' variance lies between the groups.

    The penalty is ``strength`` times the sum over groups of their share times the squared distance of their mean score
    from the mean of all, in every batch. For two groups that is the squared covariance of score and group divided by
    the variance of the group, the quantity that Zafar et al. 2017 ("Fairness Constraints: Mechanisms for Fair
    Classification", AISTATS, section 3.2) bound, here as a penalty and on probabilities. Batches should hold some
    rows of every group: small ones make the penalty noisy. Rows with a missing attribute are left out of it.

    Args:
        strength: of the penalty; 0 is none. Larger means more equal and less accurate.
        constraint: ``demographic_parity`` compares groups over all rows, ``equalized_odds`` among those of each class.
        attribute: the sensitive attribute; default: the first that the data declare.
    """

    def __init__(
        self, strength: float = 10.0, constraint: Constraint = "demographic_parity", attribute: str | None = None
    ) -> None:
        if not strength >= 0:
            raise ValueError(f"strength is {strength}; expected 0 or more")
        if constraint not in get_args(Constraint):
            raise ValueError(f"constraint is {constraint!r}; expected one of {', '.join(get_args(Constraint))}")
        self.strength = strength
        self.constraint = constraint
        self.attribute = attribute
        self._term: Any = None

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Add the penalty to the task's loss."""
        task = trained_by_us(pl_module, who=_WHO)
        position, attribute = chosen(trainer, self.attribute, who=_WHO)
        target, levels = task.target, len(attribute.levels)
        by_class = constraint_of(self.constraint, target.kind, who=_WHO)

        def term(scores: Tensor, batch: Any) -> Tensor:
            codes = codes_of(batch, position, who=_WHO)
            # The two probabilities of a binary target say the same twice; values count in units of their spread.
            compared = scores[:, 1:] if target.kind == "binary" else scores / target.scale
            if not by_class:
                return self.strength * between_groups(compared, codes, levels)
            parts = [
                between_groups(compared[batch.y == k], codes[batch.y == k], levels) for k in range(scores.shape[1])
            ]
            return self.strength * torch.stack(parts).mean()

        self._term = term
        task.loss_terms.append(term)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave the task as it was."""
        pl_module.loss_terms.remove(self._term)  # type: ignore[union-attr,operator]


def between_groups(scores: Tensor, codes: Tensor, levels: int) -> Tensor:
    """Variance of the scores between groups, summed over the K outputs; 0 where all groups have the same mean.

    Args:
        scores: (n, K).
        codes: (n,) the group of each row; rows with -1 are left out.
        levels: number of groups.
    """
    member = torch.nn.functional.one_hot(codes + 1, levels + 1)[:, 1:].to(scores.dtype)
    sizes = member.sum(dim=0)
    means = member.T @ scores / sizes.clamp_min(1).unsqueeze(1)
    shares = (sizes / sizes.sum().clamp_min(1)).unsqueeze(1)
    overall = (shares * means).sum(dim=0)
    return (shares * (means - overall).square()).sum()
