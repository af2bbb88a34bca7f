"""Errors that a library raises and a user can mend: options that a constructor or Lightning's Trainer refuses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lightning_fabric.utilities.exceptions import MisconfigurationException

from glasshouse.errors import UserError

_REFUSALS = (TypeError, ValueError, RuntimeError, AssertionError, ImportError, OSError, MisconfigurationException)
_REMEDY = "See the place with --debug."


@contextmanager
def user_errors_from_constructor(who: str) -> Iterator[None]:
    """What a class says of the options that it was given is for the user, not a defect of ours.

    Raises:
        UserError: in place of the errors by which constructors refuse their arguments.
    """
    try:
        yield
    except _REFUSALS as error:
        first: BaseException = error
        while first.__cause__ is not None:  # jsonargparse wraps what a constructor raises in its own scaffolding
            first = first.__cause__
        if isinstance(first, UserError):
            raise first from None
        said = str(first) or type(first).__name__
        raise UserError(who, f"cannot be made: {said.rstrip('.')}.", _REMEDY) from error


@contextmanager
def user_errors_from_lightning() -> Iterator[None]:
    """What Lightning itself refuses, as against an error of the model or the data that it calls.

    Raises:
        UserError: in place of an error that comes from Lightning's own code.
    """
    try:
        yield
    except _REFUSALS as error:
        if _is_lightnings(error):
            raise UserError("trainer", str(error), _REMEDY) from error
        raise


def _is_lightnings(error: BaseException) -> bool:
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    module = "" if place is None else str(place.tb_frame.f_globals.get("__name__"))
    return module.partition(".")[0] in ("pytorch_lightning", "lightning_fabric")
