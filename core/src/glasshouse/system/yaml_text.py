"""All YAML of glasshouse, by the core schema of YAML 1.2: https://yaml.org/spec/1.2.2/#103-core-schema.

``yes``, ``no``, ``on`` and ``off`` are text, ``1e-2`` is a number. Beyond the schema, these are errors: a key that is
given twice, a whole number with leading zeros (a code, which would lose them), a collection that contains itself, and
documents larger or deeper than the limits below.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

import yaml

MOST_CHARACTERS = 5_000_000
MOST_NODES = 200_000
"""Values, keys and collections of a document; what an alias repeats counts each time."""
DEEPEST = 60
"""Levels of nested collections."""

_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_NULL = re.compile(r"~|null|Null|NULL|")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+")
_OLD = yaml.SafeLoader.yaml_implicit_resolvers
"""The rules of YAML 1.1, by which other readers would take some texts for numbers or truth values."""


class _Reader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}


class _Writer(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Puts text in quotation marks that either version would take for something else."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {first: list(rules) for first, rules in _OLD.items()}


for _tag, _rule, _first in (
    ("bool", _BOOL, "tTfF"),
    ("null", _NULL, ["~", "n", "N", ""]),
    ("int", _INT, "-+0123456789"),
    ("int", _LEADING_ZERO, "-+0"),
    ("float", _FLOAT, "-+0123456789."),
    ("merge", re.compile("<<"), "<"),
):
    for _cls in (_Reader, _Writer):
        _cls.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_rule.pattern})$"), list(_first))


def _read_int(reader: Any, node: yaml.ScalarNode) -> int:
    text = node.value
    if _LEADING_ZERO.fullmatch(text):
        raise yaml.constructor.ConstructorError(
            None, None, f"{text} is a whole number with a leading zero; write '{text}' for text", node.start_mark
        )
    digits = text.removeprefix("0o") if text.startswith("0o") else text
    if len(digits) > 400:
        raise yaml.constructor.ConstructorError(None, None, "a number has more than 400 digits", node.start_mark)
    return int(digits, 8 if text.startswith("0o") else 16 if text.startswith("0x") else 10)


def _read_float(reader: Any, node: yaml.ScalarNode) -> float:
    return float(node.value.lower().replace(".inf", "inf").replace(".nan", "nan"))


def _read_bool(reader: Any, node: yaml.ScalarNode) -> bool:
    return bool(node.value.lower() == "true")


def _read_mapping(reader: Any, node: yaml.MappingNode) -> Any:
    seen: set[tuple[str, str]] = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
            if (key.tag, key.value) in seen:
                raise yaml.constructor.ConstructorError(None, None, f"'{key.value}' is given twice", key.start_mark)
            seen.add((key.tag, key.value))
    mapping: dict[Any, Any] = {}
    yield mapping
    mapping.update(reader.construct_mapping(node))


for _tag, _function in (("int", _read_int), ("float", _read_float), ("bool", _read_bool), ("map", _read_mapping)):
    _Reader.add_constructor(f"tag:yaml.org,2002:{_tag}", _function)


def read_yaml_text(text: str) -> Any:
    """The value of a YAML document.

    Raises:
        yaml.YAMLError: for what is no YAML, or not allowed; `problem` says what and `problem_mark` where.
    """
    if len(text) > MOST_CHARACTERS:
        raise yaml.YAMLError(f"it has {len(text):,} characters; at most {MOST_CHARACTERS:,} are read")
    _check_depth(text)
    reader = _Reader(text)
    try:
        node = reader.get_single_node()
        if node is None:
            return None
        _count(node, {}, ())
        return reader.construct_document(node)
    except RecursionError:  # pragma: no cover - the depth is checked before
        raise yaml.YAMLError(f"collections are nested more than {DEEPEST} deep") from None
    except ValueError as error:
        raise yaml.YAMLError(str(error)) from error
    finally:
        reader.dispose()


def write_yaml_text(values: Mapping[str, Any]) -> str:
    """Plain values as YAML, keys in the given order."""
    text: str = yaml.dump(dict(values), Dumper=_Writer, sort_keys=False, allow_unicode=True, default_flow_style=False)
    return text


def _check_depth(text: str) -> None:
    """Refuse a document that is nested too deep, before anything recurses into it."""
    depth = 0
    for event in yaml.parse(text, Loader=_Reader):
        if isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            depth += 1
            if depth > DEEPEST:
                raise yaml.constructor.ConstructorError(
                    None,
                    None,
                    f"collections are nested more than {DEEPEST} deep",
                    event.start_mark,  # type: ignore[arg-type]
                )
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            depth -= 1


def _count(node: yaml.Node, known: dict[int, int], around: tuple[int, ...]) -> int:
    """The number of nodes, aliases expanded.

    Raises:
        yaml.YAMLError: for too many, or a collection that contains itself.
    """
    if isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) in around:
        raise yaml.constructor.ConstructorError(None, None, "a collection contains itself", node.start_mark)
    if id(node) not in known:
        inside = (*around, id(node))
        children = [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode) else node.value
        known[id(node)] = 1 + sum(_count(child, known, inside) for child in children)
        if known[id(node)] > MOST_NODES:
            raise yaml.constructor.ConstructorError(
                None, None, f"it has more than {MOST_NODES:,} values", node.start_mark
            )
    return known[id(node)]
