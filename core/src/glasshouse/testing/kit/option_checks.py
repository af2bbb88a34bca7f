"""A check of the options of audits and explainers, which come from a YAML file."""

from __future__ import annotations

import inspect

from glasshouse.errors import UserError
from glasshouse.plugins.loading import one_line
from glasshouse.testing.kit.checks import expect
from glasshouse.testing.kit.outcomes import CheckFailed
from glasshouse.testing.kit.subjects import Subject


def refuses_bad_options(subject: Subject) -> None:
    """An option of the wrong type is refused by the constructor."""
    for name, parameter in inspect.signature(subject.target).parameters.items():
        wrong = _wrong_for(parameter.default)
        if wrong is None:
            continue
        try:
            subject.target(**{**subject.options, name: wrong})
        except UserError as error:
            expect(name in error.problem, f"given {name}={wrong!r}: expected an error with its name, got {error}")
        except (TypeError, ValueError) as error:  # a run converts these to UserError
            expect(
                name in str(error),
                f"given {name}={wrong!r}: expected an error with its name, got {one_line(error)}",
            )
        else:
            raise CheckFailed(f"given {name}={wrong!r}: expected a UserError, received no error")


def _wrong_for(default: object) -> object:
    """A value of another type than this default; None if the type cannot be inferred."""
    if isinstance(default, bool):
        return "perhaps"
    if isinstance(default, (int, float)):
        return "many"
    return {"no": "text"} if isinstance(default, str) else None
