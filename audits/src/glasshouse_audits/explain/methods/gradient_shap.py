"""Expected gradients through captum's GradientShap.

Integrated gradients averaged over baselines from the background (Erion et al., "Improving performance of deep learning
models with axiomatic attribution priors and expected gradients", 2021), sampled: a random background row and a
random point on the line from it to the row at a time.
"""

from __future__ import annotations

from glasshouse import Explanation, Question

from glasshouse_audits.explain.methods.asking import Counted, by_row, mean_score_of_background, whole
from glasshouse_audits.explain.methods.repeats import repeated


class GradientShap:
    """Expected gradients.

    Args:
        samples: random points for each row in one answer.
        repeats: independent answers, whose spread tells the standard error.
    """

    def __init__(self, *, samples: int = 50, repeats: int = 8) -> None:
        self.samples = whole("gradient_shap", "samples", samples, least=1)
        self.repeats = whole("gradient_shap", "repeats", repeats, least=2)

    def explain(self, question: Question) -> Explanation:
        from captum.attr import GradientShap as Captum

        counted = Counted(question)
        background = question.background.to(question.model.device)
        explain = [Captum(counted.of(k)) for k in range(len(question.outputs))]
        samples = max(1, min(self.samples, question.budget // self.repeats, question.max_batch))
        values, error = repeated(
            lambda _: by_row(
                question, lambda x, k: explain[k].attribute(x, background, n_samples=samples), held=samples
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
