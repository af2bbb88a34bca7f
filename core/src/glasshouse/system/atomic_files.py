"""Atomic writing of files: complete or not at all, also if the process is killed or the disk is full."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from glasshouse.errors import UserError
from glasshouse.system import distributed

_AT_ONCE = 2**20

PARTIAL = ".partial"
"""Suffix of files that are still being written; readers ignore them."""


@contextmanager
def atomic_replace(path: Path) -> Iterator[Path]:
    """A temporary file to write to, which replaces `path` at the end of the block.

    A reader sees either the old or the complete new content. The content is flushed to disk before the rename:
    otherwise a power failure can leave an empty file under the new name.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}{PARTIAL}")
    try:
        yield partial
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    with suppress(OSError):  # some systems cannot open a folder, and some file systems cannot sync one
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write a file atomically. With several processes only rank 0 writes."""
    if not distributed.is_rank_zero():
        return
    with atomic_replace(path) as partial, partial.open("wb") as file:
        for start in range(0, len(content), _AT_ONCE):  # a long text is not held a second time as bytes
            part = content[start : start + _AT_ONCE]
            file.write(part.encode("utf-8") if isinstance(part, str) else part)


def write_json(path: Path, value: Any, *, levels: int = 4) -> None:
    """Write JSON atomically, keys in the given order, with lines as in `json_text`.

    Raises:
        ValueError: for NaN and infinity.
    """
    write_atomic(path, json_text(value, levels=levels) + "\n")


def json_text(value: Any, *, levels: int = 4) -> str:
    """JSON with a line for each entry of the outer `levels` of lists and dictionaries, and what is inside them in one.

    A record has a line for each measurement and each figure, and is written by the encoder in C, which cannot indent.

    Raises:
        ValueError: for NaN and infinity.
    """
    return "".join(_pieces(value, levels, "\n"))


_in_one_line = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def _pieces(value: Any, levels: int, newline: str) -> Iterator[str]:
    if not levels or not value or not isinstance(value, (dict, list, tuple)):
        yield _in_one_line(value)
        return
    inner = f"{newline} "
    named = isinstance(value, dict)
    yield "{" if named else "["
    for number, item in enumerate(value):
        yield f",{inner}" if number else inner
        if named:
            yield f"{_in_one_line(item if isinstance(item, str) else str(item))}: "
        yield from _pieces(value[item] if named else item, levels - 1, inner)
    yield f"{newline}{'}' if named else ']'}"


def write_yaml(path: Path, values: Mapping[str, Any]) -> None:
    """Write YAML atomically, keys in the given order."""
    from glasshouse.system.yaml_text import write_yaml_text

    write_atomic(path, write_yaml_text(values))


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        UserError: if the file is missing, unreadable or not JSON.
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
    """Remove the partial files that killed processes left in a folder and its subfolders."""
    for partial in folder.rglob(f".*{PARTIAL}"):
        partial.unlink(missing_ok=True)
