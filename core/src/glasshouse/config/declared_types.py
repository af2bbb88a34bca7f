"""Whether a value fits an annotation such as ``float | None``, as far as that follows from plain types.

Annotations are read as text, since those of a component are known before it is imported. What is neither a number,
text, a list, a mapping nor a `Literal` is left to the parser: such a type accepts everything here.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from glasshouse.system.yaml_text import read_yaml_text

_LISTS = ("list", "List", "Sequence", "Iterable", "Collection", "set", "Set", "tuple", "Tuple")
_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "text",
    **dict.fromkeys(_LISTS, "a list"),
    **dict.fromkeys(("dict", "Dict", "Mapping", "Verbatim"), "a mapping"),
}
_CLASSES = ("Tensor", "Module")
"""Types that no plain value has, only a mapping with class_path."""


@dataclass(frozen=True)
class PlainType:
    """The alternatives of an annotation."""

    names: tuple[str, ...] = ()
    """``int``, ``list``, ``None``..., without modules."""
    literals: tuple[Any, ...] = ()
    item: PlainType | None = None
    """The type of a list's items, where it is declared for all of them alike."""
    is_open: bool = False
    """Whether one of the alternatives is a type that is not judged here."""

    @property
    def words(self) -> list[str]:
        """What to write, an entry for each alternative: ``a whole number``."""
        literals = [str(value) for value in self.literals]
        return list(dict.fromkeys([*literals, *(_WORDS[name] for name in self.names if name in _WORDS)]))

    def misfit(self, value: Any) -> tuple[PlainType, Any] | None:
        """The part of a value that does not fit, with the type that it should have; None where all fits.

        Args:
            value: from YAML, or the text of the command line. Text counts as what YAML makes of it, too.
        """
        if self.is_open:
            return None
        readings = [value, _loaded(value)] if isinstance(value, str) else [value]
        if any(self._accepts(reading) for reading in readings):
            return None
        as_list = next((reading for reading in readings if isinstance(reading, list)), None)
        if as_list is not None and self.item is not None and any(name in _LISTS for name in self.names):
            return next((wrong for item in as_list if (wrong := self.item.misfit(item)) is not None), None)
        return self, value

    def _accepts(self, value: Any) -> bool:
        if any(value == literal and type(value) is type(literal) for literal in self.literals):
            return True
        return any(self._is_a(name, value) for name in self.names)

    def _is_a(self, name: str, value: Any) -> bool:
        if name == "None":
            return value is None
        if name in ("int", "float"):
            # True is an int of Python, and 3.0 a whole number: the parser decides on both
            return isinstance(value, int) or (isinstance(value, float) and (name == "float" or value.is_integer()))
        if name in ("bool", "str"):
            return isinstance(value, bool if name == "bool" else str)
        if name in _LISTS:
            fits = isinstance(value, (list, tuple, set))
            return fits and (self.item is None or all(self.item.misfit(item) is None for item in value))
        if name in _CLASSES:
            return isinstance(value, Mapping) or (isinstance(value, str) and "." in value)
        return isinstance(value, Mapping)


OPEN = PlainType(is_open=True)


def read_type(annotation: str) -> PlainType:
    """The plain alternatives of an annotation; `OPEN` for one that cannot be read.

    >>> read_type("Optional[int]").words
    ['a whole number']
    """
    try:
        return _of_node(ast.parse(annotation.strip(), mode="eval").body)
    except SyntaxError:
        return OPEN


def _of_node(node: ast.expr) -> PlainType:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _union([_of_node(node.left), _of_node(node.right)])
    if isinstance(node, ast.Constant):
        return PlainType(names=("None",)) if node.value is None else read_type(str(node.value))
    if isinstance(node, ast.Subscript):
        name = _last_name(node.value)
        arguments = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if name == "Literal":
            values = [argument.value for argument in arguments if isinstance(argument, ast.Constant)]
            found = PlainType(literals=tuple(values))
            return found if len(values) == len(arguments) else OPEN
        if name in ("Union", "Optional"):
            none = [PlainType(names=("None",))] if name == "Optional" else []
            return _union([*map(_of_node, arguments), *none])
        if name in _WORDS:
            alike = name in _LISTS and name not in ("tuple", "Tuple") and len(arguments) == 1
            return PlainType(names=(name,), item=_of_node(arguments[0]) if alike else None)
        return OPEN
    name = _last_name(node)
    if name == "NoneType":
        return PlainType(names=("None",))
    return PlainType(names=(name,)) if name in _WORDS or name in _CLASSES else OPEN


def _union(parts: list[PlainType]) -> PlainType:
    items = [part.item for part in parts if any(name in _LISTS for name in part.names)]
    return PlainType(
        names=tuple(name for part in parts for name in part.names),
        literals=tuple(value for part in parts for value in part.literals),
        item=items[0] if len(items) == 1 else None,
        is_open=any(part.is_open for part in parts),
    )


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _loaded(text: str) -> Any:
    try:
        return read_yaml_text(text)
    except yaml.YAMLError:
        return text
