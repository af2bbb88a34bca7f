"""Perturbation methods by captum: features are ablated, permuted or masked; columns of a feature move together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from glasshouse import Explanation, NotExplainableError, Question

from glasshouse_audits.explain.methods.batching import (
    CountedScore,
    attributions_by_row,
    mean_background_row,
    score_of_mean_background,
)
from glasshouse_audits.explain.methods.repeats import repeat_explanation
from glasshouse_audits.option_checks import whole_number

if TYPE_CHECKING:
    from torch import Tensor


class FeatureAblation:
    """Change of the score when one feature at a time is set to its value in the mean background row."""

    def explain(self, question: Question) -> Explanation:
        from captum.attr import FeatureAblation as Captum

        counted = CountedScore(question)
        mask, start = _mask(question), mean_background_row(question)
        explain = [Captum(counted.of(k)) for k in range(len(question.outputs))]
        values = attributions_by_row(
            question, lambda x, k: _once(explain[k].attribute(x, start, feature_mask=mask), mask), inputs_per_row=1
        )
        return Explanation(
            values=values,
            base=score_of_mean_background(question),
            evaluations=counted.evaluations,
            details="Change of the score when one feature is set to its value in the mean background row.",
        )


class FeaturePermutation:
    """Change of the score when one feature at a time is permuted among the explained rows.

    Args:
        repeats: independent permutations, whose spread gives the standard error.
    """

    def __init__(self, *, repeats: int = 16) -> None:
        self.repeats = whole_number("explainer 'feature_permutation'", "repeats", repeats, minimum=2)

    def explain(self, question: Question) -> Explanation:
        from captum.attr import FeaturePermutation as Captum

        if len(question.rows) < 2:
            raise NotExplainableError("it permutes features among rows and requires at least two rows")
        counted = CountedScore(question)
        mask = _mask(question)
        explain = [Captum(counted.of(k)) for k in range(len(question.outputs))]
        repeats = max(2, min(self.repeats, question.budget // (1 + int(mask.max()))))
        values, error = repeat_explanation(
            lambda _: attributions_by_row(
                question, lambda x, k: _once(explain[k].attribute(x, feature_mask=mask), mask), inputs_per_row=1
            ),
            seed=question.seed,
            repeats=repeats,
        )
        return Explanation(
            values=values,
            standard_error=error,
            evaluations=counted.evaluations,
            details=f"Change of the score when one feature is permuted among the rows, mean of {repeats} permutations.",
        )


class Lime:
    """Coefficients of a local linear model of the score (Ribeiro, Singh and Guestrin, "Why Should I Trust You?", 2016).

    Each sample sets a random subset of features to the mean background row; samples near the row have more weight
    (captum's kernel on the cosine distance).

    Args:
        samples: random samples for each row in each repeat.
        repeats: independent repeats, whose spread gives the standard error.
    """

    def __init__(self, *, samples: int = 200, repeats: int = 2) -> None:
        self.samples = whole_number("explainer 'lime'", "samples", samples, minimum=2)
        self.repeats = whole_number("explainer 'lime'", "repeats", repeats, minimum=2)

    def explain(self, question: Question) -> Explanation:
        from captum._utils.models.linear_model import SkLearnLinearRegression
        from captum.attr import Lime as Captum

        counted = CountedScore(question)
        mask, start = _mask(question), mean_background_row(question)
        # no penalty: captum's default lasso sets the small effects of probabilities to 0
        explain = [Captum(counted.of(k), SkLearnLinearRegression()) for k in range(len(question.outputs))]
        samples = max(2, min(self.samples, question.budget // self.repeats))

        def attribute(x: Tensor, output: int) -> Tensor:
            found = explain[output].attribute(
                x,
                start,
                feature_mask=mask,
                n_samples=samples,
                perturbations_per_eval=max(1, min(samples, question.max_batch)),
                return_input_shape=True,
            )
            return _once(found, mask)

        values, error = repeat_explanation(
            lambda _: attributions_by_row(question, attribute, inputs_per_row=samples),
            seed=question.seed,
            repeats=self.repeats,
        )
        return Explanation(
            values=values,
            standard_error=error,
            evaluations=counted.evaluations,
            details=f"{self.repeats} times {samples} random samples per row, without penalty.",
        )


def _mask(question: Question) -> Tensor:
    """(1, ...) feature number of each input number; without features every number is its own feature."""
    import torch

    device, shape = question.model.device, question.rows.shape[1:]
    owner: Any = np.arange(int(np.prod(shape))).reshape(shape) if question.owner is None else question.owner
    return torch.as_tensor(owner, device=device)[None]


def _once(attributions: Tensor, mask: Tensor) -> Tensor:
    """Attributions with each feature's value in its first column only; captum repeats it in every column."""
    import torch

    flat = mask.flatten()
    first = torch.zeros_like(flat, dtype=torch.bool)
    seen: set[int] = set()
    for position, feature in enumerate(flat.tolist()):
        first[position] = feature not in seen
        seen.add(feature)
    return attributions * first.view(mask.shape)
