"""Gradient methods by captum: single gradients at a row, and expected gradients over the background."""

from __future__ import annotations

from glasshouse import Explanation, Question

from glasshouse_audits.explain.methods.batching import CountedScore, attributions_by_row, mean_score_of_background
from glasshouse_audits.explain.methods.repeats import repeat_explanation
from glasshouse_audits.option_checks import whole_number


class Saliency:
    """|gradient| (Simonyan, Vedaldi and Zisserman, "Deep Inside Convolutional Networks", 2014).

    In units of the score per unit of the encoded input; not complete.
    """

    def explain(self, question: Question) -> Explanation:
        from captum.attr import Saliency as Captum

        counted = CountedScore(question)
        explain = [Captum(counted.of(k)) for k in range(len(question.outputs))]
        values = attributions_by_row(question, lambda x, k: explain[k].attribute(x), inputs_per_row=1)
        details = "Absolute gradient at the row, in units of the score per unit of the encoded input."
        return Explanation(values=values, evaluations=counted.evaluations, details=details)


class InputXGradient:
    """Gradient times encoded input (Shrikumar et al., "Not Just a Black Box", 2016).

    This implies a baseline of 0 in the encoding, whatever 0 means there.
    """

    def explain(self, question: Question) -> Explanation:
        from captum.attr import InputXGradient as Captum

        counted = CountedScore(question)
        explain = [Captum(counted.of(k)) for k in range(len(question.outputs))]
        values = attributions_by_row(question, lambda x, k: explain[k].attribute(x), inputs_per_row=1)
        details = "Gradient at the row times the encoded input."
        return Explanation(values=values, evaluations=counted.evaluations, details=details)


class GradientShap:
    """Expected gradients: integrated gradients averaged over baselines from the background, sampled.

    Each sample takes a random background row and a random point on the line from it to the row (Erion et al.,
    "Improving performance of deep learning models with axiomatic attribution priors and expected gradients", 2021).

    Args:
        samples: random points for each row in each repeat.
        repeats: independent repeats, whose spread gives the standard error.
    """

    def __init__(self, *, samples: int = 50, repeats: int = 8) -> None:
        self.samples = whole_number("explainer 'gradient_shap'", "samples", samples, minimum=1)
        self.repeats = whole_number("explainer 'gradient_shap'", "repeats", repeats, minimum=2)

    def explain(self, question: Question) -> Explanation:
        from captum.attr import GradientShap as Captum

        counted = CountedScore(question)
        background = question.background.to(question.model.device)
        explain = [Captum(counted.of(k)) for k in range(len(question.outputs))]
        samples = max(1, min(self.samples, question.budget // self.repeats, question.max_batch))
        values, error = repeat_explanation(
            lambda _: attributions_by_row(
                question, lambda x, k: explain[k].attribute(x, background, n_samples=samples), inputs_per_row=samples
            ),
            seed=question.seed,
            repeats=self.repeats,
        )
        return Explanation(
            values=values,
            base=mean_score_of_background(question),
            standard_error=error,
            evaluations=counted.evaluations,
            details=f"{self.repeats} times {samples} random points per row.",
        )
