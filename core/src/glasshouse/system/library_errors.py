"""Library errors that a user can fix, as `UserError`: options that a constructor or Lightning's Trainer rejects."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lightning_fabric.utilities.exceptions import MisconfigurationException

from glasshouse.errors import UserError

_REJECTIONS = (TypeError, ValueError, RuntimeError, AssertionError, ImportError, OSError, MisconfigurationException)
_REMEDY = "Run with --debug for the traceback."


@contextmanager
def user_errors_from_constructor(who: str) -> Iterator[None]:
    """Convert the errors of a constructor in the block to a `UserError`, because they concern the user's options.

    Raises:
        UserError: instead of the error with which the constructor rejects its arguments.
    """
    try:
        yield
    except _REJECTIONS as error:
        first: BaseException = error
        while first.__cause__ is not None:  # jsonargparse wraps the constructor's error in errors of its own
            first = first.__cause__
        if isinstance(first, UserError):
            raise first from None
        message = str(first) or type(first).__name__
        raise UserError(who, f"cannot be created: {message.rstrip('.')}.", _REMEDY) from error


@contextmanager
def user_errors_from_lightning() -> Iterator[None]:
    """Convert errors of Lightning itself in the block to a `UserError`; errors of the model or the data pass through.

    Raises:
        UserError: instead of an error that Lightning's own code raises.
    """
    try:
        yield
    except _REJECTIONS as error:
        if _raised_by_lightning(error):
            raise UserError("trainer", str(error), _REMEDY) from error
        raise


def _raised_by_lightning(error: BaseException) -> bool:
    innermost = error.__traceback__
    while innermost is not None and innermost.tb_next is not None:
        innermost = innermost.tb_next
    module = "" if innermost is None else str(innermost.tb_frame.f_globals.get("__name__"))
    return module.partition(".")[0] in ("pytorch_lightning", "lightning_fabric")
