"""DeepLIFT by captum, from one baseline or averaged over the background.

Shrikumar, Greenside and Kundaje, "Learning Important Features Through Propagating Activation Differences", 2017
(the rescale rule); averaged over background rows as in Lundberg and Lee, "A Unified Approach to Interpreting Model
Predictions", 2017. Every non-linear module propagates the change of its output with the slope between baseline and
input. If there is a rule for every module, a row's values add up to the change of its score.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from glasshouse import Explanation, Question

from glasshouse_audits.explain.methods.batching import (
    attributions_by_row,
    mean_background_row,
    mean_score_of_background,
    score_of_mean_background,
)

if TYPE_CHECKING:
    from torch import Tensor


class DeepLift:
    """DeepLIFT with the rescale rule from the mean background row."""

    def explain(self, question: Question) -> Explanation:
        start = mean_background_row(question)
        return _explained(
            question,
            lambda explain, x: explain.attribute(x, start, target=0),
            inputs_per_row=2,
            base=score_of_mean_background(question),
            details="Rescale rule, from the mean background row.",
        )


class DeepLiftShap:
    """DeepLIFT averaged over the background rows: fast, approximate Shapley values, for supported modules."""

    def explain(self, question: Question) -> Explanation:
        import torch

        background = question.background.to(question.model.device)
        # captum requires at least two baselines; the same one twice has the same mean
        background = background.repeat(2, *[1] * (background.ndim - 1)) if len(background) == 1 else background
        parts = torch.tensor_split(background, max(1, -(-2 * len(background) // max(4, question.max_batch))))
        share = max(len(part) for part in parts)

        def attribute(explain: Any, x: Tensor) -> Tensor:
            total: Tensor = sum(len(part) * explain.attribute(x, part, target=0) for part in parts)
            return total / len(background)

        return _explained(
            question,
            attribute,
            inputs_per_row=2 * share,
            base=mean_score_of_background(question),
            details=f"Rescale rule, averaged over {len(question.background)} background rows.",
            shap=True,
        )


def _explained(
    question: Question,
    attribute: Callable[[Any, Tensor], Tensor],
    *,
    inputs_per_row: int,
    base: np.ndarray[Any, np.dtype[np.float64]],
    details: str,
    shap: bool = False,
) -> Explanation:
    from captum.attr import DeepLift as Captum
    from captum.attr import DeepLiftShap as CaptumShap
    from captum.attr._core.deep_lift import SUPPORTED_NON_LINEAR

    from glasshouse_audits.explain.methods.network import ScoreNetwork, restored_state
    from glasshouse_audits.explain.methods.unsupported_layers import not_explainable, unsupported_layers

    rules = [kind.__name__ for kind in SUPPORTED_NON_LINEAR]
    networks = [ScoreNetwork(question, k) for k in range(len(question.outputs))]
    explainers = [(CaptumShap if shap else Captum)(network) for network in networks]
    module = question.model.module
    with restored_state(module):
        found = unsupported_layers(module, question.rows[:2].to(question.model.device), rules)
        try:
            values = attributions_by_row(
                question, lambda x, k: attribute(explainers[k], x), inputs_per_row=inputs_per_row
            )
        except (RuntimeError, AssertionError, TypeError) as error:
            raise not_explainable(error, found) from error
    return Explanation(
        values=values,
        base=base,
        completeness="promised",
        evaluations=sum(network.evaluations for network in networks),
        details=details,
        suspects=found,
    )
