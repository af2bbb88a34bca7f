"""YAML files as plain values, and which of them sets a key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from glasshouse.config.short_names import CONFIG_OPTIONS
from glasshouse.errors import UserError
from glasshouse.system.yaml_text import read_yaml_text


def read_yaml(path: Path) -> dict[str, Any]:
    """A configuration file as plain values; an empty one is an empty mapping.

    Raises:
        UserError: if it is missing, unreadable, no YAML, or not a mapping.
    """
    who = f"--config {path}"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        problem = f"cannot be read: {error.strerror or error}."
        raise UserError(who, problem, "Give the path of a YAML file.") from None
    except UnicodeDecodeError:
        raise UserError(who, "is not text in UTF-8.", "Give the path of a YAML file.") from None
    try:
        tree = read_yaml_text(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error)
        raise UserError(
            who, f"is not valid YAML{where}: {problem}.", "Check brackets, colons and indentation there."
        ) from None
    if tree is not None and not isinstance(tree, dict):
        kind = "a list" if isinstance(tree, list) else "text" if isinstance(tree, str) else repr(tree)
        raise UserError(who, f"expected a mapping of keys, received {kind}.", "Write e.g. `model: mlp`.")
    for key in tree or {}:
        if not isinstance(key, str):
            raise UserError(who, f"expected keys that are text, received {key!r}.", "Put it in quotation marks.")
    return tree or {}


MADE_BY = "made_by"
"""The key of config.yaml that names the Python function that wrote it."""


def refuse_made_by_python(config: Mapping[str, Any], who: str) -> None:
    """Refuse the configuration of an audit from Python: it records what was done, and cannot be run.

    Raises:
        UserError: naming the call that made it.
    """
    if MADE_BY in config:
        raise UserError(
            who,
            f"describes an audit by {config[MADE_BY]}; its model and data cannot be built from this file.",
            "Audit them again from Python.",
        )


def named_files(pairs: Sequence[tuple[str, str | None]]) -> list[Path]:
    """The configuration files among (option, value) pairs of a command line, in order."""
    return [Path(value) for option, value in pairs if option in CONFIG_OPTIONS and value is not None]


def place(key: str, pairs: Sequence[tuple[str, str | None]]) -> str:
    """Where a key was given, as an error names it: ```--trainer.max_epochs` `` or ```trainer.max_epochs` in run.yaml``.

    Args:
        key: dotted, as in a file: ``model.init_args.hidden``.
        pairs: the command line as (option, value) pairs.
    """
    short = key.replace(".init_args.", ".")
    typed = {option.rstrip("+") for option, _ in pairs}
    for spelled in (key, short):
        if f"--{spelled}" in typed:
            return f"`--{spelled}`"
    for path in reversed(named_files(pairs)):
        if _holds(read_yaml(path), key.split(".")):
            return f"`{key}` in {path}"
    chosen = key.partition(".")[0]
    return f"`--{chosen}`" if f"--{chosen}" in typed else f"`{key}`"


def _holds(tree: Any, parts: Sequence[str]) -> bool:
    if not parts:
        return True
    if isinstance(tree, list):  # callbacks and the like: any of them
        return any(_holds(item, parts) for item in tree)
    return isinstance(tree, dict) and parts[0] in tree and _holds(tree[parts[0]], parts[1:])
