"""All checks of an audit. Those of its results look at every modality and kind of target that it declares; those that
try it on changed evidence look at one modality for each kind of target."""

from __future__ import annotations

from glasshouse.testing.checks.audits import behaviour, extremes, results
from glasshouse.testing.checks.audits.subject import AuditSubject
from glasshouse.testing.kit.checks import Check
from glasshouse.testing.kit.common import COMMON_CHECKS
from glasshouse.testing.kit.option_checks import refuses_bad_options

SUBJECT = AuditSubject

AUDIT_CHECKS = (
    *COMMON_CHECKS,
    *map(
        Check.of,
        (
            results.requires_are_known,
            refuses_bad_options,
            results.measures_all_that_it_declares,
            results.says_who_it_is,
            results.result_fits_the_schema,
            results.says_its_options,
            results.undefined_has_a_reason,
            results.counts_go_with_rates,
            results.intervals_hold_their_value,
            results.names_what_is_declared,
            results.no_group_vanishes,
            results.takes_little_time,
            behaviour.same_seed_same_result,
            behaviour.row_order_does_not_matter,
            behaviour.evidence_is_left_alone,
            behaviour.needs_no_more_than_it_requires,
            behaviour.looks_at_no_more_than_it_declares,
            behaviour.does_without_what_it_uses,
            behaviour.tables_suffice,
            behaviour.no_rows_are_told,
            extremes.empty_split,
            extremes.one_row,
            extremes.one_class,
            extremes.huge_values,
            extremes.nan_scores,
        ),
    ),
)
