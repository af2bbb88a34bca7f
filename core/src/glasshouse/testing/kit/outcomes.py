"""Outcomes of a check that does not pass: failed, or not applicable."""

from __future__ import annotations


class CheckFailed(AssertionError):  # noqa: N818  (an outcome, not an error of the kit)
    """The component breaks the promise; the text has what was expected and what was received."""


class NotApplicable(Exception):  # noqa: N818  (likewise)
    """The check does not apply to this component; the text has the reason."""
