"""Inputs taken away, exchanged or left out at random, through captum: columns of one feature move together."""

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
    """How far the score moves when one feature at a time is set to the mean background row's."""

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
            details="Change of the score when one feature is set to the mean background row's.",
        )


class FeaturePermutation:
    """How far the score moves when one feature at a time is exchanged among the explained rows.

    Args:
        repeats: independent permutations, whose spread tells the standard error.
    """

    def __init__(self, *, repeats: int = 16) -> None:
        self.repeats = whole_number("explainer 'feature_permutation'", "repeats", repeats, minimum=2)

    def explain(self, question: Question) -> Explanation:
        from captum.attr import FeaturePermutation as Captum

        if len(question.rows) < 2:
            raise NotExplainableError("it exchanges features among rows, of which there is but one")
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
            details=f"Change of the score when one feature is exchanged among the rows, mean of {repeats} times.",
        )


class Lime:
    """Slopes of a linear model of the score near a row (Ribeiro, Singh and Guestrin, "Why Should I Trust You?", 2016).

    Which features are present and which are set to the mean background row's is drawn at random; nearby draws weigh
    more (captum's kernel on the cosine distance).

    Args:
        samples: random draws for each row in one answer.
        repeats: independent answers, whose spread tells the standard error.
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
            details=f"{self.repeats} times {samples} random draws a row, without penalty.",
        )


def _mask(question: Question) -> Tensor:
    """(1, ...) the feature of each input; every input is its own where there are no features."""
    import torch

    device, shape = question.model.device, question.rows.shape[1:]
    owner: Any = np.arange(int(np.prod(shape))).reshape(shape) if question.owner is None else question.owner
    return torch.as_tensor(owner, device=device)[None]


def _once(attributions: Tensor, mask: Tensor) -> Tensor:
    """Attributions of columns, where captum gives each column its feature's whole: the first column keeps it."""
    import torch

    flat = mask.flatten()
    first = torch.zeros_like(flat, dtype=torch.bool)
    seen: set[int] = set()
    for position, feature in enumerate(flat.tolist()):
        first[position] = feature not in seen
        seen.add(feature)
    return attributions * first.view(mask.shape)
