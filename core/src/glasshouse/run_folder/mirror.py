"""Run folders on remote file systems, by URL (``s3://``, ``gs://``, ``ftp://``): a local folder and its remote mirror.

Training needs a local disk: checkpoints are replaced atomically, folders are locked, processes share files. A run whose
`run_dir` is a URL therefore writes to a local folder. Changed files are uploaded when a stage or an audit ends, and,
at most every `SEND_INTERVAL` seconds, when an epoch begins. To resume a run on another machine, it is downloaded first.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from glasshouse.errors import UserError
from glasshouse.run_folder.folders import LOCK, display_as_url, lock_folder, writable_parent
from glasshouse.run_folder.safe_names import path_inside
from glasshouse.system.atomic_files import PARTIAL
from glasshouse.system.redaction import redact

if TYPE_CHECKING:
    from pytorch_lightning import Callback

SEND_INTERVAL = 30.0
"""Seconds between two uploads during training: at most this much work is lost with the machine."""
_LISTED = ("config.yaml", "record.json")
_FLAGS = ("--force", "--gate", "--json")
"""Options without a value: the argument after one of them may be a run's folder."""
_WRITING = ("audit", "report")
"""Commands that change a finished run."""


def is_url(place: object) -> bool:
    """Whether a place is a URL."""
    return "://" in str(place)


def parent_of_runs(run_dir: str) -> Path:
    """The local folder for runs of `run_dir`, which is a folder or a URL.

    Raises:
        UserError: if `run_dir` cannot be written.
    """
    if not is_url(run_dir):
        return writable_parent(Path(run_dir))
    with _storage_errors(run_dir, "written"):
        system, root = _system(run_dir)
        system.makedirs(root, exist_ok=True)
    return local_parent(run_dir)


def local_parent(url: str) -> Path:
    """The local folder for runs below a URL: the same in every process, and after a restart.

    Checkpoints contain the paths of files, so a run has to be resumed in a folder of the same name.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "glasshouse" / hashlib.sha256(url.rstrip("/").encode()).hexdigest()[:16]


def mirror_of(run_dir: str, folder: Path) -> Mirror | None:
    """The mirror of a run's folder if `run_dir` is a URL; None for folders inside it, which its mirror covers."""
    if not is_url(run_dir) or folder.parent.parent != local_parent(run_dir):
        return None
    return Mirror(folder, f"{run_dir.rstrip('/')}/{folder.parent.name}/{folder.name}")


