"""A fairness penalty on differences in mean score between groups."""

from __future__ import annotations

from typing import Any, get_args

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from glasshouse_plugins.techniques.attribute import (
    Constraint,
    attribute_codes,
    is_class_conditional,
    require_task,
    sensitive_attribute,
)

_WHO = "technique 'fair_regularizer'"


class FairRegularizer(Callback):
    """Adds the between-group variance of the scores to the training loss.

    In every batch, the penalty is ``strength`` times the mean over rows of the squared difference between the mean
    score of the row's group and the overall mean. For two groups this equals the squared covariance of score and group
    divided by the variance of the group: the quantity that Zafar et al. 2017 ("Fairness Constraints: Mechanisms for
    Fair Classification", AISTATS, section 3.2) constrain, here as a penalty and on probabilities. Batches should have
    rows of every group; small batches make the penalty noisy. Rows with a missing attribute are ignored.

    Args:
        strength: weight of the penalty, at least 0; 0 is none. A larger value reduces differences between groups, at
            the cost of accuracy.
        constraint: ``demographic_parity`` compares groups over all rows, ``equalized_odds`` within each true class.
        attribute: name of the sensitive attribute; default: the first one that the data declares.
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
        task = require_task(pl_module, who=_WHO)
        position, attribute = sensitive_attribute(trainer, self.attribute, who=_WHO)
        target, levels = task.target, len(attribute.levels)
        by_class = is_class_conditional(self.constraint, target.kind, who=_WHO)

        def term(scores: Tensor, batch: Any) -> Tensor:
            codes = attribute_codes(batch, position, who=_WHO)
            # Binary: one of two complementary probabilities suffices. Regression: values in standard deviations.
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
        """Remove the changes to the task."""
        pl_module.loss_terms.remove(self._term)  # type: ignore[union-attr,operator]


def between_groups(scores: Tensor, codes: Tensor, levels: int) -> Tensor:
    """Between-group variance of the scores, summed over the K outputs; 0 if all groups have the same mean.

    Args:
        scores: (n, K).
        codes: (n,) group of each row; rows with -1 are ignored.
        levels: number of groups.
    """
    member = torch.nn.functional.one_hot(codes + 1, levels + 1)[:, 1:].to(scores.dtype)
    sizes = member.sum(dim=0)
    means = member.T @ scores / sizes.clamp_min(1).unsqueeze(1)
    shares = (sizes / sizes.sum().clamp_min(1)).unsqueeze(1)
    overall = (shares * means).sum(dim=0)
    return (shares * (means - overall).square()).sum()
