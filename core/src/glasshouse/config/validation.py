"""What can be refused in a tenth of a second: names and shapes of a configuration, before torch is imported."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from glasshouse.config.member_models import options_with_models
from glasshouse.config.run_options import KEYS, LIST_KEYS, parse_choices
from glasshouse.config.short_names import KINDS, is_short, options, resolve_arguments, resolve_tree
from glasshouse.config.yaml_files import named_files, read_yaml, refuse_made_by_python
from glasshouse.errors import UserError, did_you_mean
from glasshouse.plugins import Registry

_COMPONENT_KEYS = ("class_path", "init_args", "dict_kwargs")


def check(argv: list[str], registry: Registry) -> None:
    """Look through the command line and its configuration files.

    Raises:
        UserError: for a file that cannot be read, an unknown key, a component that is no name, class path or mapping,
            or the unknown name of a component, audit, technique, report format or policy.
    """

    def class_path(kind: str, name: str) -> str:
        return registry.class_path(kind, name) if is_short(name) else name

    def members(path: str | None) -> tuple[str, ...]:
        return options_with_models(registry, path)

    arguments = options(resolve_arguments(argv, class_path, members))
    meant: dict[str, Any] = {}
    for path in named_files(arguments):
        tree = read_yaml(path)
        check_shape(tree, path)
        resolve_tree(tree, class_path, members)
        meant |= tree
    meant |= {option.removeprefix("--"): _loaded(value) for option, value in arguments if value is not None}
    _check_names(meant, registry)


def check_shape(tree: Mapping[str, Any], path: Path) -> None:
    """Refuse unknown keys of a configuration file, and values that cannot be what their key asks for."""
    refuse_made_by_python(tree, str(path))
    for key, value in tree.items():
        who = f"`{key}` in {path}"
        if key not in KEYS:
            raise UserError(who, "is no key of a configuration.", did_you_mean(key, KEYS))
        if value is None:
            continue
        if key == "trainer" and not isinstance(value, dict):
            raise UserError(who, f"expected a mapping, received {value!r}.", "Write e.g. `trainer: {max_epochs: 10}`.")
        if key in KINDS:
            _check_component(who, key, value)


def _check_component(who: str, key: str, value: Any) -> None:
    example = f"Write `{key}: NAME` or `{key}: {{class_path: NAME, init_args: {{...}}}}`."
    if isinstance(value, str):
        return
    if not isinstance(value, dict) or not ({"class_path", "init_args"} & value.keys()):
        raise UserError(
            who, f"expected a name, a class path or a mapping with class_path, received {value!r}.", example
        )
    for inner in value:
        if inner not in _COMPONENT_KEYS:
            raise UserError(who, f"'{inner}' stands beside class_path; options belong under init_args.", example)
    if not isinstance(value.get("class_path", ""), str):
        raise UserError(who, f"expected text as class_path, received {value['class_path']!r}.", example)
    if not isinstance(value.get("init_args") or {}, dict):
        raise UserError(who, f"expected a mapping under init_args, received {value['init_args']!r}.", example)


def _check_names(meant: Mapping[str, Any], registry: Registry) -> None:
    for key, kind in LIST_KEYS.items():
        entries = meant.get(key)
        if isinstance(entries, list):  # what is no list, the parser refuses with the key's type
            for choice in parse_choices(key, entries):
                registry.find(kind, choice.name)
    if isinstance(meant.get("policy"), str):
        from glasshouse.policy.rules import load_policy

        load_policy(meant["policy"])


def _loaded(value: str) -> Any:
    try:
        return yaml.safe_load(value)
    except yaml.YAMLError:
        return value
