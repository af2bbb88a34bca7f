"""Expected gradients by the shap library's GradientExplainer."""

from __future__ import annotations

import numpy as np
from glasshouse import Explanation, Question
from numpy.typing import NDArray

from glasshouse_audits.explain.methods.batching import attributions_by_row, mean_score_of_background
from glasshouse_audits.explain.methods.repeats import repeat_explanation
from glasshouse_audits.option_checks import whole_number


class ShapGradient:
    """SHAP's expected gradients; the same quantity as `gradient_shap`, sampled row by row in Python.

    Args:
        samples: random points for each row in each repeat.
        repeats: independent repeats, whose spread gives the standard error.
    """

    def __init__(self, *, samples: int = 50, repeats: int = 4) -> None:
        self.samples = whole_number("explainer 'shap_gradient'", "samples", samples, minimum=2)
        self.repeats = whole_number("explainer 'shap_gradient'", "repeats", repeats, minimum=2)

    def explain(self, question: Question) -> Explanation:
        import shap
        import torch

        from glasshouse_audits.explain.methods.network import ScoreNetwork, restored_state

        background = question.background.to(question.model.device)
        samples = max(2, min(self.samples, question.budget // self.repeats))
        networks = [ScoreNetwork(question, k) for k in range(len(question.outputs))]
        at_once = max(1, min(samples, question.max_batch))

        def explain_once(seed: int) -> NDArray[np.float64]:
            # The library scores its whole background at once; of a larger one each repeat takes a random part.
            some = background[torch.randperm(len(background))[: question.max_batch].to(background.device)]
            explainers = [shap.GradientExplainer(network, some, batch_size=at_once) for network in networks]

            def attribute(x: torch.Tensor, k: int) -> torch.Tensor:
                found = explainers[k].shap_values(x, nsamples=samples, rseed=seed % 2**32)
                return torch.from_numpy(np.asarray(found).reshape(x.shape))

            return attributions_by_row(question, attribute, inputs_per_row=at_once)

        with restored_state(question.model.module), torch.enable_grad():
            values, error = repeat_explanation(explain_once, seed=question.seed, repeats=self.repeats)
        return Explanation(
            values=values,
            base=mean_score_of_background(question),
            standard_error=error,
            evaluations=sum(network.evaluations for network in networks),
            details=f"{self.repeats} times {samples} random points per row.",
        )
