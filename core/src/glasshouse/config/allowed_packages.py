"""Which packages a configuration may name classes of: a YAML file from elsewhere must not be able to run anything else.

A class counts by where it is defined, not by the path that leads to it: ``torch.os.system`` is the `os` module's.
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
    """Allow these packages and no others beside `ALWAYS`, the plugins' and those of ``GLASSHOUSE_ALLOW``.

    Raises:
        UserError: for what is no package name.
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


def asked_for() -> tuple[str, ...]:
    """Packages allowed by ``--allow`` or ``GLASSHOUSE_ALLOW``."""
    listed = [name.strip() for name in os.environ.get(VARIABLE, "").split(",")]
    return (*_by_option, *(_checked(VARIABLE, name) for name in listed if name))


def allowed_packages(registry: Registry) -> frozenset[str]:
    """Every package whose classes a configuration may name."""
    return frozenset((*ALWAYS, *registry.packages, *asked_for()))


def make_importable() -> None:
    """Let allowed packages lie in the current folder, as under ``python -m``.

    The folder comes last on the path and only where a package was allowed, so that no file in it can take the place
    of an installed module.
    """
    folder = os.getcwd()
    if asked_for() and folder not in sys.path:
        sys.path.append(folder)


def _checked(who: str, name: str) -> str:
    if not all(part.isidentifier() for part in name.split(".")) or name.split(".")[0] == "jsonargparse":
        raise UserError(who, f"expected the name of a package, received {name!r}.", "Write e.g. `--allow my_models`.")
    return name
