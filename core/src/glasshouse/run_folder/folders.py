"""Each run has its own folder: a second run never overwrites the first."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from glasshouse.errors import UserError
from glasshouse.system import distributed

LOCK = ".lock"
"""The file by which processes lock a run's folder; it is not part of the run."""

_URLS: dict[Path, str] = {}
"""Local copies of remote folders, and the URLs to display in their place."""


def display_as_url(folder: Path, url: str) -> None:
    """Let `display_path` show `url` in place of a local folder."""
    _URLS[folder] = url


def display_path(path: Path) -> str:
    """The text of a path for users: a local copy of a remote folder is shown by its URL."""
    for folder, url in _URLS.items():
        if path.is_relative_to(folder):
            return "/".join([url, *path.relative_to(folder).parts])
    return str(path)


def new_folder(parent: Path, name: str) -> Path:
    """Create PARENT/NAME/TIME-ID; an existing folder is never reused."""
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
    """Create a folder for the block to fill; if the block fails, remove it and the parents created for it."""
    missing = [folder for folder in (parent / name, parent, *parent.parents) if not folder.exists()]
    folder = new_folder(parent, name)
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        for made in missing:
            with suppress(OSError):  # another run may use it by now
                made.rmdir()
        raise


def writable_parent(parent: Path) -> Path:
    """Check that run folders can be created below `parent`, and return it.

    Raises:
        UserError: if it, or its nearest existing parent, is not a folder or is not writable.
    """
    nearest = next(folder for folder in (parent, *parent.absolute().parents) if folder.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        what = "is not a folder" if not nearest.is_dir() else "cannot be written"
        raise UserError(f"run_dir '{parent}'", f"'{nearest}' {what}.", "Set `run_dir:` to a folder that you may write.")
    return parent


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Lock a run's folder for this process during the block; the system releases the lock when the process dies.

    Of the processes of a distributed run, rank 0 holds the lock. The file `.lock` stays in the folder; manifest and
    mirror ignore it.

    Raises:
        UserError: if another process has locked the folder.
    """
    if not distributed.is_rank_zero():
        yield
        return
    from filelock import FileLock, Timeout

    lock = FileLock(folder / LOCK)
    with ExitStack() as stack:
        try:
            stack.enter_context(lock.acquire(timeout=0))
        except Timeout:
            problem = "another process is using this folder."
            raise UserError(str(folder), problem, "Wait until it ends, or stop it.") from None
        except (OSError, NotImplementedError):
            # A read-only folder, or a file system without locks: continue without one, since writing to a folder
            # that cannot be written has an error of its own.
            pass
        yield
