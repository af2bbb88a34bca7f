"""All checks of a model.

Checks of outputs run for every declared modality and kind of target; checks of training for the first one only.
"""

from __future__ import annotations

from glasshouse.testing.checks.models import answers, keeping, training
from glasshouse.testing.checks.models.subject import ModelSubject
from glasshouse.testing.kit.checks import Check
from glasshouse.testing.kit.common import COMMON_CHECKS

SUBJECT = ModelSubject

MODEL_CHECKS = (
    *COMMON_CHECKS,
    *map(
        Check.of,
        (
            keeping.builds_from_sizes,
            keeping.refuses_bad_sizes,
            answers.output_shape,
            answers.output_dtype,
            answers.output_is_finite,
            answers.scores_are_probabilities,
            answers.one_row_equals_the_batch,
            answers.row_order_is_kept,
            answers.empty_batch,
            answers.nan_propagates,
            answers.huge_values_stay_in_their_row,
            answers.evaluation_is_repeatable,
            answers.evaluation_changes_nothing,
            answers.inputs_are_not_modified,
            answers.gradients_reach_the_inputs,
            answers.provides_what_it_declares,
            training.gradients_reach_every_parameter,
            training.learns_an_easy_problem,
            training.same_seed_same_weights,
            training.same_seed_same_training,
            training.copies_share_no_weights,
            training.a_step_takes_little_time,
            training.a_step_takes_little_memory,
            keeping.options_are_plain_values,
            keeping.state_dict_round_trip,
            keeping.rebuilds_in_a_fresh_process,
            keeping.all_tensors_are_registered,
            keeping.works_in_double_precision,
        ),
    ),
)
