"""Locks: versions and file hashes of plugins, and their comparison with the installed plugins.

Each run's ``provenance.json`` contains a lock (`plugins`, `plugin_specification` and `plugin_contents`);
``glasshouse plugins lock`` writes one without a run.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glasshouse.errors import UserError
from glasshouse.plugins.discovery import EntryPoint, normalized
from glasshouse.plugins.hookspecs import SPEC_VERSION
from glasshouse.plugins.loading import LoadedPlugin, PluginSet
from glasshouse.plugins.lock.origin import content_of_file, content_of_modules, origin_of
from glasshouse.plugins.single_file import fingerprint

SCHEMA = "glasshouse/plugins/1"
WHO = "--only-locked"

NOT_FOUND = "not found"
"""The content of missing files, as of an editable install whose folder no longer exists."""


@dataclass(frozen=True, kw_only=True)
class LockedPlugin:
    """A distribution or a single file with plugins."""

    name: str
    """The distribution, or the file's name."""
    version: str
    content: str | None
    """``sha256:...`` if the version does not identify the content; None if it does."""

    @property
    def is_file(self) -> bool:
        """Whether it is a single file, whose version is the beginning of its hash."""
        return self.version.startswith("sha256:")


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A plugin that differs from the lock."""

    text: str
    """``our-lab is 2.6 instead of 2.5``."""
    requirement: str | None = None
    """The requirement for pip that restores it, ``our-lab==2.5``; None if no version identifies it."""


@dataclass(frozen=True, kw_only=True)
class Lock:
    """Plugins by normalised name."""

    plugins: Mapping[str, LockedPlugin]
    specification: str | None
    with_contents: bool
    """Whether contents were hashed: the records of earlier glasshouse versions contain versions only."""

    @classmethod
    def of(cls, plugins: Iterable[LockedPlugin]) -> Lock:
        """A lock of the given plugins."""
        found = {normalized(plugin.name): plugin for plugin in plugins}
        return cls(plugins=found, specification=SPEC_VERSION, with_contents=True)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Lock:
        """A lock from its own file or from a run's provenance.

        Raises:
            ValueError: for invalid values.
        """
        listed, contents = values.get("plugins"), values.get("plugin_contents", {})
        texts = isinstance(listed, list) and all(isinstance(item, str) and "==" in item for item in listed)
        if not texts or not isinstance(contents, Mapping):
            raise ValueError("`plugins` is not a list of name==version")
        pairs = (item.split("==", 1) for item in listed or ())
        found = [LockedPlugin(name=name, version=version, content=contents.get(name)) for name, version in pairs]
        return cls(
            plugins={normalized(plugin.name): plugin for plugin in found},
            specification=values.get("plugin_specification"),
            with_contents="plugin_contents" in values,
        )

    def to_dict(self) -> dict[str, Any]:
        """Its values in provenance: `plugins`, `plugin_specification`, `plugin_contents`."""
        listed = sorted(self.plugins.values(), key=lambda plugin: plugin.name)
        return {
            "plugins": [f"{plugin.name}=={plugin.version}" for plugin in listed],
            "plugin_specification": self.specification,
            "plugin_contents": {plugin.name: plugin.content for plugin in listed if plugin.content is not None},
        }


def lock_of(loaded: Iterable[LoadedPlugin]) -> Lock:
    """The lock of the loaded plugins."""
    plugins = list(loaded)
    entries = [(plugin.distribution, plugin.version, plugin.module) for plugin in plugins if plugin.file is None]
    files = [_of_file(plugin.file) for plugin in plugins if plugin.file is not None]
    return Lock.of([*_of_distributions(entries), *files])


def read_lock(path: Path) -> Lock:
    """The lock in a run's folder, its provenance.json, or a file that ``glasshouse plugins lock`` wrote.

    Raises:
        UserError: if there is no valid lock.
    """
    file = path / "provenance.json" if path.is_dir() else path
    remedy = "Give the folder of a run, its provenance.json, or a file of `glasshouse plugins lock --out FILE`."
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{WHO} {path}", f"{file.name} cannot be read: {error.strerror}.", remedy) from None
    except ValueError:
        raise UserError(f"{WHO} {path}", f"{file.name} is not valid JSON.", remedy) from None
    try:
        return Lock.from_dict(values if isinstance(values, Mapping) else {})
    except ValueError as error:
        raise UserError(f"{WHO} {path}", f"{file.name} is not a lock: {error}.", remedy) from None


def differences(then: Lock, now: Lock) -> list[Difference]:
    """The differences between two locks, by name: missing, other version, other files, added."""
    found = []
    for name in sorted({*then.plugins, *now.plugins}):
        before, here = then.plugins.get(name), now.plugins.get(name)
        if here is None:
            assert before is not None
            found.append(Difference(text=f"{_called(before)} is missing", requirement=_requirement(before)))
        elif before is None:
            found.append(Difference(text=f"{_called(here)} is added"))
        elif before.version != here.version and not before.is_file:
            text = f"{before.name} is {here.version} instead of {before.version}"
            found.append(Difference(text=text, requirement=_requirement(before)))
        elif before.version != here.version or (then.with_contents and before.content != here.content):
            found.append(Difference(text=f"the files of {_called(before)} differ", requirement=_requirement(before)))
    return found


@dataclass(frozen=True, kw_only=True)
class LockGate:
    """``--only-locked``: loads only the plugins of a lock, and only unchanged ones."""

    lock: Lock
    path: Path

    def admit(self, entries: Sequence[EntryPoint], files: Sequence[Path]) -> list[EntryPoint]:
        """The entry points that may be loaded: those of the distributions in the lock.

        Raises:
            UserError: naming every missing or changed distribution or file, and every file that is not in the lock,
                since the user asked for it.
        """
        admitted = [entry for entry in entries if normalized(entry.distribution) in self.lock.plugins]
        present = _of_distributions([(entry.distribution, entry.version, _module(entry)) for entry in admitted])
        here = Lock.of([*present, *(_of_file(file) for file in map(Path.expanduser, files) if file.is_file())])
        self._refuse(differences(self.lock, here))
        return admitted

    def check_loaded(self, plugins: PluginSet) -> None:
        """Refuse to continue if an installed plugin of the lock cannot be loaded.

        Raises:
            UserError: with the reason.
        """
        loaded = {normalized(plugin.distribution) for plugin in plugins.loaded.values()}
        self._refuse(
            [
                Difference(text=f"{broken.distribution} {broken.version} cannot be loaded: {broken.reason}")
                for broken in plugins.broken
                if broken.hook is None and normalized(broken.distribution) not in loaded
            ]
        )

    def _refuse(self, found: Sequence[Difference]) -> None:
        if not found:
            return
        requirements = [difference.requirement for difference in found if difference.requirement]
        install = f"Run: pip install {' '.join(requirements)}" if requirements else "Restore the locked plugins"
        raise UserError(
            f"{WHO} {self.path}",
            f"{'; '.join(difference.text for difference in found)}.",
            f"{install}, or lock the installed plugins with `glasshouse plugins lock --out FILE`.",
        )


def _of_distributions(entries: Iterable[tuple[str, str, str]]) -> list[LockedPlugin]:
    """(distribution, version, module) of entry points -> one plugin for each distribution."""
    modules: dict[tuple[str, str], list[str]] = {}
    for distribution, version, module in entries:
        modules.setdefault((distribution, version), []).append(module)
    return [
        LockedPlugin(
            name=distribution,
            version=version,
            content=None if origin_of(distribution).version_says_all else content_of_modules(theirs) or NOT_FOUND,
        )
        for (distribution, version), theirs in modules.items()
    ]


def _of_file(path: Path) -> LockedPlugin:
    return LockedPlugin(name=path.name, version=fingerprint(path), content=content_of_file(path))


def _module(entry: EntryPoint) -> str:
    try:
        return entry.module
    except ValueError:  # a broken entry point without a module, which is reported as broken
        return ""


def _called(plugin: LockedPlugin) -> str:
    return plugin.name if plugin.is_file else f"{plugin.name} {plugin.version}"


def _requirement(plugin: LockedPlugin) -> str | None:
    return f"{plugin.name}=={plugin.version}" if plugin.content is None and not plugin.is_file else None
