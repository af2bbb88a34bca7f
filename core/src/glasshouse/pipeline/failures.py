"""Errors that end a run, as messages that name the cause and the remedy."""

from __future__ import annotations

import errno
import shlex
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from glasshouse.config.global_options import split_options
from glasshouse.errors import UserError
from glasshouse.system.atomic_files import write_atomic
from glasshouse.system.exception_text import text_of, traceback_of
from glasshouse.system.redaction import redact

TRACEBACK = "error.txt"
"""The file in a run's folder with the traceback of the error that ended it."""

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_MACHINERY = ("glasshouse", "torch", "pytorch_lightning", "lightning", "lightning_fabric", "lightning_utilities")
_STANDARD = (*sys.stdlib_module_names, "fsspec", "numpy", "pyarrow", "jsonargparse", "pluggy")


def as_user_error(error: BaseException, folder: Path) -> BaseException:
    """The error itself, or a `UserError` in its place.

    A full disk, a deleted folder and an error in the user's own code are not defects of glasshouse.
    """
    if isinstance(error, UserError) or not isinstance(error, (Exception, SystemExit)):
        return error
    with suppress(OSError):
        if folder.is_dir():
            write_atomic(folder / TRACEBACK, redact(traceback_of(error)))
    remedy = f"Free disk space, then resume with `{resume_command(folder)}`."
    text = " ".join(text_of(error).split()) or type(error).__name__
    if not folder.is_dir():
        return UserError(str(folder), f"is gone: it was deleted or moved while the run wrote there ({text}).")
    if any(isinstance(each, OSError) and each.errno in _NO_ROOM for each in _chain(error)):
        return UserError(str(folder), f"cannot be written: {text}.", remedy)
    if (found := _in_own_code(error, folder / TRACEBACK)) is None and isinstance(error, SystemExit):
        return UserError("the run", f"was left by sys.exit({text}).", f"The traceback is in {folder / TRACEBACK}.")
    return found or error


@contextmanager
def errors_of_own_code() -> Iterator[None]:
    """Report errors in the user's own code or in a plugin's as such, before a run has a folder.

    The traceback is written to a temporary file that the message names.

    Raises:
        UserError: in place of such an error.
    """
    try:
        yield
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        if _own_frame(error) is None:
            raise
        with tempfile.NamedTemporaryFile("w", prefix="glasshouse-error-", suffix=".txt", delete=False) as file:
            file.write(redact(traceback_of(error)))
        raise _in_own_code(error, Path(file.name)) or error from error


def _in_own_code(error: BaseException, written: Path) -> UserError | None:
    """An error in the user's own code or in a plugin's, by its place; None for others."""
    frame = _own_frame(error)
    if frame is None:
        return None
    package, file = _package(frame), Path(frame.f_code.co_filename)
    owner = "" if package == file.stem else f"{package}: "
    where = f"{owner}{file.name}, line {_line(error, frame)}, in {frame.f_code.co_qualname}"
    text = " ".join(text_of(error).split()) or type(error).__name__
    remedy = f"The traceback is in {written}; --debug shows it."
    return UserError(where, f"{type(error).__name__}: {text.rstrip('.')}.", remedy)


def resume_command(folder: Path | str) -> str:
    """The command that resumes the run in a folder, with the options that name its plugins."""
    _, _, given = split_options(sys.argv[1:])
    options = [part for option, values in given.items() for value in values for part in (option, value)]
    return shlex.join(["glasshouse", "run", "--resume", str(folder), *options])


def _chain(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in found:
        found.append(link)
        link = link.__cause__ or link.__context__
    return found


def _own_frame(error: BaseException) -> FrameType | None:
    """The frame of the user's or a plugin's code that raised an error or called what raised it; None without one."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    own = [frame for frame in frames if _package(frame) not in (*_MACHINERY, *_STANDARD)]
    return next((frame for frame in reversed(own) if _package(frame) == _package(own[0])), None)


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def _line(error: BaseException, frame: FrameType) -> int:
    return next(line for each, line in traceback.walk_tb(error.__traceback__) if each is frame)
