"""The specification version of a plugin, and its use of deprecated hooks and arguments.

`glasshouse.plugins.hookspecs.SPEC_VERSION` documents how versions change.
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
"""The optional attribute of a plugin's module or object: ``glasshouse_spec = "1.0"``."""


@dataclass(frozen=True, kw_only=True)
class DeprecatedUse:
    """A deprecated hook, or a deprecated argument of a hook, that a plugin uses."""

    hook: str
    argument: str | None
    """None if the whole hook is deprecated."""
    advice: str
    """Since when it is deprecated, and what to use instead."""
    file: str
    line: int
    """The first line of the plugin's function, including decorators."""

    def __str__(self) -> str:
        what = f"argument '{self.argument}' of {self.hook}" if self.argument else self.hook
        return f"{what} is deprecated: {self.advice}"


def stated_version(plugin: object, home: ModuleType | None) -> object:
    """The specification version that a plugin, or else its module, states; None if neither does."""
    stated = getattr(plugin, ATTRIBUTE, None)
    return stated if stated is not None or home is None else getattr(home, ATTRIBUTE, None)


def incompatibility(stated: object) -> str | None:
    """Why a plugin with this version cannot be used; None if it can, perhaps with unknown hooks."""
    if stated is None:
        return None
    numbers = _numbers(stated)
    if numbers is None:
        return f'{ATTRIBUTE} = {stated!r} is not a version: expected text such as "{SPEC_VERSION}"'
    if numbers[0] != _ours()[0]:
        return f"is written for specification {stated} of the hooks; this glasshouse has {SPEC_VERSION}"
    return None


def is_newer(stated: object) -> bool:
    """Whether a plugin was written for a later version, so that it may use unknown hooks."""
    numbers = _numbers(stated)
    return numbers is not None and numbers > _ours()


def deprecated_uses(manager: pluggy.PluginManager, plugin: object) -> Iterator[DeprecatedUse]:
    """Uses of hooks and arguments whose specifications are deprecated (`warn_on_impl`, `warn_on_impl_args`)."""
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
    """Warn with the plugin's line as the source.

    pluggy's own warning points at the innermost decorator of a decorated hook, and does not name the plugin.
    """
    warnings.warn_explicit(f"{who}: {used}", PluginWarning, filename=used.file, lineno=used.line)


def _ours() -> tuple[int, int]:
    numbers = _numbers(SPEC_VERSION)
    assert numbers is not None
    return numbers


def _numbers(version: object) -> tuple[int, int] | None:
    match = re.fullmatch(r"(\d+)\.(\d+)", version) if isinstance(version, str) else None
    return (int(match[1]), int(match[2])) if match else None
