"""What configuration files and the command line set, merged as the parser merges them: the last one wins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from glasshouse.config.short_names import KINDS
from glasshouse.system.yaml_text import read_yaml_text

UNREAD = object()
"""The value of an option of which only a part is set here, such as ``--model.body.init_args.width 3``."""

NOT_OPTIONS = ("help", "dict_kwargs")


@dataclass
class ChosenClass:
    """A component's class path and its options."""

    class_path: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    is_file: bool = False
    """Set by a file of its own (``--model model.yaml``), which the parser reads."""

    def update(self, value: Any) -> None:
        """Take a value as YAML has it: a class path, a mapping of class_path and init_args, or None."""
        if isinstance(value, str):
            self._choose(value)
        elif isinstance(value, Mapping):
            if isinstance(value.get("class_path"), str):
                self._choose(value["class_path"])
            arguments = value.get("init_args")
            if isinstance(arguments, Mapping):
                self.options |= arguments
        elif value is None:
            self.class_path, self.options, self.is_file = None, {}, False

    def set(self, dotted: str, value: str) -> None:
        """Take ``--model.DOTTED VALUE`` from the command line."""
        if dotted == "class_path":
            self._choose(value)
            return
        if dotted == "init_args":
            self.update({"init_args": loaded(value)})
            return
        name, _, below = dotted.removeprefix("init_args.").partition(".")
        if name not in NOT_OPTIONS:
            self.options[name.rstrip("+")] = UNREAD if below or name.endswith("+") else value

    def _choose(self, class_path: str) -> None:
        if self.class_path not in (None, class_path):
            self.options = {}
        self.class_path = class_path
        self.is_file = is_file(class_path)


@dataclass
class Settings:
    """All keys that are set."""

    components: dict[str, ChosenClass] = field(default_factory=dict)
    """Model, data, optimizer and schedule."""
    trainer: dict[str, Any] = field(default_factory=dict)
    own: dict[str, Any] = field(default_factory=dict)
    """Every other key."""


def read_settings(trees: Iterable[Mapping[str, Any]], arguments: Iterable[tuple[str, str | None]]) -> Settings:
    """Merge files and command line.

    Args:
        trees: the contents of the configuration files, names of components resolved.
        arguments: the command line as (option, value) pairs, names of components resolved.
    """
    settings = Settings()
    for tree in trees:
        for key, value in tree.items():
            if key in KINDS:
                settings.components.setdefault(key, ChosenClass()).update(value)
            elif key == "trainer":
                settings.trainer |= value or {}
            else:
                settings.own[key] = value
    for option, value in arguments:
        if value is not None and option.startswith("--"):
            _set(settings, option.removeprefix("--"), value)
    return settings


def _set(settings: Settings, dotted: str, value: str) -> None:
    key, _, below = dotted.partition(".")
    if key in KINDS:
        chosen = settings.components.setdefault(key, ChosenClass())
        if below:
            chosen.set(below, value)
        else:
            mapping = loaded(value)
            chosen.update(mapping if isinstance(mapping, Mapping) or mapping is None else value)
    elif key == "trainer":
        if below:
            name, _, deeper = below.partition(".")
            settings.trainer[name.rstrip("+")] = UNREAD if deeper or name.endswith("+") else loaded_class(value)
        elif isinstance(mapping := loaded(value), Mapping):
            settings.trainer |= mapping
    elif not below:
        settings.own[key.rstrip("+")] = UNREAD if key.endswith("+") else value


def loaded(text: str) -> Any:
    """A value of the command line as YAML reads it; the text itself where it is no YAML."""
    try:
        return read_yaml_text(text)
    except yaml.YAMLError:
        return text


def loaded_class(text: str) -> Any:
    """As `loaded`, for mappings and lists alone: all else stays the text that was typed."""
    value = loaded(text)
    return value if isinstance(value, (Mapping, list)) else text


def is_file(text: str) -> bool:
    """Whether a value names a file with a component's configuration rather than a class."""
    return Path(text).suffix in (".yaml", ".yml", ".json")
