"""Short names wherever a class path may stand: ``--model mlp``, ``model: mlp``, ``{class_path: mlp}``.

Pure rewriting of arguments and of loaded YAML, before any parser or heavy import, so that a misspelt name
is answered in a tenth of a second. What has a dot or a capital letter is a class path and passes untouched.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from glasshouse.errors import UserError

KINDS = {"model": "model", "data": "data", "optimizer": "optimizer", "lr_scheduler": "lr_scheduler"}
"""Configuration key -> kind of component."""

ClassPath = Callable[[str, str], str]
"""(kind, short name) -> class path; raises `UserError` for an unknown name."""

_SHORT = re.compile(r"([A-Za-z0-9._-]+/)?[a-z][a-z0-9_]*")


def is_short(value: object) -> bool:
    """Whether a value can only be a component's name: ``mlp`` or ``some-distribution/mlp``."""
    return isinstance(value, str) and _SHORT.fullmatch(value) is not None


def resolve_value(kind: str, value: Any, class_path: ClassPath) -> Any:
    """A component as configuration has it (name, class path, or a mapping with `class_path`), with its name resolved."""
    if isinstance(value, dict):
        if is_short(value.get("class_path")):
            return {**value, "class_path": class_path(kind, value["class_path"])}
        return value
    return class_path(kind, value) if is_short(value) else value


def resolve_tree(tree: Any, class_path: ClassPath) -> Any:
    """A loaded configuration file with the names under `KINDS` resolved; other values are returned as they are."""
    if not isinstance(tree, dict):
        return tree
    return {key: resolve_value(KINDS[key], value, class_path) if key in KINDS else value for key, value in tree.items()}


def resolve_arguments(argv: list[str], class_path: ClassPath) -> list[str]:
    """The command line with names resolved in every form that takes a class path.

    ``--model mlp``, ``--model=mlp``, ``--model.class_path mlp``, ``--model.help mlp``, ``--model '{"class_path": "mlp"}'``
    and the same with ``=``.
    """
    resolved: list[str] = []
    expects: str | None = None  # the kind that the next token names
    for token in argv:
        if expects is not None:
            resolved.append(_resolve_token(expects, token, class_path))
            expects = None
            continue
        option, equals, value = token.partition("=")
        kind = _kind_of(option)
        if kind is None:
            resolved.append(token)
        elif equals:
            resolved.append(f"{option}={_resolve_token(kind, value, class_path)}")
        else:
            resolved.append(token)
            expects = kind
    return resolved


def check_files(argv: list[str], class_path: ClassPath) -> None:
    """Raise for an unknown name in any configuration file on the command line, before anything heavy is imported."""
    for path in config_files(argv):
        resolve_tree(read_yaml(path), class_path)


def config_files(argv: list[str]) -> list[Path]:
    """The files given with ``--config``, ``--config=`` or ``-c``."""
    found = []
    for position, token in enumerate(argv):
        if token in ("--config", "-c") and position + 1 < len(argv):
            found.append(Path(argv[position + 1]))
        elif token.startswith("--config="):
            found.append(Path(token.removeprefix("--config=")))
    return found


def read_yaml(path: Path) -> Any:
    """A configuration file as plain values.

    Raises:
        UserError: if it is missing, unreadable, no YAML, or not a mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"--config {path}", f"cannot be read: {error.strerror or error}.", "Give the path of a YAML file."
        ) from None
    try:
        tree = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not valid YAML"
        raise UserError(f"--config {path}", f"is not valid YAML{where}: {problem}.") from None
    if tree is not None and not isinstance(tree, dict):
        raise UserError(f"--config {path}", f"expected a mapping of keys, received a {type(tree).__name__}.")
    return tree or {}


def _kind_of(option: str) -> str | None:
    for key, kind in KINDS.items():
        if option in (f"--{key}", f"--{key}.class_path", f"--{key}.help"):
            return kind
    return None


def _resolve_token(kind: str, token: str, class_path: ClassPath) -> str:
    if token.lstrip().startswith("{"):
        try:
            value = yaml.safe_load(token)
        except yaml.YAMLError:
            return token  # the parser says what is wrong with it
        return json.dumps(resolve_value(kind, value, class_path))
    return str(resolve_value(kind, token, class_path))
