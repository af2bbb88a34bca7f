"""manifest.json: SHA-256 of every other file of a run, by which one can see later whether they are still the same."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glasshouse.errors import UserError
from glasshouse.system.atomic_files import PARTIAL, read_json, write_json

NAME = "manifest.json"
SCHEMA = "glasshouse/manifest/1"

Stamps = Mapping[str, tuple[int, int, int]]
"""What a file's system says of each file: it is another one, or of another time or size, once it was written."""


@dataclass(frozen=True, kw_only=True)
class Differences:
    """Files that are not as the manifest has them, as paths within the run's folder, sorted."""

    changed: tuple[str, ...]
    missing: tuple[str, ...]
    added: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.changed or self.missing or self.added)


def write_manifest(folder: Path) -> None:
    """Write the hashes of all files as they are."""
    _write(folder, {name: _hash(folder / name) for name in _names(folder)})


def stamps(folder: Path) -> Stamps:
    """What tells, later, which files were written in between."""
    found = {name: (folder / name).stat() for name in _names(folder)}
    return {name: (stat.st_ino, stat.st_mtime_ns, stat.st_size) for name, stat in found.items()}


def update_manifest(folder: Path, before: Stamps) -> None:
    """Hash again what was written since `before`, and nothing else: a file that somebody else changed stays told.

    A run without a manifest, such as one that was killed, gets none.
    """
    if not (folder / NAME).is_file():
        return
    hashes = _read(folder)
    written = [name for name, stamp in stamps(folder).items() if before.get(name) != stamp]
    _write(folder, {**hashes, **{name: _hash(folder / name) for name in written}})


def differences(folder: Path) -> Differences:
    """What changed since the manifest was written.

    Raises:
        UserError: if there is no manifest, or it is none.
    """
    hashes = _read(folder)
    names = set(_names(folder))
    return Differences(
        changed=tuple(sorted(name for name in names & hashes.keys() if _hash(folder / name) != hashes[name])),
        missing=tuple(sorted(hashes.keys() - names)),
        added=tuple(sorted(names - hashes.keys())),
    )


def _names(folder: Path) -> list[str]:
    """Every file but the manifest, and but what a killed process left half-written, which no reader looks at."""
    paths = (path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(PARTIAL))
    return sorted(name for path in paths if (name := path.relative_to(folder).as_posix()) != NAME)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(folder: Path, hashes: Mapping[str, str]) -> None:
    write_json(folder / NAME, {"schema": SCHEMA, "sha256": dict(sorted(hashes.items()))})


def _read(folder: Path) -> dict[str, str]:
    path = folder / NAME
    if not path.is_file():
        raise UserError(
            str(folder), "has no manifest.json: it is no run, or one that did not end.", "See `glasshouse runs`."
        )
    values: Any = read_json(path)
    if not isinstance(values, dict) or values.get("schema") != SCHEMA or not isinstance(values.get("sha256"), dict):
        raise UserError(str(path), f"expected a manifest of schema '{SCHEMA}'.")
    return dict(values["sha256"])
