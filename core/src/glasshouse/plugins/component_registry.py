"""The registry of components: from a short name to the component."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import GeneratorType
from typing import TYPE_CHECKING, Any, Protocol

from glasshouse.errors import UserError, did_you_mean
from glasshouse.plugins.declarations import PLUGIN_TYPES, Plugin
from glasshouse.plugins.discovery import EntryPoint, installed, normalized
from glasshouse.plugins.loading import CORE, STRICT, BrokenPlugin, LoadedPlugin, PluginSet, is_one_of, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pluggy


class Gate(Protocol):
    """Decides which installed plugins are loaded; `glasshouse.plugins.lock` has one."""

    def admit(self, entries: Sequence[EntryPoint], files: Sequence[Path]) -> list[EntryPoint]:
        """The entry points that may be loaded."""

    def check_loaded(self, plugins: PluginSet) -> None:
        """Refuse to continue without a required plugin."""


KINDS = tuple(plugin_type.kind for plugin_type in PLUGIN_TYPES)
"""``model``, ``data``, ``optimizer``, ..."""

LOAD_ONLY = "GLASSHOUSE_LOAD_PLUGINS"

_TYPE_OF = {plugin_type.kind: plugin_type for plugin_type in PLUGIN_TYPES}


@dataclass(frozen=True, kw_only=True)
class Component:
    """A declaration and its origin."""

    plugin: Plugin
    distribution: str
    version: str
    entry_point: str
    """``distribution:entry`` of the plugin that declares it."""

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
        """``distribution/name``, which is unambiguous."""
        return f"{self.distribution}/{self.plugin.name}"

    @property
    def class_path(self) -> str:
        """``package.module.Attribute``."""
        return self.plugin.target.replace(":", ".")

    @property
    def missing_imports(self) -> tuple[str, ...]:
        """The modules of `requires_import` that are not installed; none is imported."""
        return tuple(module for module in self.plugin.requires_import if not _importable(module))

    @property
    def install_hint(self) -> str:
        """The command that installs the missing modules; empty if none is missing."""
        missing = self.missing_imports
        return (self.plugin.install_hint or f"pip install {' '.join(missing)}") if missing else ""

    def __str__(self) -> str:
        return f"{self.kind.replace('_', ' ')} '{self.name}' of {self.distribution} {self.version}"


class Registry:
    """All plugins of a process; they are searched and imported on first use.

    Args:
        only: distributions to load; None for all. Core's own components are always loaded unless blocked.
        blocked: distributions, or components as ``distribution/name``, to exclude.
        files: single-file plugins.
        gate: restricts loading to the plugins of a lock.
        strict: raise on the first broken plugin instead of listing it; every registration hook then runs at once.

    Every method may raise `UserError` for a name in `only` or `blocked` that is not installed, for a file that cannot
    be imported, for a plugin that differs from the lock, and, if strict, for a broken plugin.
    """

    def __init__(
        self,
        *,
        only: Iterable[str] | None = None,
        blocked: Iterable[str] = (),
        files: Iterable[Path] = (),
        gate: Gate | None = None,
        strict: bool = False,
    ) -> None:
        self._only = None if only is None else tuple(only)
        self._blocked = tuple(blocked)
        self._files = tuple(files)
        self._gate = gate
        self._strict = strict
        self._set: PluginSet | None = None
        self._components: dict[str, tuple[Component, ...]] = {}
        self._blocked_components: list[Component] = []
        self._unlocked: tuple[EntryPoint, ...] = ()

    @classmethod
    def from_environment(
        cls,
        *,
        blocked: Iterable[str] = (),
        files: Iterable[Path] = (),
        gate: Gate | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> Registry:
        """A registry with the settings of ``GLASSHOUSE_LOAD_PLUGINS=a,b`` and ``GLASSHOUSE_STRICT_PLUGINS=1``.

        An empty ``GLASSHOUSE_LOAD_PLUGINS`` loads only core's own plugins.
        """
        listed = environment.get(LOAD_ONLY)
        only = None if listed is None else [name.strip() for name in listed.split(",") if name.strip()]
        strict = environment.get(STRICT, "") not in ("", "0")
        return cls(only=only, blocked=blocked, files=files, gate=gate, strict=strict)

    @property
    def hook(self) -> pluggy.HookRelay:
        """pluggy's hook relay, for callers that handle exceptions themselves."""
        return self._plugins().manager.hook

    @property
    def loaded(self) -> tuple[LoadedPlugin, ...]:
        """The loaded plugins, core's own first."""
        return tuple(self._plugins().loaded.values())

    @property
    def broken(self) -> tuple[BrokenPlugin, ...]:
        """The broken plugins so far; registration hooks of unused kinds have not run yet (see `check_all`)."""
        return tuple(self._plugins().broken)

    @property
    def broken_notice(self) -> str:
        """A clause for errors about unknown names, which a broken plugin may declare."""
        plugins = {broken.entry_point for broken in self.broken}
        count = "1 plugin is" if len(plugins) == 1 else f"{len(plugins)} plugins are"
        return f" {count} broken: see `glasshouse plugins doctor`." if plugins else ""

    @property
    def distributions(self) -> dict[str, str]:
        """Distribution -> version of every loaded plugin; a single file has its SHA-256 as version."""
        return {plugin.distribution: plugin.version for plugin in self.loaded}

    @property
    def unlocked(self) -> tuple[EntryPoint, ...]:
        """The installed plugins that are not loaded because they are not in the lock."""
        self._plugins()
        return self._unlocked

    @property
    def packages(self) -> frozenset[str]:
        """The top-level packages of plugins and components, whose classes a configuration may instantiate."""
        modules = [inspect.getmodule(plugin.plugin) for plugin in self.loaded]
        names = [module.__name__ for module in modules if module is not None]
        names += [component.class_path for kind in KINDS for component in self.components(kind)]
        return frozenset(name.partition(".")[0] for name in names)

    def check_all(self) -> tuple[BrokenPlugin, ...]:
        """Run the registration hooks of every kind and return all broken plugins."""
        for kind in KINDS:
            self.components(kind)
        return self.broken

    def components(self, kind: str) -> tuple[Component, ...]:
        """All components of a kind, by name and distribution."""
        if kind not in _TYPE_OF:
            raise ValueError(f"unknown kind {kind!r}; known: {', '.join(KINDS)}")
        plugins = self._plugins()
        if kind not in self._components:
            found: list[Component] = []
            for plugin, declaration in plugins.declared(_TYPE_OF[kind]):
                component = Component(
                    plugin=declaration,
                    distribution=plugin.distribution,
                    version=plugin.version,
                    entry_point=plugin.entry_point,
                )
                is_blocked = any(_means(component, name) for name in self._blocked if "/" in name)
                (self._blocked_components if is_blocked else found).append(component)
            self._components[kind] = tuple(sorted(found, key=lambda c: (c.name, c.distribution, c.entry_point)))
        return self._components[kind]

    def candidates(self, kind: str, name: str) -> tuple[Component, ...]:
        """All components with a short name, an alias or a ``distribution/name``."""
        return tuple(component for component in self.components(kind) if _means(component, name))

    def find(self, kind: str, name: str) -> Component:
        """The single component of a name; its target is not imported.

        Raises:
            UserError: if the name is unknown, blocked, or declared by several plugins.
        """
        found = self.candidates(kind, name)
        if len(found) == 1:
            return found[0]
        who = f"{kind.replace('_', ' ')} '{name}'"
        if found:
            raise _ambiguous(who, found)
        if any(component.kind == kind and _means(component, name) for component in self._blocked_components):
            raise UserError(who, "is blocked by --no-plugin.")
        known = {c.qualified_name if "/" in name else c.name for c in self.components(kind)}
        raise UserError(who, "is not known.", did_you_mean(name, known) + self.broken_notice)

    def shortest_name(self, component: Component) -> str:
        """A name for `find`: the short name if it is unique, else ``distribution/name``."""
        unique = len(self.candidates(component.kind, component.name)) == 1
        return component.name if unique else component.qualified_name

    def class_path(self, kind: str, name: str) -> str:
        """``package.module.Attribute`` of a short name whose requirements are installed; the target is not imported.

        Raises:
            UserError: as `find` and `require`.
        """
        component = self.find(kind, name)
        self.require(component)
        return component.class_path

    def require(self, component: Component) -> None:
        """Check that the requirements of a component are installed.

        Raises:
            UserError: with the command that installs the missing ones.
        """
        missing = component.missing_imports
        if missing:
            problem = f"requires {', '.join(missing)}, which is not installed."
            raise UserError(str(component), problem, f"Run: {component.install_hint}")

    def load(self, component: Component) -> Any:
        """Import the target of a component.

        Raises:
            UserError: if a requirement is not installed, the module cannot be imported, or it has no such attribute.
        """
        self.require(component)
        module_name, _, path = component.plugin.target.partition(":")
        try:
            found: Any = importlib.import_module(module_name)
        except UserError:
            raise
        except (Exception, SystemExit) as error:
            problem = f"{module_name} cannot be imported: {one_line(error)}."
            raise UserError(str(component), problem, "See the traceback with --debug.") from error
        for attribute in path.split("."):
            if not hasattr(found, attribute):
                public = [name for name in dir(found) if not name.startswith("_")]
                raise UserError(
                    str(component), f"{component.plugin.target} has no '{attribute}'.", did_you_mean(attribute, public)
                )
            found = getattr(found, attribute)
        return found

    @contextmanager
    def with_hooks(self, component: Component, options: Mapping[str, Any]) -> Iterator[None]:
        """Construct a hook plugin and call its hooks in the block.

        Args:
            component: of the kind ``hook``.
            options: the keywords of its constructor.

        Raises:
            UserError: if it refuses the options, or has no lifecycle hook.
        """
        try:
            instance = self.load(component)(**options)
        except (TypeError, ValueError) as error:
            raise UserError(
                str(component), f"cannot be set up: {error}.", f"See `glasshouse plugins show {component.name}`."
            ) from error
        with ExitStack() as stack:
            try:
                stack.enter_context(self._plugins().with_hooks(instance, f"{component.entry_point}/{component.name}"))
            except ValueError as error:
                raise UserError(str(component), f"{error}.", "Tell its author.") from error
            yield

    def call(self, hook_name: str, **arguments: Any) -> Any:
        """Call a lifecycle hook of all plugins; generators are consumed, so that their errors are raised here.

        Returns:
            pluggy's result: a list with one entry for each plugin that did not return None, or the first result.

        Raises:
            UserError: as raised by a plugin, or naming the plugin whose implementation raised something else.
        """
        plugins = self._plugins()
        try:
            answer = getattr(plugins.manager.hook, hook_name)(**arguments)
            if isinstance(answer, list):
                return [list(part) if isinstance(part, GeneratorType) else part for part in answer]
            return answer
        except UserError:
            raise
        except Exception as error:
            culprit = plugins.plugin_that_raised(hook_name, error)
            if culprit is None or culprit == CORE.id:
                raise
            raise UserError(
                f"plugin '{culprit}'",
                f"{hook_name} raised {one_line(error)}.",
                f"Exclude it with --no-plugin {plugins.loaded[culprit.partition('/')[0]].distribution}, or see the "
                "traceback with --debug.",
            ) from error

    def _plugins(self) -> PluginSet:
        if self._set is None:
            entries = [CORE, *installed()]
            self._check_distributions(entries)
            plugins = PluginSet(strict=self._strict)
            wanted = [entry for entry in entries if self._is_wanted(entry)]
            files = [file for file in self._files if not is_one_of(file.name, self._blocked)]
            if self._gate is not None:
                admitted = self._gate.admit(wanted, files)  # before any of their code runs
                self._unlocked = tuple(entry for entry in wanted if entry not in admitted)
                wanted = admitted
            # pluggy calls the last registered first: files, then distributions, core's own at the end
            for entry in wanted:
                plugins.add(entry)
            for file in files:
                plugins.add_file(file)
            if self._gate is not None:
                self._gate.check_loaded(plugins)
            self._set = plugins
            try:
                if self._strict:
                    self.check_all()
                self._check_blocked_components()
            except UserError:
                self._set = None  # raise again on the next use
                raise
        return self._set

    def _is_wanted(self, entry: EntryPoint) -> bool:
        if is_one_of(entry.distribution, self._blocked):
            return False
        return entry is CORE or self._only is None or is_one_of(entry.distribution, self._only)

    def _check_distributions(self, entries: list[EntryPoint]) -> None:
        """A misspelt name must not silently load what should be blocked, nor block what should be loaded."""
        known = {entry.distribution for entry in entries} | {file.name for file in self._files}
        requested = [(LOAD_ONLY, name) for name in self._only or ()]
        requested += [("--no-plugin", name.partition("/")[0]) for name in self._blocked]
        for who, name in requested:
            if not is_one_of(name, known):
                raise UserError(who, f"no plugin distribution '{name}' is installed.", did_you_mean(name, known))

    def _check_blocked_components(self) -> None:
        for name in self._blocked:
            if "/" in name:
                self.check_all()
                if not any(_means(component, name) for component in self._blocked_components):
                    theirs = f"{name.partition('/')[0]}/"
                    declared = {c.qualified_name for kind in KINDS for c in self.components(kind)}
                    near = {other for other in declared if normalized(other).startswith(normalized(theirs))}
                    raise UserError("--no-plugin", f"there is no component '{name}'.", did_you_mean(name, near))


def _means(component: Component, name: str) -> bool:
    distribution, slash, short = name.rpartition("/")
    if slash and normalized(distribution) != normalized(component.distribution):
        return False
    return short in (component.name, *component.plugin.aliases)


def _ambiguous(who: str, found: tuple[Component, ...]) -> UserError:
    if len({component.distribution for component in found}) < len(found):
        entries = " and by ".join(f"{component.entry_point} ({component.version})" for component in found)
        return UserError(who, f"is declared by {entries}.", "One distribution declares it twice: tell its author.")
    origins = " and by ".join(f"{component.distribution} {component.version}" for component in found)
    spelled = " or ".join(component.qualified_name for component in found)
    return UserError(who, f"is declared by {origins}.", f"Write {spelled}, or block one with --no-plugin.")


def _importable(module: str) -> bool:
    if module in sys.modules:
        return True
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):  # a missing or broken parent; a module without a spec
        return False


_current: Registry | None = None


def registry() -> Registry:
    """The registry of this process, made from the environment on first use."""
    global _current
    if _current is None:
        _current = Registry.from_environment()
    return _current


def set_registry(new: Registry | None) -> None:
    """Replace the registry of this process, as the command line does for its options about plugins."""
    global _current
    _current = new
