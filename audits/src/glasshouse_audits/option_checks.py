"""Options of audits come from a YAML file: refused at once where they have the wrong type or size."""

from __future__ import annotations

from glasshouse import UserError


def whole_number(audit: str, name: str, value: object, *, least: int) -> int:
    """`value`, if it is a whole number of at least `least`.

    Raises:
        UserError: otherwise.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise UserError(f"audit '{audit}'", f"{name} is {value!r}; expected a whole number >= {least}.")
    return value


def share(audit: str, name: str, value: object) -> float:
    """`value`, if it is a number from 0 to 1.

    Raises:
        UserError: otherwise.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise UserError(f"audit '{audit}'", f"{name} is {value!r}; expected a number from 0 to 1.")
    return float(value)


def switch(audit: str, name: str, value: object) -> bool:
    """`value`, if it is true or false.

    Raises:
        UserError: otherwise.
    """
    if not isinstance(value, bool):
        raise UserError(f"audit '{audit}'", f"{name} is {value!r}; expected true or false.")
    return value
