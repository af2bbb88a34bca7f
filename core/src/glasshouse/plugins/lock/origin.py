"""How a plugin was installed, and hashes of its files.

A version from a package index identifies its content. Editable installs, installs from a folder, file or repository,
and single files may change without a new version, so their content is hashed.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

EDITABLE, DIRECT, INDEX, UNKNOWN = "editable", "direct", "index", "unknown"


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The source of an installed distribution, as recorded by the installer (PEP 610)."""

    how: str
    """``editable``, ``direct`` (a folder, file, URL or repository), ``index``, or ``unknown`` (not installed)."""
    place: str = ""
    """The folder or URL; empty for a package index."""
    repository: str = ""
    """``git``, ``hg``, ... if the URL is that of a repository."""

    @property
    def folder(self) -> Path | None:
        """The folder that it was installed from, which may no longer exist; None for other sources."""
        parts = urlsplit(self.place)
        return Path(unquote(parts.path)) if parts.scheme == "file" else None

    @property
    def requirement(self) -> str:
        """The URL for pip, with the kind of repository as prefix."""
        return f"{self.repository}+{self.place}" if self.repository else self.place

    @property
    def version_says_all(self) -> bool:
        """Whether name and version identify its content."""
        return self.how == INDEX

    def __str__(self) -> str:
        return f"{self.how}, from {self.folder or self.place}" if self.place else self.how


def origin_of(distribution: str) -> Origin:
    """The source of an installed distribution."""
    from importlib import metadata

    try:
        written = metadata.distribution(distribution).read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        return Origin(how=UNKNOWN)
    if written is None:
        return Origin(how=INDEX)
    try:
        found = json.loads(written)
        editable = bool(found.get("dir_info", {}).get("editable"))
        repository = str(found.get("vcs_info", {}).get("vcs", ""))
        return Origin(how=EDITABLE if editable else DIRECT, place=str(found["url"]), repository=repository)
    except (ValueError, KeyError, AttributeError):
        return Origin(how=UNKNOWN)


def how_to_update(*distributions: str) -> str:
    """The command that updates distributions from their own sources: an index may have another package of that name."""
    origins = {name: origin_of(name) for name in distributions}
    indexed = [name for name, origin in origins.items() if origin.how == INDEX]
    ways = [f"pip install --upgrade {' '.join(indexed)}"] if indexed else []
    for name, origin in origins.items():
        if origin.how == EDITABLE and _in_repository(origin.folder):
            ways.append(f"git -C {shlex.quote(str(origin.folder))} pull")
        elif origin.how == EDITABLE:
            ways.append(f"replace {origin.folder} with a newer version")
        elif origin.how == DIRECT:
            ways.append(f"pip install --upgrade {shlex.quote(f'{name} @ {origin.requirement}')}")
        elif origin.how == UNKNOWN:
            ways.append(f"update {name}")
    return " && ".join(ways)


def _in_repository(folder: Path | None) -> bool:
    return folder is not None and any((each / ".git").exists() for each in (folder, *folder.parents))


def documentation_of(distribution: str) -> str:
    """The URL of a distribution's documentation, or else of its home page; empty if it has none."""
    from importlib import metadata

    try:
        pairs = [pair.partition(",") for pair in metadata.metadata(distribution).get_all("Project-URL") or ()]
    except metadata.PackageNotFoundError:
        return ""
    urls = {label.strip().lower(): url.strip() for label, _, url in pairs}
    known = ("documentation", "docs", "homepage", "home", "repository", "source")
    return next((urls[label] for label in known if label in urls), "")


def content_of_modules(modules: Iterable[str]) -> str | None:
    """``sha256:...`` of all files of the modules' packages; None if a module cannot be found.

    Nothing is imported. ``__pycache__`` and names that begin with a dot are excluded. Of a namespace package, only the
    subpackage with the module counts.
    """
    digest = hashlib.sha256()
    for top in sorted(dict.fromkeys(filter(None, (_home(module) for module in modules)))):
        for name, path in _files(top):
            digest.update(f"{name}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    found = all(_home(module) for module in modules)
    return f"sha256:{digest.hexdigest()}" if found else None


def content_of_file(path: Path) -> str:
    """``sha256:...`` of a single file."""
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def _home(module: str) -> Path | None:
    """The top-level package, or the single file, of a module."""
    first, *rest = module.split(".")
    try:
        spec = importlib.util.find_spec(first)  # of a top-level name: imports nothing
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if spec.submodule_search_locations is None:
        return Path(spec.origin) if spec.origin else None
    for location in map(Path, spec.submodule_search_locations):
        found = location
        for name in rest:
            if (found / "__init__.py").is_file():
                break
            found = found / name if (found / name).is_dir() else found / f"{name}.py"
        if found.exists():
            return found
    return None


def _files(home: Path) -> Iterator[tuple[str, Path]]:
    """(path relative to the parent, file), in the same order on every system."""
    if home.is_file():
        yield home.name, home
        return
    found = []
    for folder, folders, names in os.walk(home):
        folders[:] = [name for name in folders if name != "__pycache__" and not name.startswith(".")]
        found += [Path(folder, name) for name in names if not name.startswith(".") and not name.endswith(".pyc")]
    yield from sorted((path.relative_to(home.parent).as_posix(), path) for path in found)
