"""DeepLIFT averaged over the background by the shap library's DeepExplainer (Lundberg and Lee 2017)."""

from __future__ import annotations

import warnings

import numpy as np
from glasshouse import Explanation, Question

from glasshouse_audits.explain.methods.batching import attributions_by_row, mean_score_of_background


class ShapDeep:
    """SHAP's DeepExplainer; the same quantity as `deep_lift_shap`, with rules for more modules (GELU, SELU)."""

    def explain(self, question: Question) -> Explanation:
        import shap
        import torch
        from shap.explainers._deep.deep_pytorch import op_handler

        from glasshouse_audits.explain.methods.network import ScoreNetwork, restored_state
        from glasshouse_audits.explain.methods.unsupported_layers import LINEAR, not_explainable, unsupported_layers

        background = question.background.to(question.model.device)
        parts = torch.tensor_split(background, max(1, -(-2 * len(background) // max(2, question.max_batch))))
        networks = [ScoreNetwork(question, k) for k in range(len(question.outputs))]

        def attribute(x: torch.Tensor, k: int) -> torch.Tensor:
            total = np.zeros(x.shape)
            for part in parts:
                found = shap.DeepExplainer(networks[k], part).shap_values(x, check_additivity=False)
                total += len(part) * np.asarray(found).reshape(x.shape)
            return torch.from_numpy(total / len(background))

        module = question.model.module
        with restored_state(module), warnings.catch_warnings(), torch.enable_grad():
            warnings.simplefilter("ignore")
            found = unsupported_layers(module, question.rows[:2].to(question.model.device), set(op_handler) - LINEAR)
            try:
                # the library takes one row at a time, with the whole background
                values = attributions_by_row(question, attribute, inputs_per_row=1)
            except (RuntimeError, TypeError, AssertionError, AttributeError) as error:
                raise not_explainable(error, found) from error
        return Explanation(
            values=values,
            base=mean_score_of_background(question),
            completeness="promised",
            evaluations=sum(network.evaluations for network in networks),
            details=f"Averaged over {len(question.background)} background rows.",
            suspects=found,
        )
