"""Which specification a plugin was written for, and what of ours it uses that is given up.

The rule by which the specification changes stands beside `glasshouse.plugins.hookspecs.SPEC_VERSION`.
"""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType

import pluggy

from glasshouse.errors import PluginWarning
from glasshouse.plugins.hookspecs import SPEC_VERSION

ATTRIBUTE = "glasshouse_spec"
"""What a plugin's module or object may say: ``glasshouse_spec = "1.0"``."""


@dataclass(frozen=True, kw_only=True)
class DeprecatedUse:
    """A hook that a plugin implements, or an argument of it that it takes, which will go."""

    hook: str
    argument: str | None
    """None where the whole hook is given up."""
    advice: str
    """What the specification says: since when, and what to do instead."""
    file: str
    line: int
    """Where the plugin's function begins, its decorators included."""

    def __str__(self) -> str:
        what = f"argument '{self.argument}' of {self.hook}" if self.argument else self.hook
        return f"{what} is given up: {self.advice}"


def stated_version(plugin: object, home: ModuleType | None) -> object:
    """What a plugin, or else the module that it stands in, says that it was written for; None where neither does."""
    stated = getattr(plugin, ATTRIBUTE, None)
    return stated if stated is not None or home is None else getattr(home, ATTRIBUTE, None)


def incompatibility(stated: object) -> str | None:
    """Why a plugin that states this cannot be used here; None if it can, be it with parts that are not known here."""
    if stated is None:
        return None
    numbers = _numbers(stated)
    if numbers is None:
        return f'{ATTRIBUTE} = {stated!r} is no version: expected text such as "{SPEC_VERSION}"'
    if numbers[0] != _ours()[0]:
        return f"is written for specification {stated} of the hooks; this glasshouse has {SPEC_VERSION}"
    return None


def is_newer(stated: object) -> bool:
    """Whether a plugin was written for a later version than ours: it may use what is not here yet."""
    numbers = _numbers(stated)
    return numbers is not None and numbers > _ours()


def deprecated_uses(manager: pluggy.PluginManager, plugin: object) -> Iterator[DeprecatedUse]:
    """What a registered plugin uses of hooks whose specifications warn (`warn_on_impl`, `warn_on_impl_args`)."""
    for caller in manager.get_hookcallers(plugin) or ():
        if caller.spec is None:
            continue
        by_argument = caller.spec.warn_on_impl_args or {}
        for implementation in caller.get_hookimpls():
            if implementation.plugin is not plugin:
                continue
            code = inspect.unwrap(implementation.function).__code__
            place = {"hook": caller.name, "file": code.co_filename, "line": code.co_firstlineno}
            if caller.spec.warn_on_impl is not None:
                yield DeprecatedUse(argument=None, advice=str(caller.spec.warn_on_impl), **place)
            for argument in (*implementation.argnames, *implementation.kwargnames):
                if argument in by_argument:
                    yield DeprecatedUse(argument=argument, advice=str(by_argument[argument]), **place)


def warn(used: DeprecatedUse, who: str) -> None:
    """Say it as a warning that points at the plugin's own line.

    pluggy's own warning points at the innermost decorator where a hook is decorated further, and names no plugin.
    """
    warnings.warn_explicit(f"{who}: {used}", PluginWarning, filename=used.file, lineno=used.line)


def _ours() -> tuple[int, int]:
    numbers = _numbers(SPEC_VERSION)
    assert numbers is not None
    return numbers


def _numbers(version: object) -> tuple[int, int] | None:
    match = re.fullmatch(r"(\d+)\.(\d+)", version) if isinstance(version, str) else None
    return (int(match[1]), int(match[2])) if match else None
