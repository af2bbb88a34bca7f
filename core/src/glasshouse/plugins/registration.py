"""The registry: plugins found, asked one by one, and kept apart when they break.

A registration hook is called plugin by plugin, never all at once, so that one which fails costs only itself: what it
yielded before it failed is discarded and the hook is listed as broken, since half a catalogue that looks whole is
worse than one that is missing.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import GeneratorType, ModuleType, TracebackType
from typing import TYPE_CHECKING, Any

import pluggy

from glasshouse import __version__, hookspecs
from glasshouse.components import PLUGIN_TYPES, Plugin
from glasshouse.errors import UserError, did_you_mean
from glasshouse.plugins.discovery import EntryPoint, installed, normalized

if TYPE_CHECKING:
    from pathlib import Path

KINDS = tuple(plugin_type.kind for plugin_type in PLUGIN_TYPES)
"""``model``, ``data``, ``optimizer``, ..."""

LOAD_ONLY = "GLASSHOUSE_LOAD_PLUGINS"
STRICT = "GLASSHOUSE_STRICT_PLUGINS"

HEAVY = ("torch", "pytorch_lightning", "lightning", "pandas", "sklearn", "tensorflow", "jax", "transformers")
"""Modules that a plugin must not import merely to say what it brings."""

_CORE = EntryPoint(distribution="glasshouse", version=__version__, name="builtin", value="glasshouse.builtin")
_TYPE_OF = {plugin_type.kind: plugin_type for plugin_type in PLUGIN_TYPES}
_SEE_DOCTOR = "See `glasshouse plugins doctor`."


@dataclass(frozen=True, kw_only=True)
class Component:
    """A declaration and where it came from."""

    plugin: Plugin
    distribution: str
    version: str
    entry_point: str
    """``distribution:entry``, the plugin that declares it."""

    @property
    def kind(self) -> str:
        """``model``, ``data``, ..."""
        return self.plugin.kind

    @property
    def name(self) -> str:
        """The short name."""
        return self.plugin.name

    @property
    def qualified_name(self) -> str:
        """``distribution/name``, which always works."""
        return f"{self.distribution}/{self.plugin.name}"

    @property
    def class_path(self) -> str:
        """``package.module.Attribute``."""
        return self.plugin.target.replace(":", ".")

    @property
    def missing_imports(self) -> tuple[str, ...]:
        """Those of `requires_import` that are not installed; none of them is imported to find out."""
        return tuple(module for module in self.plugin.requires_import if not _importable(module))

    def __str__(self) -> str:
        return f"{self.kind} '{self.name}' of {self.distribution} {self.version}"


@dataclass(frozen=True, kw_only=True)
class BrokenPlugin:
    """A plugin, or one hook of it, that is left out, with the reason."""

    entry_point: str
    distribution: str
    version: str
    hook: str | None
    """The hook that broke; None where the whole plugin did."""
    reason: str
    error: BaseException | None = None
    """What was raised, for a traceback."""


@dataclass(kw_only=True)
class LoadedPlugin:
    """What it cost to let a plugin say what it brings."""

    entry_point: str
    distribution: str
    version: str
    plugin: Any
    """The module or object whose hooks are called."""
    seconds: float = 0.0
    """Importing it and running its registration hooks so far."""
    heavy: tuple[str, ...] = ()
    """Those of `HEAVY` that it imported on the way."""


class Registry:
    """All plugins of one process; nothing is searched or imported before the first question.

    Args:
        only: distributions to load; None for all. Core's own components are always there unless blocked.
        blocked: distributions, or components as ``distribution/name``, to leave out.
        files: single-file plugins.
        strict: raise on the first broken plugin instead of listing it; every hook is then run at once.

    Every method may raise `UserError` for a name in `only` or `blocked` that is not installed, for a file that cannot
    be imported, and, when strict, for a broken plugin.
    """

    def __init__(
        self,
        *,
        only: Iterable[str] | None = None,
        blocked: Iterable[str] = (),
        files: Iterable[Path] = (),
        strict: bool = False,
    ) -> None:
        self._only = None if only is None else tuple(only)
        self._blocked = tuple(blocked)
        self._files = tuple(files)
        self._strict = strict
        self._manager: pluggy.PluginManager | None = None
        self._loaded: dict[str, LoadedPlugin] = {}
        self._broken: list[BrokenPlugin] = []
        self._by_kind: dict[str, tuple[Component, ...]] = {}
        self._left_out: set[str] = set()

    @classmethod
    def from_environment(
        cls,
        *,
        blocked: Iterable[str] = (),
        files: Iterable[Path] = (),
        environment: Mapping[str, str] = os.environ,
    ) -> Registry:
        """A registry that heeds ``GLASSHOUSE_LOAD_PLUGINS=a,b`` and ``GLASSHOUSE_STRICT_PLUGINS=1``.

        ``GLASSHOUSE_LOAD_PLUGINS`` that is set and empty loads none but core's own.
        """
        listed = environment.get(LOAD_ONLY)
        only = None if listed is None else [name.strip() for name in listed.split(",") if name.strip()]
        strict = environment.get(STRICT, "") not in ("", "0")
        return cls(only=only, blocked=blocked, files=files, strict=strict)

    # ------------------------------------------------------------ asking

    @property
    def hook(self) -> pluggy.HookRelay:
        """pluggy's own relay, for hooks whose exceptions the caller handles itself."""
        return self._plugins().hook

    @property
    def loaded(self) -> tuple[LoadedPlugin, ...]:
        """The plugins in use, core's own first."""
        self._plugins()
        return tuple(self._loaded.values())

    @property
    def distributions(self) -> dict[str, str]:
        """Distribution -> version of every plugin in use; a single file counts as one, with its SHA-256 as version."""
        return {plugin.distribution: plugin.version for plugin in self.loaded}

    @property
    def packages(self) -> frozenset[str]:
        """Top-level packages of the plugins in use: what a configuration may instantiate besides torch's own."""
        modules = {inspect.getmodule(plugin.plugin) for plugin in self.loaded}
        targets = {component.plugin.target for kind in KINDS for component in self.components(kind)}
        names = {module.__name__ for module in modules if module is not None} | targets
        return frozenset(name.partition(":")[0].partition(".")[0] for name in names)

    @property
    def broken(self) -> tuple[BrokenPlugin, ...]:
        """What was left out so far; a hook of a kind that nobody asked for has not been run yet (see `check_all`)."""
        self._plugins()
        return tuple(self._broken)

    def check_all(self) -> tuple[BrokenPlugin, ...]:
        """Run the registration hooks of every kind and return all that is broken."""
        for kind in KINDS:
            self.components(kind)
        return self.broken

    def components(self, kind: str) -> tuple[Component, ...]:
        """All components of a kind, by name and distribution."""
        if kind not in _TYPE_OF:
            raise ValueError(f"unknown kind {kind!r}; known: {', '.join(KINDS)}")
        manager = self._plugins()
        if kind not in self._by_kind:
            found = list(self._ask(manager, _TYPE_OF[kind]))
            self._by_kind[kind] = tuple(sorted(found, key=lambda c: (c.name, c.distribution, c.entry_point)))
        return self._by_kind[kind]

    def candidates(self, kind: str, name: str) -> tuple[Component, ...]:
        """Every component that a short name, an alias or ``distribution/name`` may mean."""
        distribution, slash, short = name.rpartition("/")
        return tuple(
            component
            for component in self.components(kind)
            if short in (component.name, *component.plugin.aliases)
            and (not slash or normalized(component.distribution) == normalized(distribution))
        )

    def find(self, kind: str, name: str) -> Component:
        """The one component that is meant; nothing is imported.

        Raises:
            UserError: if the name is unknown, blocked, or claimed by several plugins.
        """
        found = self.candidates(kind, name)
        if len(found) == 1:
            return found[0]
        who = f"{kind.replace('_', ' ')} '{name}'"
        if found:
            origins = [f"{component.distribution} {component.version}" for component in found]
            if len({component.distribution for component in found}) < len(found):
                raise UserError(
                    who,
                    f"is brought by {' and '.join(component.entry_point for component in found)}.",
                    "One distribution brings it twice: ask its author.",
                )
            spelled = " or ".join(component.qualified_name for component in found)
            raise UserError(
                who, f"is brought by {' and by '.join(origins)}.", f"Write {spelled}, or block one with --no-plugin."
            )
        if self._is_left_out(kind, name):
            raise UserError(who, "is blocked by --no-plugin.")
        known = self.components(kind)
        names = {c.qualified_name if "/" in name else c.name for c in known}
        remedy = did_you_mean(name, names)
        if self._broken:
            remedy += f" {len(self._broken)} plugin{'s are' if len(self._broken) > 1 else ' is'} broken. {_SEE_DOCTOR}"
        raise UserError(who, "is not known.", remedy)

    def class_path(self, kind: str, name: str) -> str:
        """``package.module.Attribute`` of a short name, with what it needs installed; nothing is imported.

        Raises:
            UserError: as `find` and `require`.
        """
        component = self.find(kind, name)
        self.require(component)
        return component.class_path

    def require(self, component: Component) -> None:
        """Check that what a component needs is installed.

        Raises:
            UserError: with the command that installs it.
        """
        missing = component.missing_imports
        if missing:
            hint = component.plugin.install_hint or f"pip install {' '.join(missing)}"
            raise UserError(str(component), f"needs {', '.join(missing)}, not installed here.", f"Run: {hint}")

    def load(self, component: Component) -> Any:
        """Import what a component names.

        Raises:
            UserError: if something it needs is not installed, its module cannot be imported, or the attribute is
                missing.
        """
        self.require(component)
        module_name, _, path = component.plugin.target.partition(":")
        try:
            found: Any = importlib.import_module(module_name)
        except UserError:
            raise
        except (Exception, SystemExit) as error:
            raise UserError(
                str(component), f"{module_name} cannot be imported: {_said(error)}.", "See the place with --debug."
            ) from error
        for attribute in path.split("."):
            try:
                found = getattr(found, attribute)
            except AttributeError as error:
                public = [name for name in vars(found) if not name.startswith("_")]
                raise UserError(
                    str(component), f"{component.plugin.target} has no '{attribute}'.", did_you_mean(attribute, public)
                ) from error
        return found

    def call(self, hook_name: str, **arguments: Any) -> Any:
        """Call a lifecycle hook on all plugins; what is yielded lazily is collected, so that it fails here.

        Returns:
            pluggy's answer: a list with one entry for each plugin that did not return None, or the first result.

        Raises:
            UserError: as raised by a plugin, or naming the plugin whose implementation raised something else.
        """
        caller: pluggy.HookCaller = getattr(self.hook, hook_name)
        try:
            answer = caller(**arguments)
            if isinstance(answer, list):
                return [list(part) if isinstance(part, GeneratorType) else part for part in answer]
            return answer
        except UserError:
            raise
        except Exception as error:
            culprit = _raiser(caller, error)
            if culprit is None or culprit == _CORE.id:
                raise
            raise UserError(
                f"plugin '{culprit}'",
                f"{hook_name} raised {_said(error)}.",
                f"Leave it out with --no-plugin {culprit.partition(':')[0]}, or see the place with --debug.",
            ) from error

    # ------------------------------------------------------------ finding and checking

    def _plugins(self) -> pluggy.PluginManager:
        if self._manager is None:
            entries = installed()
            self._check_names(entries)
            manager = pluggy.PluginManager("glasshouse")
            manager.add_hookspecs(hookspecs)
            self._manager = manager
            # pluggy calls the last registered first: files before distributions, core's own at the end
            for entry in (_CORE, *filter(self._is_wanted, entries)):
                self._add(manager, entry)
            for file in self._files:
                self._add_file(manager, file)
            if self._strict or any("/" in name for name in self._blocked):
                self.check_all()
            self._check_blocked_components()
        return self._manager

    def _check_names(self, entries: list[EntryPoint]) -> None:
        """A misspelt name must not quietly load, or leave in, what the user meant to keep out."""
        known = {entry.distribution for entry in entries} | {_CORE.distribution} | {file.name for file in self._files}
        asked = [(LOAD_ONLY, name) for name in self._only or ()]
        asked += [("--no-plugin", name.partition("/")[0]) for name in self._blocked]
        for who, name in asked:
            if normalized(name) not in map(normalized, known):
                raise UserError(who, f"no installed plugin distribution is called '{name}'.", did_you_mean(name, known))

    def _check_blocked_components(self) -> None:
        for name in self._blocked:
            if "/" in name and name not in self._left_out:
                distribution = name.partition("/")[0]
                brought = {
                    component.qualified_name
                    for components in self._by_kind.values()
                    for component in components
                    if normalized(component.distribution) == normalized(distribution)
                }
                raise UserError("--no-plugin", f"nothing is called '{name}'.", did_you_mean(name, brought))

    def _is_wanted(self, entry: EntryPoint) -> bool:
        return self._only is None or normalized(entry.distribution) in map(normalized, self._only)

    def _is_blocked(self, distribution: str) -> bool:
        return normalized(distribution) in map(normalized, self._blocked)

    def _add(self, manager: pluggy.PluginManager, entry: EntryPoint) -> None:
        if self._is_blocked(entry.distribution):
            return
        loading = LoadedPlugin(
            entry_point=entry.id, distribution=entry.distribution, version=entry.version, plugin=None
        )
        try:
            with _watched(loading):
                loading.plugin = importlib.import_module(entry.module)
                for attribute in (entry.attribute or "").split(".") if entry.attribute else ():
                    loading.plugin = getattr(loading.plugin, attribute)
        except (Exception, SystemExit) as error:  # a module that calls sys.exit() must not end the program
            self._leave_out(loading, None, f"cannot be imported: {_said(error)}", error)
            return
        self._register(manager, loading)
        if loading.entry_point in self._loaded and not manager.get_hookcallers(loading.plugin):
            self._leave_out(loading, None, "implements no glasshouse hook; is @hookimpl missing?")

    def _add_file(self, manager: pluggy.PluginManager, file: Path) -> None:
        from glasshouse.plugins.single_file import fingerprint, import_file

        if self._is_blocked(file.name):
            return
        loading = LoadedPlugin(entry_point=f"{file.name}:{file.stem}", distribution=file.name, version="", plugin=None)
        with _watched(loading):
            loading.plugin = import_file(file)
        loading.version = fingerprint(file)
        self._register(manager, loading)

    def _register(self, manager: pluggy.PluginManager, loading: LoadedPlugin) -> None:
        plugin = loading.plugin
        try:
            manager.register(plugin, loading.entry_point)
        except (pluggy.PluginValidationError, ValueError) as error:
            if manager.get_name(plugin) == loading.entry_point:  # older pluggy keeps half of a refused plugin
                manager.unregister(plugin)
            self._leave_out(loading, None, " ".join(str(error).split()), error)
            return
        self._loaded[loading.entry_point] = loading
        self._check_hooks(manager, loading)

    def _check_hooks(self, manager: pluggy.PluginManager, loading: LoadedPlugin) -> None:
        """List hooks that pluggy would pass over in silence: misspelt ones, and those without the marker."""
        specified = {name for name in vars(hookspecs) if name.startswith("glasshouse_")}
        for caller in manager.get_hookcallers(loading.plugin) or ():
            for implementation in caller.get_hookimpls():
                known = caller.has_spec() or implementation.optionalhook
                if implementation.plugin is loading.plugin and not known:
                    reason = f"there is no such hook. {did_you_mean(caller.name, specified, most=0)}"
                    self._leave_out(loading, caller.name, reason)
        if isinstance(loading.plugin, ModuleType):
            for name in specified & vars(loading.plugin).keys():
                function = vars(loading.plugin)[name]
                if inspect.isfunction(function) and not hasattr(function, "glasshouse_impl"):
                    self._leave_out(loading, name, "the function is not marked with @hookimpl")

    def _leave_out(
        self, plugin: LoadedPlugin, hook: str | None, reason: str, error: BaseException | None = None
    ) -> None:
        broken = BrokenPlugin(
            entry_point=plugin.entry_point,
            distribution=plugin.distribution,
            version=plugin.version,
            hook=hook,
            reason=reason,
            error=error,
        )
        self._broken.append(broken)
        if self._strict:
            what = f"{hook}: {reason}" if hook else reason
            raise UserError(f"plugin '{plugin.entry_point}'", f"{what}.", f"{STRICT}=1 makes this fatal.") from error

    # ------------------------------------------------------------ asking plugins what they bring

    def _ask(self, manager: pluggy.PluginManager, plugin_type: type[Plugin]) -> Iterator[Component]:
        caller: pluggy.HookCaller = getattr(manager.hook, plugin_type.hook)
        for implementation in caller.get_hookimpls():
            plugin = self._loaded[implementation.plugin_name]
            try:
                with _watched(plugin):
                    declared = _declarations(implementation, plugin_type)
            except (Exception, SystemExit) as error:
                self._leave_out(plugin, plugin_type.hook, _said(error), error)
                continue
            for declaration in declared:
                component = Component(
                    plugin=declaration,
                    distribution=plugin.distribution,
                    version=plugin.version,
                    entry_point=plugin.entry_point,
                )
                blocking = self._blocking(component)
                if blocking is None:
                    yield component
                self._left_out.update(() if blocking is None else (blocking,))

    def _blocking(self, component: Component) -> str | None:
        for name in self._blocked:
            distribution, slash, short = name.partition("/")
            if slash and normalized(distribution) == normalized(component.distribution) and short == component.name:
                return name
        return None

    def _is_left_out(self, kind: str, name: str) -> bool:
        return any(name in (left_out, left_out.partition("/")[2]) for left_out in self._left_out)


