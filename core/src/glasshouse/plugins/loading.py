"""Load plugins in isolation, so that a broken one does not affect the others.

Registration hooks are called plugin by plugin. If a hook fails, its earlier declarations are discarded and the hook is
listed as broken: an incomplete list of components would look complete.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import sys
import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any

import pluggy

from glasshouse._version import __version__
from glasshouse.errors import PluginWarning, UserError
from glasshouse.plugins import hookspecs
from glasshouse.plugins.declarations import PLUGIN_TYPES, Plugin
from glasshouse.plugins.discovery import EntryPoint, normalized
from glasshouse.plugins.spec_version import (
    DeprecatedUse,
    deprecated_uses,
    incompatibility,
    is_newer,
    stated_version,
    warn,
)
from glasshouse.system.exception_text import text_of

if TYPE_CHECKING:
    from pathlib import Path

CORE = EntryPoint(distribution="glasshouse", version=__version__, name="builtin", value="glasshouse.builtin_plugins")
STRICT = "GLASSHOUSE_STRICT_PLUGINS"

HEAVY = ("torch", "pytorch_lightning", "lightning", "pandas", "sklearn", "tensorflow", "jax", "transformers")
"""Modules that a plugin must not import to declare its components."""

HOOKS = frozenset(name for name in vars(hookspecs) if name.startswith("glasshouse_"))
"""The names of all hooks."""

LIFECYCLE = HOOKS - {plugin_type.hook for plugin_type in PLUGIN_TYPES} - {"glasshouse_startup"}
"""The hooks that are called during a run."""


@dataclass(frozen=True, kw_only=True)
class BrokenPlugin:
    """A plugin, or one of its hooks, that is not used, with the reason."""

    entry_point: str
    """``distribution:entry``."""
    distribution: str
    version: str
    hook: str | None
    """The broken hook; None if the whole plugin is broken."""
    reason: str
    newer: bool = False
    """Whether it requires a newer glasshouse, by its stated version or by its imports."""
    error: BaseException | None = None
    """The exception, for a traceback."""


@dataclass(kw_only=True)
class LoadedPlugin:
    """A loaded plugin, and the cost of listing its components."""

    entry_point: str
    distribution: str
    version: str
    file: Path | None = None
    """The file of a single-file plugin."""
    module: str = ""
    """The module of the entry point."""
    plugin: Any = None
    """The module or object with the hooks."""
    spec: str | None = None
    """The stated version of the specification."""
    deprecated_uses: tuple[DeprecatedUse, ...] = ()
    """Its uses of deprecated hooks and arguments."""
    seconds: float = 0.0
    """Seconds of importing it and of running its registration hooks so far."""
    heavy: tuple[str, ...] = ()
    """The modules of `HEAVY` that it imported."""


class PluginSet:
    """The plugins of one pluggy manager, each loaded and called in isolation.

    Args:
        strict: raise `UserError` for the first broken plugin instead of listing it.
    """

    def __init__(self, *, strict: bool) -> None:
        self.strict = strict
        self.manager = pluggy.PluginManager("glasshouse")
        self.manager.add_hookspecs(hookspecs)
        self.loaded: dict[str, LoadedPlugin] = {}
        self.broken: list[BrokenPlugin] = []

    def add(self, entry: EntryPoint) -> None:
        """Import an entry point and register it under ``distribution:entry``.

        pluggy's own loader registers entry points by their bare name, and ignores the second of two with one name.
        """
        plugin = LoadedPlugin(entry_point=entry.id, distribution=entry.distribution, version=entry.version)
        try:
            with _measure_cost(plugin):
                plugin.module = entry.module
                plugin.plugin = importlib.import_module(entry.module)
                for attribute in entry.attribute.split(".") if entry.attribute else ():
                    plugin.plugin = getattr(plugin.plugin, attribute)
        except (Exception, SystemExit) as error:  # a module may call sys.exit()
            self._note_broken(plugin, None, f"cannot be imported: {one_line(error)}", error)
            return
        if self._register(plugin) and not self.manager.get_hookcallers(plugin.plugin):
            self._note_broken(plugin, None, "implements no glasshouse hook; is @hookimpl missing?")

    def add_file(self, path: Path) -> None:
        """Import a single file, which may have classes without any hook.

        Raises:
            UserError: if it cannot be imported.
        """
        from glasshouse.plugins.single_file import fingerprint, import_file

        plugin = LoadedPlugin(
            entry_point=f"{path.name}:{path.stem}", distribution=path.name, version="", module=path.stem, file=path
        )
        with _measure_cost(plugin):
            plugin.plugin = import_file(path)
        plugin.version = fingerprint(path)
        self._register(plugin)

    def declared(self, plugin_type: type[Plugin]) -> Iterator[tuple[LoadedPlugin, Plugin]]:
        """The declarations of one type, plugin by plugin."""
        caller: pluggy.HookCaller = getattr(self.manager.hook, plugin_type.hook)
        for implementation in caller.get_hookimpls():
            plugin = self.loaded[implementation.plugin_name]
            try:
                with _measure_cost(plugin):
                    declared = _declarations(implementation, plugin_type)
            except (Exception, SystemExit) as error:
                self._note_broken(plugin, plugin_type.hook, one_line(error), error)
                continue
            yield from ((plugin, declaration) for declaration in declared)

    @contextmanager
    def with_hooks(self, instance: object, name: str) -> Iterator[None]:
        """Call the hooks of an object in the block, the last registered first.

        Args:
            instance: with lifecycle hooks as methods.
            name: identifies it; within a block of the same name nothing happens.

        Raises:
            ValueError: for an object without a lifecycle hook, or with another one, a registration hook included.
        """
        if self.manager.has_plugin(name):
            yield
            return
        try:
            self.manager.register(instance, name)
        except pluggy.PluginValidationError as error:
            self.manager.unregister(instance)
            raise ValueError(" ".join(str(error).split())) from error
        try:
            callers = self.manager.get_hookcallers(instance) or []
            wrong = [caller.name for caller in callers if caller.name not in LIFECYCLE]
            if wrong or not callers:
                what = f"implements {', '.join(wrong)}" if wrong else "implements no hook; is @hookimpl missing?"
                raise ValueError(f"{what}; a hook plugin has lifecycle hooks only" if wrong else what)
            yield
        finally:
            self.manager.unregister(instance)

    def plugin_that_raised(self, hook_name: str, error: BaseException) -> str | None:
        """The plugin with the innermost implementation of a hook in a traceback."""
        caller: pluggy.HookCaller = getattr(self.manager.hook, hook_name)
        owner = {getattr(i.function, "__code__", None): i.plugin_name for i in caller.get_hookimpls()}
        found = None
        place: TracebackType | None = error.__traceback__
        while place is not None:
            found = owner.get(place.tb_frame.f_code, found)
            place = place.tb_next
        return found

    def _register(self, plugin: LoadedPlugin) -> bool:
        stated = stated_version(plugin.plugin, sys.modules.get(plugin.module))
        unfit = incompatibility(stated)
        if unfit is not None:
            self._note_broken(plugin, None, unfit, newer=is_newer(stated))
            return False
        plugin.spec = None if stated is None else str(stated)
        other = self.manager.get_name(plugin.plugin)
        if other is not None:
            self._note_broken(
                plugin, None, f"its entry point is the same object as that of {other}; is it installed under two names?"
            )
            return False
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", PluginWarning)  # reported below, with the plugin's line
                self.manager.register(plugin.plugin, plugin.entry_point)
            plugin.deprecated_uses = tuple(deprecated_uses(self.manager, plugin.plugin))
            for used in plugin.deprecated_uses:
                warn(used, f"plugin '{plugin.entry_point}' ({plugin.version})")
        except (pluggy.PluginValidationError, ValueError, PluginWarning) as error:  # the last under `python -W error`
            if self.manager.get_name(plugin.plugin) == plugin.entry_point:  # pluggy < 1.7 keeps a part of it
                self.manager.unregister(plugin.plugin)
            self._note_broken(plugin, None, " ".join(str(error).split()), error)
            return False
        self.loaded[plugin.entry_point] = plugin
        for hook, reason in self._ignored_hooks(plugin.plugin):
            self._note_broken(plugin, hook, reason)
        return True

    def _ignored_hooks(self, plugin: Any) -> Iterator[tuple[str, str]]:
        """Hooks that pluggy silently ignores: misspelt ones, and those without the marker."""
        for caller in self.manager.get_hookcallers(plugin) or ():
            mine = [implementation for implementation in caller.get_hookimpls() if implementation.plugin is plugin]
            if not caller.has_spec() and not all(implementation.optionalhook for implementation in mine):
                yield caller.name, f"there is no such hook{_nearest_hook(caller.name)}"
        if isinstance(plugin, ModuleType):
            for name in sorted(HOOKS & vars(plugin).keys()):
                function = vars(plugin)[name]
                if inspect.isfunction(function) and not hasattr(function, "glasshouse_impl"):
                    yield name, "the function is not marked with @hookimpl"

    def _note_broken(
        self,
        plugin: LoadedPlugin,
        hook: str | None,
        reason: str,
        error: BaseException | None = None,
        *,
        newer: bool = False,
    ) -> None:
        if is_newer(plugin.spec):
            newer = True
            reason += f" (it is written for specification {plugin.spec}; this glasshouse has {hookspecs.SPEC_VERSION})"
        if self.strict:
            what = f"{hook}: {reason}" if hook else reason
            raise UserError(f"plugin '{plugin.entry_point}'", f"{what}.", f"{STRICT}=1 makes this fatal.") from error
        self.broken.append(
            BrokenPlugin(
                entry_point=plugin.entry_point,
                distribution=plugin.distribution,
                version=plugin.version,
                hook=hook,
                reason=reason,
                newer=newer or _needs_newer_glasshouse(error),
                error=error,
            )
        )


def one_line(error: BaseException) -> str:
    """An exception in one line, with its type."""
    text = " ".join(text_of(error).split()).removesuffix(".")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def is_one_of(distribution: str, names: Iterable[str]) -> bool:
    """Whether a distribution is in a list of names, in any spelling."""
    return normalized(distribution) in map(normalized, names)


def _needs_newer_glasshouse(error: BaseException | None) -> bool:
    """Whether an import from glasshouse failed, so that a newer glasshouse is probably required."""
    return isinstance(error, ImportError) and (error.name or "").partition(".")[0] == "glasshouse"


def _nearest_hook(name: str) -> str:
    """A clause with the most similar hook, compared without the common prefix."""
    ends = {hook.removeprefix("glasshouse_"): hook for hook in HOOKS}
    near = difflib.get_close_matches(name.removeprefix("glasshouse_"), ends, n=1)
    return f"; did you mean '{ends[near[0]]}'?" if near else ""


def _declarations(implementation: pluggy.HookImpl, plugin_type: type[Plugin]) -> list[Plugin]:
    if implementation.wrapper or implementation.hookwrapper:
        raise TypeError("a registration hook cannot be a wrapper: it is called for each plugin separately")
    declared: list[Plugin] = list(implementation.function())  # type: ignore[call-overload]
    names: set[str] = set()
    for declaration in declared:
        if not isinstance(declaration, plugin_type):
            raise TypeError(f"expected {plugin_type.__name__}, got {type(declaration).__name__}")
        if declaration.name in names:
            raise ValueError(f"'{declaration.name}' is declared twice")
        names.add(declaration.name)
    return declared


@contextmanager
def _measure_cost(plugin: LoadedPlugin) -> Iterator[None]:
    """Add the time of the block and the heavy modules that it imports to the plugin."""
    before = {name for name in HEAVY if name in sys.modules}
    start = time.perf_counter()
    try:
        yield
    finally:
        plugin.seconds += time.perf_counter() - start
        plugin.heavy += tuple(name for name in HEAVY if name in sys.modules and name not in before)
