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


def switch(audit: str, name: str, value: object) -> bool:
    """`value`, if it is true or false.

    Raises:
        UserError: otherwise.
    """
    if not isinstance(value, bool):
        raise UserError(f"audit '{audit}'", f"{name} is {value!r}; expected true or false.")
    return value
