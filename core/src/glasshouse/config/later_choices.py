"""A later choice of a class starts from its own defaults: what was set for the class before it is dropped.

The parser would carry over every option that both classes have, so that SGD with ``lr: 5`` in a file and
``--optimizer adamw`` on the command line would train AdamW with ``lr: 5``
(jsonargparse issue 460: https://github.com/omni-us/jsonargparse/issues/460).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glasshouse.config.settings import is_file, loaded
from glasshouse.config.short_names import KINDS

Key = tuple[str, ...]
"""A dotted key, in parts: ``("optimizer", "init_args", "lr")``."""

_SPEC = ("class_path", "init_args", "dict_kwargs")


@dataclass(frozen=True)
class Replaced:
    """A choice that a later one replaces."""

    key: Key
    """Where the class is chosen: ``("optimizer",)``."""
    before: str
    """The class path of the earlier choice."""
    after: str
    """The class path of the later choice."""
    options: tuple[str, ...]
    """The options that were set for the earlier choice."""

    def __str__(self) -> str:
        key = ".".join(part for part in self.key if part != "init_args")
        names = (self.before.rpartition(".")[2], self.after.rpartition(".")[2])
        return f"{key}: {names[1]} replaces {names[0]}, whose options are dropped: {', '.join(self.options)}"


def superseded(sources: Sequence[Mapping[str, Any]]) -> tuple[list[set[Key]], list[Replaced]]:
    """What each source sets for a class that a later source replaces.

    Args:
        sources: configuration files and options of the command line as trees, in the order of precedence, names of
            components resolved.

    Returns:
        For each source the keys to leave out of it, and the replacements that drop options.
    """
    dropped: list[set[Key]] = [set() for _ in sources]
    replaced: list[Replaced] = []
    _visit((), list(enumerate(sources)), dropped, replaced)
    return dropped, replaced


def _visit(key: Key, values: Sequence[tuple[int, Any]], dropped: list[set[Key]], replaced: list[Replaced]) -> None:
    """Find what is superseded at a key and below it; `values` are (source, value) pairs in order."""
    start, current, options = 0, None, dict[str, None]()
    for position, (_, value) in enumerate(values):
        chosen = _class_of(value, of_component=len(key) == 1 and key[0] in KINDS)
        if isinstance(value, list) or value is None:
            start, current, options = position, None, {}
        elif chosen is not None:
            if current not in (None, chosen):
                start = position
                if options:
                    replaced.append(Replaced(key, str(current), chosen, tuple(options)))
                options = {}
            current = chosen
        if isinstance(value, Mapping):
            options |= dict.fromkeys(value.get("init_args") or {})
    for source, _ in values[:start]:
        dropped[source].add(key)
    children: dict[str, list[tuple[int, Any]]] = {}
    for source, value in values[start:]:
        for name, child in value.items() if isinstance(value, Mapping) else ():
            if name != "class_path":
                children.setdefault(name, []).append((source, child))
    for name, found in children.items():
        if len(found) > 1:
            _visit((*key, name), found, dropped, replaced)


def _class_of(value: Any, *, of_component: bool) -> str | None:
    """The class path that a value chooses; None where it chooses none. Only a component is chosen by text."""
    if isinstance(value, Mapping):
        path = value.get("class_path")
        return path if isinstance(path, str) else None
    if not of_component or not isinstance(value, str):
        return None
    if not is_file(value):
        return value if "." in value else None
    try:
        return _class_of(loaded(Path(value).read_text(encoding="utf-8")), of_component=False)
    except (OSError, UnicodeDecodeError):
        return None  # the parser refuses it


@dataclass(frozen=True)
class LastChoices:
    """Files and command line without what a later choice supersedes."""

    trees: list[dict[str, Any]]
    """The contents of the files."""
    arguments: list[tuple[str, str | None]]
    """The command line."""
    superseded: list[frozenset[Key]]
    """The keys that were left out of each file."""
    replaced: list[Replaced]
    """The replacements that drop options."""


def without_superseded(trees: Sequence[Mapping[str, Any]], arguments: Sequence[tuple[str, str | None]]) -> LastChoices:
    """Leave out what `superseded` finds.

    Args:
        trees: the contents of the configuration files, names of components resolved.
        arguments: the command line as (option, value) pairs, names of components resolved.
    """
    options = [_option_tree(option, value) for option, value in arguments]
    dropped, replaced = superseded([*trees, *options])
    files, typed = dropped[: len(trees)], dropped[len(trees) :]
    kept = [
        pair
        for pair, tree, keys in zip(arguments, options, typed, strict=True)
        if not keys or _leaves(without(tree, keys))
    ]
    left = [without(tree, keys) for tree, keys in zip(trees, files, strict=True)]
    return LastChoices(left, kept, [frozenset(keys) for keys in files], replaced)


def _leaves(tree: Any) -> bool:
    return any(_leaves(child) for child in tree.values()) if isinstance(tree, Mapping) else True


def _option_tree(option: str, value: str | None) -> dict[str, Any]:
    """An option as a file has it: ``--optimizer.lr 5`` is ``{optimizer: {init_args: {lr: 5}}}``.

    Options that append to a list (``--trainer.callbacks+``) and flags replace nothing.
    """
    if value is None or not option.startswith("--") or option.endswith(("+", ".help")):
        return {}
    first, *rest = option.removeprefix("--").split(".")
    if first in KINDS:
        rest = [part for part in rest if part != "init_args"]
        if rest and rest[0] not in _SPEC:
            rest = ["init_args", *rest]
    tree: Any = loaded(value)
    for part in reversed((first, *rest)):
        tree = {part: tree}
    return tree  # type: ignore[no-any-return]


def without(tree: Mapping[str, Any], keys: Collection[Key]) -> dict[str, Any]:
    """A copy of a tree that lacks some keys."""

    def kept(value: Any, key: Key) -> Any:
        if not isinstance(value, Mapping):
            return value
        return {name: kept(child, (*key, name)) for name, child in value.items() if (*key, name) not in keys}

    copy: dict[str, Any] = kept(tree, ())
    return copy
