"""Problems of the installation, found from metadata where possible."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata

from glasshouse.plugins.component_registry import Registry
from glasshouse.plugins.discovery import GROUP, normalized
from glasshouse.plugins.doctor.diagnosis import OURS
from glasshouse.plugins.doctor.problems import Problem
from glasshouse.plugins.lock.origin import EDITABLE, how_to_update, origin_of

_TIMEOUT = 120
"""Time limit of importing torchvision, in seconds."""


def installation_problems(plugins: Registry) -> Iterator[Problem]:
    """Editable installs without their folder, duplicate distributions, incompatible versions."""
    used = {normalized(name): version for name, version in plugins.distributions.items()}
    used |= {normalized(broken.distribution): broken.version for broken in plugins.broken}
    for name in sorted(used):
        yield from _gone(name)
    yield from _twice()
    yield from _versions(used)
    yield from _torchvision()


def _gone(name: str) -> Iterator[Problem]:
    origin = origin_of(name)
    if origin.how == EDITABLE and origin.folder is not None and not origin.folder.is_dir():
        yield Problem(
            check="gone",
            plugin=name,
            problem=f"is an editable install of {origin.folder}, which no longer exists",
            remedy=f"pip uninstall {name}, or restore the folder and pip install -e {origin.folder}",
        )


def _twice() -> Iterator[Problem]:
    """Distributions with metadata of two versions: after a failed update, or in two folders of sys.path."""
    found: dict[str, dict[str, str]] = {}
    for distribution in metadata.distributions():
        if any(entry.group == GROUP for entry in distribution.entry_points):
            places = found.setdefault(normalized(distribution.name), {})
            places.setdefault(distribution.version, str(distribution.locate_file("")))
    for name, places in sorted(found.items()):
        if len(places) > 1:
            copies = " and ".join(f"{version} in {place}" for version, place in places.items())
            yield Problem(
                check="twice",
                plugin=name,
                problem=f"is installed {len(places)} times: {copies}",
                remedy=f"{' && '.join([f'pip uninstall -y {name}'] * len(places))}, then install it once",
            )


def _versions(used: dict[str, str]) -> Iterator[Problem]:
    ours = {name: used[name] for name in OURS if name in used}
    if len(set(ours.values())) > 1:
        yield Problem(
            check="versions",
            plugin="glasshouse",
            problem=f"versions differ: {', '.join(f'{name} {version}' for name, version in ours.items())}",
            remedy=how_to_update(*OURS),
        )


def _torchvision() -> Iterator[Problem]:
    """A torchvision that was built for another torch. If the metadata suggest it, importing torchvision decides."""
    versions = {name: _version(name) for name in ("torch", "torchvision")}
    torch, vision = versions["torch"], versions["torchvision"]
    if torch is None or vision is None or not _suspicious(torch, vision):
        return
    done = subprocess.run(
        [sys.executable, "-c", "import torchvision"], capture_output=True, text=True, timeout=_TIMEOUT, check=False
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        yield Problem(
            check="torchvision",
            plugin="torchvision",
            problem=f"torchvision {vision} is incompatible with torch {torch}: {lines[-1] if lines else 'it crashes'}",
            remedy="pip uninstall -y torchvision, or install the build for this torch",
        )


def _suspicious(torch: str, vision: str) -> bool:
    """Whether they are different builds (``+cpu``, ``+cu130``), or torchvision requires another torch."""
    wanted = [re.fullmatch(r"torch\s*\(?==\s*([\w.]+)\)?", need) for need in metadata.requires("torchvision") or ()]
    pins = {match[1] for match in wanted if match}
    return torch.partition("+")[2] != vision.partition("+")[2] or bool(pins - {torch.partition("+")[0]})


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
