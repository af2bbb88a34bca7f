"""What a check is, and what comes of it."""

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
    """One promise that every component of a kind makes.

    `run(subject)` returns None where the promise is kept, and raises `CheckFailed(reason)` or `NotApplicable(reason)`
    elsewhere. Whatever else it raises counts as broken, since a component that crashes keeps no promise.
    """

    name: str
    promise: str
    """One sentence."""
    run: Callable[[Any], None]

    @classmethod
    def of(cls, run: Callable[[Any], None]) -> Check:
        """A check called as its function, whose docstring is the promise."""
        return cls(run.__name__, " ".join((inspect.getdoc(run) or "").split()), run)


@dataclass(frozen=True)
class CheckResult:
    """What came of one check of one component."""

    check: str
    promise: str
    status: Status
    reason: str
    """Why it failed or was skipped; empty where it passed."""
    seconds: float


def assert_check(check: Check, subject: Subject) -> None:
    """Run one check.

    Raises:
        CheckFailed: where the promise is broken, whatever the component raised.
        NotApplicable: where it does not bind the component, or what the component needs is not installed.
        UserError: where the component cannot be found at all.
    """
    subject.require()
    try:
        check.run(subject)
    except (CheckFailed, NotApplicable):
        raise
    except (Exception, SystemExit) as error:
        raise CheckFailed(f"raised {one_line(error)}") from error


def run_check(check: Check, subject: Subject) -> CheckResult:
    """Run one check and say what came of it.

    Raises:
        UserError: where the component cannot be found at all.
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
    """Run checks one after another; one that fails does not stop the others."""
    return [run_check(check, subject) for check in checks]


def expect(condition: bool, reason: str) -> None:
    """Raise `CheckFailed(reason)` unless the condition holds."""
    if not condition:
        raise CheckFailed(reason)


def expect_user_error(build: Callable[[], Any], *, naming: tuple[str, ...], given: str) -> None:
    """Expect a `UserError` that names the component, by one of its names, in place of silence or of another error.

    Of ``distribution/name`` the name will do, since a component does not know its distribution.

    Raises:
        CheckFailed: saying what came instead.
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
