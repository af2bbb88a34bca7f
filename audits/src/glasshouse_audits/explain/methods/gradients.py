"""Single gradients through captum: the slope of a score at a row."""

from __future__ import annotations

from glasshouse import Explanation, Question

from glasshouse_audits.explain.methods.batching import CountedScore, attributions_by_row, mean_score_of_background
from glasshouse_audits.explain.methods.repeats import repeat_explanation
from glasshouse_audits.option_checks import whole_number


class Saliency:
    """|gradient| (Simonyan, Vedaldi and Zisserman, "Deep Inside Convolutional Networks", 2014).

    In units of the score per unit of the encoded input; it adds up to nothing.
    """

    def explain(self, question: Question) -> Explanation:
        from captum.attr import Saliency as Captum

        counted = CountedScore(question)
        explain = [Captum(counted.of(k)) for k in range(len(question.outputs))]
        values = attributions_by_row(question, lambda x, k: explain[k].attribute(x), inputs_per_row=1)
        details = "Size of the gradient at the row itself, in units of the score per unit of the encoded input."
        return Explanation(values=values, evaluations=counted.evaluations, details=details)


class InputXGradient:
    """Gradient times encoded input (Shrikumar et al., "Not Just a Black Box", 2016).

    A baseline of zero in the encoding is implied, whatever zero means there.
    """

    def explain(self, question: Question) -> Explanation:
        from captum.attr import InputXGradient as Captum

        counted = CountedScore(question)
        explain = [Captum(counted.of(k)) for k in range(len(question.outputs))]
        values = attributions_by_row(question, lambda x, k: explain[k].attribute(x), inputs_per_row=1)
        details = "Gradient at the row itself times the encoded input."
        return Explanation(values=values, evaluations=counted.evaluations, details=details)


class GradientShap:
    """Expected gradients.

    Args:
        samples: random points for each row in one answer.
        repeats: independent answers, whose spread tells the standard error.
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
            details=f"{self.repeats} times {samples} random points a row.",
        )
