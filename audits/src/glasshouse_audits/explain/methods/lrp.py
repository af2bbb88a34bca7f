"""Layer-wise relevance propagation by captum, epsilon rule.

Bach et al., "On Pixel-Wise Explanations for Non-Linear Classifier Decisions by Layer-Wise Relevance Propagation",
2015: a score is propagated back from layer to layer in proportion to each unit's contribution. The values add up to the
score if no bias absorbs relevance; sigmoid and softmax pass relevance unchanged.
"""

from __future__ import annotations

import warnings

import numpy as np
from glasshouse import Explanation, Question

from glasshouse_audits.explain.methods.batching import attributions_by_row


class LRP:
    """Layer-wise relevance propagation with the epsilon rule."""

    def explain(self, question: Question) -> Explanation:
        from captum import attr
        from captum.attr._core.lrp import SUPPORTED_LAYERS_WITH_RULES, SUPPORTED_NON_LINEAR_LAYERS
        from captum.attr._utils.lrp_rules import IdentityRule

        from glasshouse_audits.explain.methods.network import ScoreNetwork, restored_state
        from glasshouse_audits.explain.methods.unsupported_layers import kind_of, not_explainable, unsupported_layers

        rules = [kind.__name__ for kind in (*SUPPORTED_LAYERS_WITH_RULES, *SUPPORTED_NON_LINEAR_LAYERS)]
        module = question.model.module
        networks = [ScoreNetwork(question, k, centred=False) for k in range(len(question.outputs))]

        def attribute(x, output):  # type: ignore[no-untyped-def]
            # captum removes its rules after every call
            if networks[output].link is not None:
                networks[output].link.rule = IdentityRule()
            return attr.LRP(networks[output]).attribute(x, target=0)

        with restored_state(module), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = unsupported_layers(module, question.rows[:2].to(question.model.device), rules)
            try:
                values = attributions_by_row(question, attribute, inputs_per_row=1)
            except (RuntimeError, TypeError, AssertionError, AttributeError) as error:
                raise not_explainable(error, found) from error
        biased = tuple(
            f"{name} ({kind_of(m)}, whose bias absorbs relevance)"
            for name, m in module.named_modules()
            if getattr(m, "bias", None) is not None and bool(m.bias.any())
        )
        return Explanation(
            values=values,
            base=np.zeros((len(question.rows), len(question.outputs))),
            completeness="promised",
            evaluations=sum(network.evaluations for network in networks),
            details="Epsilon rule; values add up to the score if no bias absorbs relevance.",
            suspects=found + biased,
        )