def _declarations(implementation: pluggy.HookImpl, plugin_type: type[Plugin]) -> list[Plugin]:
    if implementation.wrapper or implementation.hookwrapper:
        raise TypeError("a registration hook cannot be a wrapper: each plugin is asked alone")
    declared: list[Plugin] = list(implementation.function())  # type: ignore[call-overload]
    names: set[str] = set()
    for declaration in declared:
        if not isinstance(declaration, plugin_type):
            raise TypeError(f"expected {plugin_type.__name__}, got {type(declaration).__name__}")
        if declaration.name in names:
            raise ValueError(f"'{declaration.name}' is declared twice")
        names.add(declaration.name)
    return declared


def _raiser(caller: pluggy.HookCaller, error: Exception) -> str | None:
    """The plugin whose implementation is innermost in the traceback."""
    owner = {
        getattr(implementation.function, "__code__", None): implementation.plugin_name
        for implementation in caller.get_hookimpls()
    }
    found = None
    place: TracebackType | None = error.__traceback__
    while place is not None:
        found = owner.get(place.tb_frame.f_code, found)
        place = place.tb_next
    return found


@contextmanager
def _watched(plugin: LoadedPlugin) -> Iterator[None]:
    """Add the time taken and the heavy modules imported to what is known of a plugin."""
    before = {name for name in HEAVY if name in sys.modules}
    start = time.perf_counter()
    try:
        yield
    finally:
        plugin.seconds += time.perf_counter() - start
        plugin.heavy += tuple(name for name in HEAVY if name in sys.modules and name not in before)


def _importable(module: str) -> bool:
    if module in sys.modules:
        return True
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):  # a missing or broken parent; a module without a spec
        return False


def _said(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


_current: Registry | None = None


def registry() -> Registry:
    """The registry of this process, made from the environment on first use."""
    global _current
    if _current is None:
        _current = Registry.from_environment()
    return _current


def set_registry(new: Registry | None) -> None:
    """Replace the registry of this process, as the command line does for ``--plugin`` and ``--no-plugin``."""
    global _current
    _current = new
