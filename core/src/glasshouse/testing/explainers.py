"""All checks of an explainer. That of its answers' shape looks at every modality and kind of target that it declares,
the others at the first two."""

from __future__ import annotations

from glasshouse.testing import explainer_checks as checks
from glasshouse.testing.checks import Check
from glasshouse.testing.common import COMMON_CHECKS
from glasshouse.testing.explainer_subject import ExplainerSubject
from glasshouse.testing.option_checks import refuses_bad_options

SUBJECT = ExplainerSubject

EXPLAINER_CHECKS = (
    *COMMON_CHECKS,
    *map(
        Check.of,
        (
            refuses_bad_options,
            checks.answers_in_shape,
            checks.adds_up,
            checks.linear_model_has_its_closed_form,
            checks.a_feature_without_weight_gets_nothing,
            checks.batch_size_does_not_matter,
            checks.row_order_does_not_matter,
            checks.same_seed_same_answer,
            checks.sampled_values_have_an_error,
            checks.model_is_left_alone,
            checks.evaluations_are_counted,
            checks.keeps_to_its_limits,
            checks.refuses_what_it_cannot_explain,
            checks.takes_little_time,
        ),
    ),
)
