"""Every run has a folder of its own: a second run never fails and never overwrites the first."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from glasshouse.errors import UserError
from glasshouse.system import distributed

_STANDS_FOR: dict[Path, str] = {}
"""Folders of this machine that were fetched from elsewhere, and the URLs that users know them by."""


def display_as_url(folder: Path, url: str) -> None:
    """From here on `shown` says the URL in place of the folder."""
    _STANDS_FOR[folder] = url


def display_path(path: Path) -> str:
    """A path as its user knows it: itself, or a URL where the folder was fetched from there."""
    for folder, url in _STANDS_FOR.items():
        if path.is_relative_to(folder):
            return "/".join([url, *path.relative_to(folder).parts])
    return str(path)


def new_folder(parent: Path, name: str) -> Path:
    """PARENT/NAME/TIME-ID, freshly made, never one that exists."""
    while True:
        folder = parent / name / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise UserError(f"run_dir '{parent}'", f"cannot be written: {error.strerror}.", "Set `run_dir:`.") from None
        return folder


@contextmanager
def fresh_folder(parent: Path, name: str) -> Iterator[Path]:
    """A new folder for the block to fill; where the block fails it goes again, with the parents made for it."""
    missing = [folder for folder in (parent / name, parent, *parent.parents) if not folder.exists()]
    folder = new_folder(parent, name)
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        for made in missing:
            with suppress(OSError):  # another run may have come to live there
                made.rmdir()
        raise


def writable_parent(parent: Path) -> Path:
    """The parent of run folders, if one can be made there.

    Raises:
        UserError: if it, or the nearest folder above it, is no folder or cannot be written.
    """
    nearest = next(folder for folder in (parent, *parent.absolute().parents) if folder.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        what = "is not a folder" if not nearest.is_dir() else "cannot be written"
        raise UserError(f"run_dir '{parent}'", f"'{nearest}' {what}.", "Set `run_dir:` to a folder that you may write.")
    return parent


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Keep a run's folder for this process while the block runs; the system lets go of it when the process dies.

    Raises:
        UserError: if another process is at work there.
    """
    if not distributed.is_rank_zero():  # it is held by the first of the processes that work there together
        yield
        return
    try:
        import fcntl
    except ImportError:  # Windows: nothing to lock a folder with
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            problem = "another process is at work there."
            raise UserError(str(folder), problem, "Wait for it to end, or end it.") from None
        except OSError:
            pass  # some file systems have no locks
        yield
    finally:
        os.close(handle)
