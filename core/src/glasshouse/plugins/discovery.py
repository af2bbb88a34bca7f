"""Installed distributions with entry points in the group ``glasshouse``.

The result is that of ``importlib.metadata.entry_points(group="glasshouse")``, with the distribution of each entry.
Importing `importlib.metadata` takes four times as long as the whole search, so folders are read directly, and only
other entries of sys.path (zip files, finders of other tools) use it.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.machinery import PathFinder

GROUP = "glasshouse"

_VALUE = re.compile(r"(?P<module>\w+(?:\.\w+)*)\s*(?::\s*(?P<attribute>\w+(?:\.\w+)*)\s*)?(?:\[.*\]\s*)?")


@dataclass(frozen=True, kw_only=True)
class EntryPoint:
    """One line ``name = module[:attribute]`` of a distribution."""

    distribution: str
    version: str
    name: str
    value: str

    @property
    def id(self) -> str:
        """``distribution:name``, unique although two distributions may use one entry name."""
        return f"{self.distribution}:{self.name}"

    @property
    def module(self) -> str:
        """The module to import.

        Raises:
            ValueError: if the value is not ``module`` or ``module:attribute``.
        """
        return self._parts()[0]

    @property
    def attribute(self) -> str | None:
        """The attribute of the module; None for the module itself."""
        return self._parts()[1]

    def _parts(self) -> tuple[str, str | None]:
        match = _VALUE.fullmatch(self.value)
        if match is None:
            raise ValueError(f"entry point value {self.value!r} is not 'module' or 'module:attribute'")
        return match["module"], match["attribute"]


def normalized(distribution: str) -> str:
    """The normalised name of a distribution (PEP 503).

    >>> normalized("Glasshouse_Audits")
    'glasshouse-audits'
    """
    return re.sub(r"[-_.]+", "-", distribution).lower()


def installed() -> list[EntryPoint]:
    """Entry points of all distributions on ``sys.path``; of two with the same name, the first one counts."""
    if any(finder is not PathFinder and hasattr(finder, "find_distributions") for finder in sys.meta_path):
        return list(_asked(None))
    found: list[EntryPoint] = []
    seen: set[str] = set()
    for folder in dict.fromkeys(sys.path):
        if os.path.isfile(folder):
            fresh = [entry for entry in _asked([folder]) if normalized(entry.distribution) not in seen]
            seen.update(normalized(entry.distribution) for entry in fresh)
            found.extend(fresh)
            continue
        for metadata in _metadata_folders(folder or "."):
            name = normalized(
                os.path.basename(metadata).removesuffix(".dist-info").removesuffix(".egg-info").split("-")[0]
            )
            if name not in seen:
                seen.add(name)
                found.extend(_read(metadata))
    return found


def _metadata_folders(folder: str) -> list[str]:
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    # pip renames a distribution to "~name" before it removes it; an interrupted removal leaves that folder
    ours = [name for name in names if name.endswith((".dist-info", ".egg-info")) and not name.startswith("~")]
    return [os.path.join(folder, name) for name in sorted(ours)]


def _read(metadata: str) -> Iterator[EntryPoint]:
    try:
        with open(os.path.join(metadata, "entry_points.txt"), encoding="utf-8") as file:
            text = file.read()
    except OSError:
        return
    if f"[{GROUP}]" not in text:
        return
    name, version = _name_and_version(metadata)
    for entry, value in _lines_of_group(text):
        yield EntryPoint(distribution=name, version=version, name=entry, value=value)


def _lines_of_group(text: str) -> Iterator[tuple[str, str]]:
    section = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1].strip()
        elif section == GROUP and line and not line.startswith("#"):
            name, _, value = line.partition("=")
            yield name.strip(), value.strip()


def _name_and_version(metadata: str) -> tuple[str, str]:
    found: dict[str, str] = {}
    for file_name in ("METADATA", "PKG-INFO"):
        path = os.path.join(metadata, file_name)
        if os.path.isfile(path):
            with open(path, encoding="utf-8", errors="replace") as file:
                for line in file:
                    if not line.strip():  # the headers end at the first empty line
                        break
                    key, _, value = line.partition(":")
                    found.setdefault(key, value.strip())
            break
    stem = _stem(metadata)
    return found.get("Name", stem[0]), found.get("Version", stem[1] if len(stem) > 1 else "unknown")


def _stem(metadata: str) -> list[str]:
    """``.../glasshouse_audits-0.1.0.dist-info`` -> ``["glasshouse_audits", "0.1.0"]``; an egg may have no version."""
    return os.path.basename(metadata).removesuffix(".dist-info").removesuffix(".egg-info").split("-")


def _asked(path: list[str] | None) -> Iterable[EntryPoint]:
    from importlib import metadata

    seen: set[str] = set()
    for distribution in metadata.distributions() if path is None else metadata.distributions(path=path):
        name = distribution.metadata["Name"]
        if name is None or normalized(name) in seen:
            continue
        seen.add(normalized(name))
        for entry in distribution.entry_points:
            if entry.group == GROUP:
                yield EntryPoint(distribution=name, version=distribution.version, name=entry.name, value=entry.value)
