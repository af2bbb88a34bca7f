"""The checks as tests: one test a component and check."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from glasshouse.errors import UserError, did_you_mean
from glasshouse.plugins.declarations import Plugin
from glasshouse.testing.kit.checks import Check, assert_check
from glasshouse.testing.kit.kinds import checks_of, subject_of
from glasshouse.testing.kit.outcomes import CheckFailed, NotApplicable
from glasshouse.testing.kit.subjects import Subject

if TYPE_CHECKING:
    import pytest


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

    A check that does not bind a component is skipped with its reason. One that is expected to fail and does is
    reported as xfailed; one that is expected to fail and passes is a failure.

    Args:
        components: short names, ``distribution/name``, or declarations such as ``ModelPlugin(...)``; a
            `glasshouse.testing.subject(...)` brings options of its own.
        kind: ``model``, ``data``, ``optimizer``, ``lr_scheduler``, ``technique``, ``audit``, ``explainer`` or
            ``report_format``.
        options: keywords of the components' constructors, as a configuration gives them.
        data: what they are tried on, where the kind's own tiny data do not fit.
        expected_failures: name of a check -> why it fails for now.

    Raises:
        UserError: for a kind or a check that there is not.
    """
    import pytest

    checks = checks_of(kind)
    expected = dict(expected_failures or {})
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
    """A check as a test calls it: ``check(component)``.

    Args:
        check: the check.
        why_it_fails: why it is expected to fail; None where it is not.
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
