"""Shapley values by the shap library's SamplingExplainer (Strumbelj and Kononenko 2010)."""

from __future__ import annotations

import warnings

import numpy as np
from glasshouse import Explanation, Question
from numpy.typing import NDArray

from glasshouse_audits.explain.methods.batching import mean_score_of_background
from glasshouse_audits.explain.methods.feature_groups import FeatureGroups
from glasshouse_audits.explain.methods.repeats import repeat_explanation
from glasshouse_audits.option_checks import whole_number


class ShapSampling:
    """SHAP's sampled Shapley values; slow, row by row in Python.

    Args:
        samples: pairs of evaluations for each row in each repeat; at least two for each feature.
        repeats: independent repeats, whose spread gives the standard error.
    """

    def __init__(self, *, samples: int = 500, repeats: int = 2) -> None:
        self.samples = whole_number("explainer 'shap_sampling'", "samples", samples, minimum=2)
        self.repeats = whole_number("explainer 'shap_sampling'", "repeats", repeats, minimum=2)

    def explain(self, question: Question) -> Explanation:
        import shap

        groups = FeatureGroups(question)
        # The library evaluates two inputs for each sample, and the background.
        paid = (question.budget // self.repeats - len(question.background)) // 2
        samples = max(2 * groups.features, min(self.samples, paid))

        def explain_once(_: int) -> NDArray[np.float64]:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                explainer = shap.SamplingExplainer(groups.score, groups.background)
                attributions = []
                for row in range(len(question.rows)):
                    groups.select_row(row)
                    found = explainer.shap_values(groups.row, nsamples=samples, silent=True)
                    attributions.append(np.asarray(found, dtype=np.float64).reshape(groups.features, -1))
            return np.stack(attributions)

        values, error = repeat_explanation(explain_once, seed=question.seed, repeats=self.repeats)
        return Explanation(
            values=values,
            base=mean_score_of_background(question),
            completeness="construction",
            standard_error=error,
            evaluations=groups.evaluations,
            details=f"{self.repeats} times {samples} samples per row.",
        )
