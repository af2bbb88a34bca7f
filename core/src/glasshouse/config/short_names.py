"""Short names wherever a class path is expected: ``--model mlp``, ``model: mlp``, ``{class_path: mlp}``.

Arguments and loaded YAML are rewritten before any parser or heavy import, so that a misspelt name is reported in a
tenth of a second. A value with a dot is a class path and stays as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

import yaml

from glasshouse.errors import UserError
from glasshouse.system.yaml_text import read_yaml_text

KINDS = {"model": "model", "data": "data", "optimizer": "optimizer", "lr_scheduler": "lr_scheduler"}
"""Configuration key -> kind of component."""

TRAINER_KINDS = {"callbacks": "technique", "logger": "logger"}
"""Option of the Trainer -> kind of what it takes, one or a list. A logger has no short name, only a class name."""

LISTS = ("audits", "techniques", "report", "sensitive")
"""Keys that the command line also takes as ``a,b``, as ``glasshouse audit --audits a,b`` does."""

CONFIG_OPTIONS = ("--config", "-c")

FLAGS = ("-h", "--help", "--no_audits", "--gate")
"""Options that take no value."""

ClassPath = Callable[[str, str], str]
"""(kind, name without a dot) -> class path; raises `UserError` for an unknown name."""

Members = Callable[[str | None], Iterable[str]]
"""Class path of a model -> its options that are models themselves; None: those of all models."""


def no_members(_: str | None) -> Iterable[str]:
    """For models without models inside."""
    return ()


_SHORT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*/)?[a-z][a-z0-9_]*")
_CLASS_NAME = re.compile(r"[A-Z]\w*")


def is_short(value: object) -> bool:
    """Whether a value is the form of a component's name: ``mlp`` or ``some-distribution/mlp``."""
    return isinstance(value, str) and _SHORT.fullmatch(value) is not None


def is_class_name(value: object) -> bool:
    """Whether a value is a class without its module, as LightningCLI takes it: ``Adam``."""
    return isinstance(value, str) and _CLASS_NAME.fullmatch(value) is not None


def resolve_value(kind: str, value: Any, class_path: ClassPath, members: Members = no_members) -> Any:
    """A component (a name, a class path, a mapping, a list of them) with its name resolved, and those of the models
    inside it."""
    if isinstance(value, list):
        return [resolve_value(kind, item, class_path, members) for item in value]
    if isinstance(value, dict):
        if "class_path" not in value:
            return value
        resolved = {**value, "class_path": resolve_value(kind, value["class_path"], class_path)}
        arguments = value.get("init_args")
        if kind == "model" and isinstance(arguments, dict):
            given = [name for name in members(resolved["class_path"]) if name in arguments]
            inner = {name: resolve_value(kind, arguments[name], class_path, members) for name in given}
            resolved["init_args"] = {**arguments, **inner}
        return resolved
    named = is_class_name(value) or (is_short(value) and kind != "logger")
    return class_path(kind, value) if named else value


def resolve_tree(tree: Any, class_path: ClassPath, members: Members = no_members) -> Any:
    """A loaded configuration file with the names of components resolved; other values are returned as they are."""
    if not isinstance(tree, dict):
        return tree
    resolved = _resolve_keys(tree, KINDS, class_path, members)
    if isinstance(resolved.get("trainer"), dict):
        resolved["trainer"] = _resolve_keys(resolved["trainer"], TRAINER_KINDS, class_path, members)
    return resolved


def _resolve_keys(
    tree: dict[str, Any], kinds: dict[str, str], class_path: ClassPath, members: Members
) -> dict[str, Any]:
    return {
        key: resolve_value(kinds[key], value, class_path, members) if key in kinds else value
        for key, value in tree.items()
    }


def resolve_arguments(argv: list[str], class_path: ClassPath, members: Members = no_members) -> list[str]:
    """The command line with names resolved in every form that takes a class path, and in the order of precedence.

    ``--model mlp``, ``--model.class_path mlp``, ``--model.help mlp``, ``--model '{class_path: mlp}'`` and the same with
    ``=``. Configuration files come first, so that the command line overrides them wherever it names
    them; ``--model.hidden [8]`` before ``--model mlp`` means the same as after it.
    """
    pairs = options(argv)
    files = [pair for pair in pairs if pair[0] in CONFIG_OPTIONS]
    rest = [pair for pair in pairs if pair[0] not in CONFIG_OPTIONS]
    meant = [
        (option, value if value is None or option == "-c" else _meant(option, value, class_path, members))
        for option, value in [*files, *_choices_first(rest)]
    ]
    return as_arguments(meant)


def as_arguments(pairs: Iterable[tuple[str, str | None]]) -> list[str]:
    """A command line of (option, value) pairs, as `options` takes it apart."""
    arguments: list[str] = []
    for option, value in pairs:
        arguments += [option] if value is None else [option, value] if option == "-c" else [f"{option}={value}"]
    return arguments


def options(argv: list[str]) -> list[tuple[str, str | None]]:
    """The command line as (option, value) pairs; the value of a flag is None."""
    pairs: list[tuple[str, str | None]] = []
    position = 0
    while position < len(argv):
        option, equals, value = argv[position].partition("=")
        position += 1
        if not option.startswith("-"):
            pairs.append((argv[position - 1], None))
        elif equals:
            pairs.append((option, value))
        elif position < len(argv) and not argv[position].startswith("--") and option not in FLAGS:
            pairs.append((option, argv[position]))
            position += 1
        else:
            pairs.append((option, None))
    return pairs


def _choices_first(pairs: list[tuple[str, str | None]]) -> list[tuple[str, str | None]]:
    """Move options of a component that precede its first choice to just after that choice."""
    for key in KINDS:
        choice = next((i for i, (option, _) in enumerate(pairs) if option in (f"--{key}", f"--{key}.class_path")), None)
        if choice is not None:
            early = [pair for pair in pairs[:choice] if pair[0].startswith(f"--{key}.")]
            others = [pair for pair in pairs[:choice] if pair not in early]
            pairs = [*others, pairs[choice], *early, *pairs[choice + 1 :]]
    return pairs


def _meant(option: str, value: str, class_path: ClassPath, members: Members) -> str:
    key = option.removeprefix("--")
    if key in LISTS and not value.startswith(("[", "{")) and value not in ("", "null"):
        return json.dumps([part.strip() for part in value.split(",")])
    kind = "model" if key.removeprefix("model.") in members(None) else _kind_of(key)
    if kind is None:
        return value
    if not value.lstrip().startswith(("{", "[")):
        return str(resolve_value(kind, value, class_path))
    try:
        return json.dumps(resolve_value(kind, read_yaml_text(value), class_path, members))
    except yaml.YAMLError as error:
        problem = getattr(error, "problem", None) or str(error)
        remedy = f"Write e.g. `{option} '{{class_path: NAME, init_args: {{...}}}}'`."
        raise UserError(f"`{option}`", f"is neither YAML nor JSON: {problem}.", remedy) from None


def _kind_of(key: str) -> str | None:
    """The kind of component that an option names, or None."""
    for name, kind in (*KINDS.items(), *((f"trainer.{name}", kind) for name, kind in TRAINER_KINDS.items())):
        if key in (name, f"{name}+", f"{name}.class_path", f"{name}.help"):
            return kind
    return None
