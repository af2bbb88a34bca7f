"""Checks and their results."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from glasshouse.errors import UserError
from glasshouse.plugins.loading import one_line
from glasshouse.testing.kit.outcomes import CheckFailed, NotApplicable
from glasshouse.testing.kit.subjects import Subject

Status = Literal["passed", "failed", "skipped"]


@dataclass(frozen=True)
class Check:
    """A promise that every component of a kind has to keep.

    `run(subject)` returns None if the promise is kept; otherwise it raises `CheckFailed(reason)` or
    `NotApplicable(reason)`. Any other exception counts as a failure.
    """

    name: str
    promise: str
    """One sentence."""
    run: Callable[[Any], None]

    @classmethod
    def of(cls, run: Callable[[Any], None]) -> Check:
        """A check with the name of its function and, as promise, the function's docstring."""
        return cls(run.__name__, " ".join((inspect.getdoc(run) or "").split()), run)


@dataclass(frozen=True)
class CheckResult:
    """The result of one check of one component."""

    check: str
    promise: str
    status: Status
    reason: str
    """Why it failed or was skipped; empty if it passed."""
    seconds: float


def assert_check(check: Check, subject: Subject) -> None:
    """Run one check.

    Raises:
        CheckFailed: if the promise is broken, or the component raises another exception.
        NotApplicable: if the check does not apply to the component, or a required package is not installed.
        UserError: if there is no such component.
    """
    subject.require()
    try:
        check.run(subject)
    except (CheckFailed, NotApplicable):
        raise
    except (Exception, SystemExit) as error:
        raise CheckFailed(f"raised {one_line(error)}") from error


def run_check(check: Check, subject: Subject) -> CheckResult:
    """Run one check and return its result.

    Raises:
        UserError: if there is no such component.
    """
    start = time.perf_counter()
    status: Status = "passed"
    reason = ""
    try:
        assert_check(check, subject)
    except CheckFailed as error:
        status, reason = "failed", str(error)
    except NotApplicable as error:
        status, reason = "skipped", str(error)
    return CheckResult(check.name, check.promise, status, reason, time.perf_counter() - start)


def run_checks(checks: Iterable[Check], subject: Subject) -> list[CheckResult]:
    """Run all checks; a failure does not stop the others."""
    return [run_check(check, subject) for check in checks]


def expect(condition: bool, reason: str) -> None:
    """Raise `CheckFailed(reason)` unless the condition holds."""
    if not condition:
        raise CheckFailed(reason)


def expect_user_error(build: Callable[[], Any], *, naming: tuple[str, ...], given: str) -> None:
    """Expect a `UserError` with one of the component's names.

    The name without the distribution of ``distribution/name`` suffices, since a component does not know the latter.

    Raises:
        CheckFailed: for no error, another error, or one without a name.
    """
    try:
        build()
    except UserError as error:
        expect(
            any(name.rpartition("/")[2] in f"{error.who} {error.problem}" for name in naming),
            f"given {given}: expected a UserError that names '{naming[0]}', received: {error}",
        )
    except Exception as error:
        raise CheckFailed(f"given {given}: expected a UserError, received {one_line(error)}") from error
    else:
        raise CheckFailed(f"given {given}: expected a UserError, received no error")
