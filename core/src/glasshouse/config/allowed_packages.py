"""The packages whose classes a configuration may name, so that a third-party YAML file can run nothing else.

What counts is where a class is defined, not the path in the file: ``torch.os.system`` belongs to `os`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from glasshouse.errors import UserError
from glasshouse.plugins import Registry

ALWAYS = ("torch", "pytorch_lightning", "lightning", "lightning_fabric", "torchmetrics", "glasshouse")
"""Packages whose classes a configuration may always name."""

VARIABLE = "GLASSHOUSE_ALLOW"

_by_option: tuple[str, ...] = ()


def allow(packages: Iterable[str]) -> None:
    """Allow these packages besides `ALWAYS`, the plugins' and those of ``GLASSHOUSE_ALLOW``; replaces an earlier call.

    Raises:
        UserError: for a text that is not a package name.
    """
    global _by_option
    _by_option = tuple(_checked("--allow", name) for name in packages)


@contextmanager
def allowed(packages: Iterable[str]) -> Iterator[None]:
    """Allow these packages, as `allow`, while the block runs."""
    global _by_option
    before = _by_option
    allow(packages)
    try:
        yield
    finally:
        _by_option = before


def requested_packages() -> tuple[str, ...]:
    """Packages allowed by ``--allow`` or ``GLASSHOUSE_ALLOW``."""
    listed = [name.strip() for name in os.environ.get(VARIABLE, "").split(",")]
    return (*_by_option, *(_checked(VARIABLE, name) for name in listed if name))


def allowed_packages(registry: Registry) -> frozenset[str]:
    """Every package whose classes a configuration may name."""
    return frozenset((*ALWAYS, *registry.packages, *requested_packages()))


def make_importable() -> None:
    """Make allowed packages in the current folder importable, as ``python -m`` does.

    The folder is appended to the path, and only if a package was allowed, so that no file in it shadows an installed
    module.
    """
    folder = os.getcwd()
    if requested_packages() and folder not in sys.path:
        sys.path.append(folder)


def _checked(who: str, name: str) -> str:
    if not all(part.isidentifier() for part in name.split(".")) or name.split(".")[0] == "jsonargparse":
        raise UserError(who, f"expected the name of a package, received {name!r}.", "Write e.g. `--allow my_models`.")
    return name
