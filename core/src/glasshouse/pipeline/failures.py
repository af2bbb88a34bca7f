"""What ended a run, said so that its user knows whose part it is and what to do."""

from __future__ import annotations

import errno
import shlex
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from types import FrameType

from glasshouse.config.global_options import split_options
from glasshouse.errors import UserError
from glasshouse.system.atomic_files import write_atomic
from glasshouse.system.redaction import redact

TRACEBACK = "error.txt"
"""Where in a run's folder the traceback of what ended it lies."""

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_MACHINERY = ("glasshouse", "torch", "pytorch_lightning", "lightning", "lightning_fabric", "lightning_utilities")
_STANDARD = (*sys.stdlib_module_names, "fsspec", "numpy", "pyarrow", "jsonargparse", "pluggy")


def as_user_error(error: BaseException, folder: Path) -> BaseException:
    """The error as its user should hear of it: itself, or a `UserError` in its place.

    A disk without room, a folder that is gone, and what the user's own code raises are no defects of ours.
    """
    if not isinstance(error, Exception) or isinstance(error, UserError):
        return error
    with suppress(OSError):
        if folder.is_dir():
            write_atomic(folder / TRACEBACK, redact("".join(traceback.format_exception(error))))
    go_on = f"Make room, then go on with `{resume_command(folder)}`."
    said = " ".join(str(error).split()) or type(error).__name__
    if not folder.is_dir():
        return UserError(str(folder), f"is gone: it was deleted or moved while the run wrote there ({said}).")
    if any(isinstance(each, OSError) and each.errno in _NO_ROOM for each in _chain(error)):
        return UserError(str(folder), f"cannot be written: {said}.", go_on)
    if (frame := _own_frame(error)) is not None:
        where = f"{Path(frame.f_code.co_filename).name}, line {_line(error, frame)}, in {frame.f_code.co_qualname}"
        remedy = f"The traceback is in {folder / TRACEBACK}; --debug shows it."
        return UserError(where, f"{type(error).__name__}: {said.rstrip('.')}.", remedy)
    return error


def resume_command(folder: Path | str) -> str:
    """What to type to go on with the run in a folder, with the options that say where its plugins are."""
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
    """Where the user's or a plugin's code raised an error, or called what did; None if it came through none."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    own = [frame for frame in frames if _package(frame) not in (*_MACHINERY, *_STANDARD)]
    return next((frame for frame in reversed(own) if _package(frame) == _package(own[0])), None)


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def _line(error: BaseException, frame: FrameType) -> int:
    return next(line for each, line in traceback.walk_tb(error.__traceback__) if each is frame)
