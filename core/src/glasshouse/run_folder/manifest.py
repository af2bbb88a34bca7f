"""manifest.json: the SHA-256 of every other file of a run, by which `glasshouse verify` finds changed files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glasshouse.errors import UserError
from glasshouse.run_folder.folders import LOCK
from glasshouse.system.atomic_files import PARTIAL, read_json, write_json

NAME = "manifest.json"
SCHEMA = "glasshouse/manifest/1"

Stamps = Mapping[str, tuple[int, int, int]]
"""File name -> (inode, modification time in ns, size in bytes): one of them changes whenever a file is written."""


@dataclass(frozen=True, kw_only=True)
class Differences:
    """Files that differ from the manifest, as sorted paths relative to the run's folder."""

    changed: tuple[str, ...]
    missing: tuple[str, ...]
    added: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.changed or self.missing or self.added)


def write_manifest(folder: Path) -> None:
    """Hash all files and write the manifest."""
    _write(folder, {name: _hash(folder / name) for name in _names(folder)})


def stamps(folder: Path) -> Stamps:
    """The present state of each file, for `update_manifest`."""
    found = {name: (folder / name).stat() for name in _names(folder)}
    return {name: (stat.st_ino, stat.st_mtime_ns, stat.st_size) for name, stat in found.items()}


def update_manifest(folder: Path, before: Stamps) -> None:
    """Hash the files written since `before`.

    Files changed by others keep their recorded hash, so `verify` still reports them. A run without a manifest, such as
    one that was killed, gets none.
    """
    if not (folder / NAME).is_file():
        return
    hashes = _read(folder)
    written = [name for name, stamp in stamps(folder).items() if before.get(name) != stamp]
    _write(folder, {**hashes, **{name: _hash(folder / name) for name in written}})


def check_unchanged(folder: Path, name: str) -> None:
    """Refuse a file whose content is not what the manifest says; without a manifest nothing is checked.

    Raises:
        UserError: if the hash differs, or the manifest does not list the file.
    """
    if not (folder / NAME).is_file() or not (folder / name).is_file():
        return
    if _read(folder).get(name) != _hash(folder / name):
        raise UserError(
            str(folder / name),
            "was changed after the run: its manifest has another hash.",
            "See `glasshouse verify`, or use --unverified to accept it.",
        )


def differences(folder: Path) -> Differences:
    """The files that changed since the manifest was written.

    Raises:
        UserError: if there is no manifest, or the file is not a manifest.
    """
    hashes = _read(folder)
    names = set(_names(folder))
    return Differences(
        changed=tuple(sorted(name for name in names & hashes.keys() if _hash(folder / name) != hashes[name])),
        missing=tuple(sorted(hashes.keys() - names)),
        added=tuple(sorted((names | _leftovers(folder)) - hashes.keys())),
    )


def _leftovers(folder: Path) -> set[str]:
    """Links, also those that lead nowhere, and unfinished files: a run writes none that stay."""
    found = (path for path in folder.rglob("*") if path.is_symlink() or path.name.endswith(PARTIAL))
    return {path.relative_to(folder).as_posix() for path in found}


def _names(folder: Path) -> list[str]:
    """Every file of the run: not the manifest, the lock, nor the unfinished files of a killed process."""
    paths = (path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(PARTIAL))
    return sorted(name for path in paths if (name := path.relative_to(folder).as_posix()) not in (NAME, LOCK))


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(folder: Path, hashes: Mapping[str, str]) -> None:
    write_json(folder / NAME, {"schema": SCHEMA, "sha256": dict(sorted(hashes.items()))})


def _read(folder: Path) -> dict[str, str]:
    path = folder / NAME
    if not path.is_file():
        raise UserError(
            str(folder), "has no manifest.json: it is not a run, or the run did not finish.", "See `glasshouse runs`."
        )
    values: Any = read_json(path)
    if not isinstance(values, dict) or values.get("schema") != SCHEMA or not isinstance(values.get("sha256"), dict):
        raise UserError(str(path), f"expected a manifest of schema '{SCHEMA}'.")
    return dict(values["sha256"])
