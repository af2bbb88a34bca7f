"""All checks of an explainer: that of the shapes runs for every declared modality and kind of target, the others for
the first two."""

from __future__ import annotations

from glasshouse.testing.checks.explainers import answers
from glasshouse.testing.checks.explainers.subject import ExplainerSubject
from glasshouse.testing.kit.checks import Check
from glasshouse.testing.kit.common import COMMON_CHECKS
from glasshouse.testing.kit.option_checks import refuses_bad_options

SUBJECT = ExplainerSubject

EXPLAINER_CHECKS = (
    *COMMON_CHECKS,
    *map(
        Check.of,
        (
            refuses_bad_options,
            answers.explanation_has_valid_shapes,
            answers.satisfies_completeness,
            answers.linear_model_has_closed_form,
            answers.unused_feature_has_zero_attribution,
            answers.batch_size_does_not_matter,
            answers.row_order_does_not_matter,
            answers.same_seed_same_explanation,
            answers.sampled_values_have_an_error,
            answers.model_is_not_modified,
            answers.evaluations_are_counted,
            answers.respects_batch_and_budget_limits,
            answers.refuses_what_it_cannot_explain,
            answers.takes_little_time,
        ),
    ),
)
