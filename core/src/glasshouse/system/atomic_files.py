"""Files that are there whole or not at all, also where a process is killed or a disk is full while they are written."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from glasshouse.errors import UserError
from glasshouse.system import distributed

PARTIAL = ".partial"
"""How the names of files end that are being written; readers never look at them."""


@contextmanager
def atomic_replace(path: Path) -> Iterator[Path]:
    """A file to write into, which takes the place of `path` at the end of the block.

    A reader sees the old content or the new, never a part. The content is on the disk before the name is: without
    that, a machine that loses power can keep the name alone.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}{PARTIAL}")
    try:
        yield partial
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    with suppress(OSError):  # some systems open no folders, and some file systems keep no order of their entries
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write a file: a reader sees the old content or the new, never a part. Of several processes the first writes."""
    if not distributed.is_rank_zero():
        return
    with atomic_replace(path) as partial:
        partial.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)


def write_json(path: Path, value: Any) -> None:
    """Write JSON whole or not at all, keys in the order given; NaN and infinity are refused with a ValueError."""
    write_atomic(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def write_yaml(path: Path, values: Mapping[str, Any]) -> None:
    """Write YAML whole or not at all, keys in the order given."""
    import yaml

    write_atomic(path, yaml.safe_dump(dict(values), sort_keys=False, allow_unicode=True))


def read_json(path: Path) -> Any:
    """The values of a JSON file.

    Raises:
        UserError: if there is no such file, or it is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(str(path), "no such file.", "Name the folder of a finished run.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(str(path), f"cannot be read: {error}.") from None
    except json.JSONDecodeError as error:
        raise UserError(str(path), f"is not JSON: {error}.", "Run the audit again.") from None


def remove_partial_files(folder: Path) -> None:
    """Remove what killed processes left half-written in a folder and those below it."""
    for partial in folder.rglob(f".*{PARTIAL}"):
        partial.unlink(missing_ok=True)
