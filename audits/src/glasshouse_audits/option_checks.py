"""Checks of the options of audits and explainers: each returns the value, or raises a `UserError` at construction.

`who` names the component as messages do: ``audit 'fairness'``, ``explainer 'lime'``.
"""

from __future__ import annotations

from collections.abc import Sequence

from glasshouse import UserError


def whole_number(who: str, option: str, value: object, *, minimum: int) -> int:
    """`value`, if it is a whole number of at least `minimum`.

    Raises:
        UserError: otherwise.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
        raise UserError(who, f"{option} is {value!r}; expected a whole number >= {minimum}.")
    return value


def positive_number(who: str, option: str, value: object) -> float:
    """`value`, if it is a number above 0.

    Raises:
        UserError: otherwise.
    """
    if not _is_number(value) or not value > 0:  # type: ignore[operator]
        raise UserError(who, f"{option} is {value!r}; expected a number above 0.")
    return float(value)  # type: ignore[arg-type]


def fraction(who: str, option: str, value: object) -> float:
    """`value`, if it is a number from 0 to 1, both included.

    Raises:
        UserError: otherwise.
    """
    if not _is_number(value) or not 0 <= value <= 1:  # type: ignore[operator]
        raise UserError(who, f"{option} is {value!r}; expected a number from 0 to 1.")
    return float(value)  # type: ignore[arg-type]


def inner_fraction(who: str, option: str, value: object) -> float:
    """`value`, if it is a number between 0 and 1, neither included.

    Raises:
        UserError: otherwise.
    """
    if not _is_number(value) or not 0 < value < 1:  # type: ignore[operator]
        raise UserError(who, f"{option} is {value!r}; expected a number above 0 and below 1.")
    return float(value)  # type: ignore[arg-type]


def true_or_false(who: str, option: str, value: object) -> bool:
    """`value`, if it is a bool.

    Raises:
        UserError: otherwise.
    """
    if not isinstance(value, bool):
        raise UserError(who, f"{option} is {value!r}; expected true or false.")
    return value


def one_of(who: str, option: str, value: object, known: Sequence[str]) -> str:
    """`value`, if it is one of the `known` words.

    Raises:
        UserError: otherwise.
    """
    if not isinstance(value, str) or value not in known:
        *others, last = known
        expected = f"{', '.join(others)} or {last}" if others else last
        raise UserError(who, f"{option} is {value!r}; expected {expected}.")
    return value


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
