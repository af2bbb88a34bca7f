"""How a check ends early: the component fails it, or it does not apply."""

from __future__ import annotations


class CheckFailed(AssertionError):  # noqa: N818  (a verdict, not an error of the kit)
    """A component breaks a promise; the text says what was expected and what was received."""


class NotApplicable(Exception):  # noqa: N818  (neither: the promise is not made)
    """A promise does not bind this component; the text says why."""