class Mirror:
    """A local folder and its copy at a URL."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url.rstrip("/")
        self._sent: dict[str, tuple[int, int]] = {}
        self._last = 0.0

    def send(self, *, at_most_every: float = 0.0) -> None:
        """Upload new and changed files, and delete remote files that were deleted here; record and manifest come last.

        Raises:
            UserError: if the URL cannot be written.
        """
        if time.monotonic() - self._last < at_most_every:
            return
        now = {name: (stat.st_size, stat.st_mtime_ns) for name, stat in _files(self.folder)}
        with _storage_errors(self.url, "written"):
            system, root = _system(self.url)
            for name in sorted(now, key=lambda name: (name in ("record.json", "manifest.json"), name)):
                if self._sent.get(name) != now[name]:
                    _upload(system, self.folder / name, f"{root}/{name}")
            for name in self._sent.keys() - now.keys():
                system.rm_file(f"{root}/{name}")
        self._sent = now
        self._last = time.monotonic()

    def fetch(self, names: Sequence[str] | None = None) -> None:
        """Download every file, or those with the given names, into the folder.

        Raises:
            UserError: if the URL is empty or cannot be read.
        """
        with _storage_errors(self.url, "read"):
            system, root = _system(self.url)
            found = [path for path in system.find(root) if names is None or PurePosixPath(path).name in names]
            inside = {path: self._name_below(root, path) for path in found}
            targets = {path: path_inside(self.folder, name, who=redact(self.url)) for path, name in inside.items()}
            for path, target in targets.items():
                target.parent.mkdir(parents=True, exist_ok=True)
                system.get_file(path, str(target))
                self._sent[inside[path]] = (target.stat().st_size, target.stat().st_mtime_ns)
        if not found and names is None:
            raise UserError(redact(self.url), "no files found.", "See `glasshouse runs` with the URL of its parent.")

    def _name_below(self, root: str, path: str) -> str:
        """The name of a listed object below the run's URL.

        Raises:
            UserError: for an object elsewhere.
        """
        prefix = f"{root.rstrip('/')}/"
        if not path.startswith(prefix):
            raise UserError(redact(self.url), f"lists {path!r}, which is not below it.", "Do not trust this run.")
        return path.removeprefix(prefix)

    def callback(self) -> Callback:
        """A callback that uploads checkpoints during training; it has to follow the callback that writes them."""
        from pytorch_lightning import Callback

        mirror = self

        class UploadCheckpoints(Callback):
            def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
                mirror.send(at_most_every=SEND_INTERVAL)

        return UploadCheckpoints()


@contextmanager
def downloaded_arguments(word: str, arguments: Sequence[str]) -> Iterator[list[str]]:
    """A command's arguments, with downloaded folders in place of the URLs of runs; changes are uploaded at the end.

    `run --resume URL` uses the local folder of the run; other commands use a temporary folder.
    """
    with ExitStack() as stack:
        local, mirrors = list(arguments), []
        for at, argument in enumerate(arguments):
            option, equals, value = argument.partition("=")
            before = arguments[at - 1] if at else ""
            if word == "run":
                url = value if equals and option == "--resume" else argument if before == "--resume" else ""
                if is_url(url):
                    folder = _folder_to_resume(url)
                    Mirror(folder, url).fetch()
                    local[at] = f"--resume={folder}" if equals else str(folder)
            elif is_url(argument) and not argument.startswith("-") and (before in _FLAGS or not before.startswith("-")):
                above = Path(stack.enter_context(tempfile.TemporaryDirectory()))
                folder = path_inside(above, argument.rstrip("/").rsplit("/", 1)[-1], who=redact(argument))
                folder.mkdir()
                display_as_url(folder, redact(argument.rstrip("/")))
                mirror = Mirror(folder, argument)
                mirror.fetch(_LISTED if word == "runs" else None)
                mirrors += [mirror] if word in _WRITING else []
                local[at] = str(folder)
        yield local
        for mirror in mirrors:
            mirror.send()


def _folder_to_resume(url: str) -> Path:
    """The local folder of the run at a URL, emptied."""
    import shutil

    parts = url.rstrip("/").rsplit("/", 2)
    if len(parts) < 3:
        raise UserError(redact(url), "is not the folder of a run.", "Expected RUN_DIR/NAME/TIME-ID.")
    parent, name, run = parts
    folder = path_inside(local_parent(parent), f"{name}/{run}", who=redact(url))
    if folder.is_dir():
        with lock_folder(folder):
            for path in folder.iterdir():
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                elif path.name != LOCK:  # Windows deletes no open file
                    path.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _files(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != LOCK and not path.name.endswith(PARTIAL):
            yield path.relative_to(folder).as_posix(), path.stat()


def _upload(system: Any, source: Path, target: str) -> None:
    """Upload a file so that readers never see a part of it: object stores do so, others need a rename at the end."""
    system.makedirs(target.rpartition("/")[0], exist_ok=True)
    if getattr(system, "protocol", "") in ("ftp", "sftp", "ssh", "smb", "webdav", "file", "local"):
        partial = f"{target}{PARTIAL}"
        system.put_file(str(source), partial)
        if system.exists(target):
            system.rm_file(target)
        system.mv(partial, target)
    else:
        system.put_file(str(source), target)


def _system(url: str) -> tuple[Any, str]:
    import fsspec  # type: ignore[import-untyped]

    system, root = fsspec.core.url_to_fs(url)
    system.invalidate_cache()
    return system, root


@contextmanager
def _storage_errors(url: str, what: str) -> Iterator[None]:
    """Turn the errors of a file system into `UserError`; `what` is ``"read"`` or ``"written"``."""
    place = redact(url)
    try:
        yield
    except UserError:
        raise
    except ImportError as error:
        raise UserError(place, f"needs another package: {error}.", "Install the package.") from None
    except ValueError as error:  # raised by fsspec for an unknown protocol
        raise UserError(place, f"cannot be {what}: {error}.", "See fsspec's list of protocols.") from None
    except Exception as error:  # each file system raises its own errors
        problem = f"cannot be {what}: {redact(str(error)) or type(error).__name__}."
        raise UserError(place, problem, "Check the URL and your permissions.") from error
