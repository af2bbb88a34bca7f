"""All checks of an audit: those of its results run for every declared modality and kind of target, those with modified
evidence for one modality of each kind of target."""

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
            results.runs_on_every_declared_kind,
            results.result_has_name_and_family,
            results.result_fits_the_schema,
            results.result_contains_all_options,
            results.undefined_has_a_reason,
            results.rates_have_counts,
            results.intervals_contain_their_value,
            results.names_exist_in_the_data,
            results.every_group_is_reported,
            results.takes_little_time,
            behaviour.same_seed_same_result,
            behaviour.row_order_does_not_matter,
            behaviour.evidence_is_not_modified,
            behaviour.runs_with_required_evidence_only,
            behaviour.reads_only_declared_evidence,
            behaviour.runs_without_optional_evidence,
            behaviour.tables_suffice,
            behaviour.no_single_row_is_disclosed,
            extremes.empty_split,
            extremes.one_row,
            extremes.one_class,
            extremes.huge_values,
            extremes.nan_scores,
        ),
    ),
)
