"""All checks of an explainer. That of its answers' shape looks at every modality and kind of target that it declares,
the others at the first two."""

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
            answers.answers_in_shape,
            answers.adds_up,
            answers.linear_model_has_its_closed_form,
            answers.a_feature_without_weight_gets_nothing,
            answers.batch_size_does_not_matter,
            answers.row_order_does_not_matter,
            answers.same_seed_same_answer,
            answers.sampled_values_have_an_error,
            answers.model_is_left_alone,
            answers.evaluations_are_counted,
            answers.keeps_to_its_limits,
            answers.refuses_what_it_cannot_explain,
            answers.takes_little_time,
        ),
    ),
)
