"""Checks as pytest tests: one test per component and check."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from glasshouse.errors import PluginWarning, UserError, did_you_mean
from glasshouse.plugins.declarations import Plugin
from glasshouse.testing.kit.checks import Check, assert_check
from glasshouse.testing.kit.kinds import checks_of, subject_of
from glasshouse.testing.kit.outcomes import CheckFailed, NotApplicable
from glasshouse.testing.kit.subjects import Subject

if TYPE_CHECKING:
    import pytest

_RENAMED = {
    "a_feature_without_weight_gets_nothing": "unused_feature_has_zero_attribution",
    "adds_up": "satisfies_completeness",
    "answers_in_shape": "explanation_has_valid_shapes",
    "being_made_changes_nothing": "construction_has_no_side_effects",
    "copies_share_nothing": "copies_share_no_weights",
    "counts_go_with_rates": "rates_have_counts",
    "describes_itself": "is_documented",
    "does_without_what_it_uses": "runs_without_optional_evidence",
    "evidence_is_left_alone": "evidence_is_not_modified",
    "info_holds_no_rows": "info_contains_no_rows",
    "intervals_hold_their_value": "intervals_contain_their_value",
    "keeps_to_its_limits": "respects_batch_and_budget_limits",
    "learns_from_training_rows_alone": "fits_on_training_rows_only",
    "leaves_no_tensor_behind": "all_tensors_are_registered",
    "leaves_the_model_as_it_was_made": "leaves_no_changes_in_the_model",
    "linear_model_has_its_closed_form": "linear_model_has_closed_form",
    "looks_at_no_more_than_it_declares": "reads_only_declared_evidence",
    "measures_all_that_it_declares": "runs_on_every_declared_kind",
    "model_is_left_alone": "model_is_not_modified",
    "names_what_is_declared": "names_exist_in_the_data",
    "nan_is_not_hidden": "nan_propagates",
    "needs_no_more_than_it_requires": "runs_with_required_evidence_only",
    "no_group_vanishes": "every_group_is_reported",
    "no_rows_are_told": "no_single_row_is_disclosed",
    "parameter_groups_are_honoured": "parameter_groups_are_respected",
    "rates_are_usable": "learning_rates_are_valid",
    "record_is_left_alone": "record_is_not_modified",
    "refuses_a_batch_size_of_none": "refuses_batch_size_zero",
    "refuses_a_negative_rate": "refuses_negative_learning_rate",
    "renders_the_same_again": "rendering_is_deterministic",
    "rows_are_as_many_as_said": "row_counts_match_the_info",
    "same_rates_twice": "schedule_is_deterministic",
    "same_seed_same_answer": "same_seed_same_explanation",
    "same_steps_twice": "steps_are_deterministic",
    "says_its_options": "result_contains_all_options",
    "says_who_it_is": "result_has_name_and_family",
    "takes_a_closure": "calls_the_closure",
    "the_rate_can_be_scheduled": "learning_rate_can_be_scheduled",
    "validation_is_that_of_the_model": "validation_uses_the_plain_model",
}
"""Former name of a check -> its name; the former names are accepted until glasshouse 0.3."""


def parametrize_with_checks(
    components: Iterable[str | Plugin | Subject],
    *,
    kind: str,
    options: Mapping[str, Any] | None = None,
    data: Any = None,
    expected_failures: Mapping[str, str] | None = None,
) -> pytest.MarkDecorator:
    """Decorate a test with every check of every component::

        from glasshouse.testing import parametrize_with_checks

        @parametrize_with_checks(["line"], kind="model")
        def test_line(component, check):
            check(component)

    A check that does not apply to a component is skipped with its reason. An expected failure is reported as xfailed;
    a check that passes although it is expected to fail is a failure.

    Args:
        components: short names, ``distribution/name``, or declarations such as ``ModelPlugin(...)``; a
            `glasshouse.testing.subject(...)` has its own options.
        kind: ``model``, ``data``, ``optimizer``, ``lr_scheduler``, ``technique``, ``audit``, ``explainer`` or
            ``report_format``.
        options: arguments of the components' constructors, as in a configuration.
        data: replaces the tiny data of the kind.
        expected_failures: name of a check -> why it is expected to fail.

    Raises:
        UserError: for an unknown kind or check.
    """
    import pytest

    checks = checks_of(kind)
    expected: dict[str, str] = {}
    for name, why in (expected_failures or {}).items():
        expected[_current_name(name)] = why
    names = [check.name for check in checks]
    for name in expected:
        if name not in names:
            raise UserError(
                "expected_failures", f"there is no check '{name}' of kind {kind}.", did_you_mean(name, names, most=99)
            )
    subjects = [subject_of(component, kind=kind, options=options, data=data) for component in components]
    return pytest.mark.parametrize(
        ("component", "check"),
        [
            pytest.param(subject, TestableCheck(check, expected.get(check.name)), id=f"{subject.name}-{check.name}")
            for subject in subjects
            for check in checks
        ],
    )


class TestableCheck:
    """A check that a test calls: ``check(component)``.

    Args:
        check: the check.
        why_it_fails: why it is expected to fail; None if it is not.
    """

    __test__ = False

    def __init__(self, check: Check, why_it_fails: str | None = None) -> None:
        self.check = check
        self.why_it_fails = why_it_fails

    def __call__(self, component: Subject) -> None:
        """Pass, fail with the reason, skip, or xfail."""
        import pytest

        __tracebackhide__ = True
        try:
            assert_check(self.check, component)
        except NotApplicable as error:
            pytest.skip(str(error))
        except CheckFailed as error:
            if self.why_it_fails is not None:
                pytest.xfail(f"{self.why_it_fails} ({error})")
            raise CheckFailed(f"{component.who}: {error}\n(promised: {self.check.promise})") from error.__cause__
        if self.why_it_fails is not None:
            raise CheckFailed(
                f"{component.who} keeps '{self.check.name}', which expected_failures says it breaks "
                f"({self.why_it_fails}): remove the entry."
            )

    def __repr__(self) -> str:
        return self.check.name


def _current_name(check: str) -> str:
    if check not in _RENAMED:
        return check
    message = f"the check {check} is now {_RENAMED[check]}; the old name goes in glasshouse 0.3."
    warnings.warn(PluginWarning(message), stacklevel=3)
    return _RENAMED[check]
