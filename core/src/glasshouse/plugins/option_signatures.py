"""What options a component takes, read from its source without importing it (and so without importing torch).

glasshouse fills the first parameter of an optimizer or a schedule, and those of functions; all others are options.
Base classes are read only where a class passes its keywords on to them.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glasshouse.plugins.component_registry import Component

FILLED = {"optimizer": 1, "lr_scheduler": 1}
_FUNCTIONS = ("report_format", "command")
_ARGUMENT = re.compile(r"\s*\*{0,2}(\w+)\s*(?:\([^)]*\))?:\s*(.*)")
_DEEPEST = 10
"""How many imports and base classes are followed."""


@dataclass(frozen=True, kw_only=True)
class Option:
    """One keyword of a component's constructor."""

    name: str
    type: str
    """The annotation as written; empty where there is none."""
    default: str | None
    """The default as written; None where the option must be given."""
    doc: str


@dataclass(frozen=True, kw_only=True)
class Signature:
    """A component as its author describes it."""

    description: str
    """The first paragraph of the docstring."""
    options: tuple[Option, ...]
    place: str = ""
    """``file:line`` where it is defined; empty where its source cannot be read."""
    complete: bool = True
    """Whether `options` are all that it takes; False where keywords are passed on to something that is not read."""


class SourceNotFoundError(LookupError):
    """The target's Python source cannot be found; importing it may still work."""


def read_signature(component: Component) -> Signature:
    """The signature of a component as its source has it.

    Raises:
        SourceNotFoundError: if there is no source (compiled, generated or built at run time).
    """
    module, _, name = component.plugin.target.partition(":")
    return _signature(_locate(module, name, 0), component.kind)


def read_signature_at(class_path: str, kind: str) -> Signature:
    """The signature of the class at ``package.module.Name``, an own one or a library's, as its source has it.

    Raises:
        SourceNotFoundError: as `read_signature`.
    """
    return _signature(_locate_path(class_path, 0), kind)


def _signature(definition: _Definition, kind: str) -> Signature:
    description = _first_paragraph(ast.get_docstring(definition.node) or "")
    place = f"{_source(definition.module)}:{definition.node.lineno}"
    if kind in _FUNCTIONS or not isinstance(definition.node, ast.ClassDef):
        return Signature(description=description, options=(), place=place, complete=False)
    options = list(_options_of_class(definition, 0).values())
    return Signature(
        description=description,
        options=tuple(options[FILLED.get(kind, 0) :]),
        place=place,
        complete=_is_complete(definition, 0),
    )


def inspect_signature(component: Component, target: Any) -> Signature:
    """The signature of an imported target, for those whose source cannot be read."""
    doc = inspect.getdoc(target) or ""
    if component.kind in _FUNCTIONS:
        return Signature(description=_first_paragraph(doc), options=())
    docs = _argument_docs(doc) | _argument_docs(inspect.getdoc(getattr(target, "__init__", None)) or "")
    empty = inspect.Parameter.empty
    options = [
        Option(
            name=parameter.name,
            type="" if parameter.annotation is empty else inspect.formatannotation(parameter.annotation),
            default=None if parameter.default is empty else repr(parameter.default),
            doc=docs.get(parameter.name, ""),
        )
        for parameter in inspect.signature(target).parameters.values()
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    kinds = {parameter.kind for parameter in inspect.signature(target).parameters.values()}
    return Signature(
        description=_first_paragraph(doc),
        options=tuple(options[FILLED.get(component.kind, 0) :]),
        complete=inspect.Parameter.VAR_KEYWORD not in kinds,
    )


# ---------------------------------------------------------------- finding the definition


@dataclass(frozen=True)
class _Definition:
    node: ast.ClassDef | ast.FunctionDef
    module: str


def _locate(module: str, name: str, depth: int) -> _Definition:
    """Where a dotted name is defined, following imports from module to module."""
    if depth > _DEEPEST:
        raise SourceNotFoundError(f"{module}:{name}: too many imports to follow")
    path = _source(module)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    first, _, rest = name.partition(".")
    for node in tree.body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and node.name == first and not rest:
            return _Definition(node, module)
    imported = _imports(tree, module, path.name == "__init__.py").get(first)
    if imported is not None:
        return _locate_path(imported + (f".{rest}" if rest else ""), depth + 1)
    raise SourceNotFoundError(f"{module} has no visible definition of '{name}'")


def _locate_path(path: str, depth: int) -> _Definition:
    """Where ``package.module.Name`` is defined; the longest beginning that is a module counts as one."""
    parts = path.split(".")
    for length in range(len(parts) - 1, 0, -1):
        module = ".".join(parts[:length])
        try:
            _source(module)
        except SourceNotFoundError:
            continue
        return _locate(module, ".".join(parts[length:]), depth)
    raise SourceNotFoundError(f"no source of {path}")


def _source(module: str) -> Path:
    """The file of a module; its parents are not imported, as `find_spec` on a dotted name would."""
    top, *rest = module.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        raise SourceNotFoundError(f"no module '{top}'")
    if not rest and spec.origin is not None and spec.origin.endswith(".py"):
        return Path(spec.origin)
    for folder in spec.submodule_search_locations or ():
        for candidate in (Path(folder, *rest, "__init__.py"), Path(folder, *rest).with_suffix(".py")):
            if candidate.is_file():
                return candidate
    raise SourceNotFoundError(f"no source of module '{module}'")


def _imports(tree: ast.Module, module: str, is_package: bool) -> dict[str, str]:
    """Local name -> dotted path, for the imports at the top of a module, those for types alone among them."""
    found: dict[str, str] = {}
    for_types = [node for node in tree.body if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)]
    for node in [*tree.body, *(inner for each in for_types for inner in each.body)]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                found[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            if node.level:
                parents = module.split(".")[: None if is_package else -1]
                parents = parents[: len(parents) - (node.level - 1)]
                origin = ".".join([*parents, *filter(None, [node.module])])
            for alias in node.names:
                found[alias.asname or alias.name] = f"{origin}.{alias.name}"
    return found


# ---------------------------------------------------------------- reading it


def _options_of_class(definition: _Definition, depth: int) -> dict[str, Option]:
    node = definition.node
    if not isinstance(node, ast.ClassDef):
        raise SourceNotFoundError(f"{definition.module}:{node.name} is no class")
    docs = _argument_docs(ast.get_docstring(node) or "")
    constructor = next((n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None)
    if constructor is not None:
        docs |= _argument_docs(ast.get_docstring(constructor) or "")
        options = {option.name: option for option in _parameters(constructor.args, docs)}
        if constructor.args.kwarg is None:
            return options
        return options | {k: v for k, v in _inherited(definition, depth).items() if k not in options}
    if any(_is_dataclass(decorator) for decorator in node.decorator_list):
        return _inherited(definition, depth) | {option.name: option for option in _fields(node, docs)}
    return _inherited(definition, depth)


def _inherited(definition: _Definition, depth: int) -> dict[str, Option]:
    """Options of the first base class that takes any."""
    assert isinstance(definition.node, ast.ClassDef)
    for base in definition.node.bases:
        expression = base.value if isinstance(base, ast.Subscript) else base  # Generic[T] and the like
        name = ast.unparse(expression)
        if name == "object":
            continue
        try:
            found = _options_of_class(_locate(definition.module, name, depth + 1), depth + 1)
        except SourceNotFoundError:
            if name in ("Protocol", "Generic", "ABC", "abc.ABC", "NamedTuple"):
                continue
            raise
        if found:
            return found
    return {}


def _is_complete(definition: _Definition, depth: int) -> bool:
    """Whether no keyword is passed on to anything but the constructor of a base class."""
    assert isinstance(definition.node, ast.ClassDef)
    constructor = next(
        (n for n in definition.node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None
    )
    if constructor is None:
        bases = [base for base in definition.node.bases if not isinstance(base, ast.Subscript)]
    elif constructor.args.kwarg is None:
        return True
    elif f"**{constructor.args.kwarg.arg}" not in _passed_to_base(constructor):
        return False
    else:
        bases = definition.node.bases
    for base in bases:
        try:
            found = _locate(definition.module, ast.unparse(base), depth + 1)
        except SourceNotFoundError:
            continue
        if isinstance(found.node, ast.ClassDef) and not _is_complete(found, depth + 1):
            return False
    return True


def _passed_to_base(constructor: ast.FunctionDef) -> str:
    """The call of ``super().__init__`` as written; empty where there is none."""
    calls = (node for node in ast.walk(constructor) if isinstance(node, ast.Call))
    return next((ast.unparse(call) for call in calls if ast.unparse(call.func) == "super().__init__"), "")


def _parameters(arguments: ast.arguments, docs: dict[str, str]) -> Iterator[Option]:
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
    pairs = list(zip(positional, defaults + list(arguments.defaults), strict=True))[1:]  # without self
    pairs += zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    for argument, default in pairs:
        yield Option(
            name=argument.arg,
            type=ast.unparse(argument.annotation) if argument.annotation else "",
            default=ast.unparse(default) if default else None,
            doc=docs.get(argument.arg, ""),
        )


def _fields(node: ast.ClassDef, docs: dict[str, str]) -> Iterator[Option]:
    """A dataclass's fields; the docstring of one is the string beneath it."""
    for position, statement in enumerate(node.body):
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        annotation = ast.unparse(statement.annotation)
        if annotation.removeprefix("typing.").startswith("ClassVar"):
            continue
        below = node.body[position + 1] if position + 1 < len(node.body) else None
        beneath = below.value if isinstance(below, ast.Expr) else None
        doc = beneath.value if isinstance(beneath, ast.Constant) and isinstance(beneath.value, str) else ""
        name = statement.target.id
        yield Option(
            name=name, type=annotation, default=_field_default(statement.value), doc=_joined(doc) or docs.get(name, "")
        )


def _field_default(value: ast.expr | None) -> str | None:
    if isinstance(value, ast.Call) and ast.unparse(value.func) in ("field", "dataclasses.field"):
        given = {keyword.arg: keyword.value for keyword in value.keywords}
        if "default" in given:
            return ast.unparse(given["default"])
        return f"{ast.unparse(given['default_factory'])}()" if "default_factory" in given else None
    return None if value is None else ast.unparse(value)


def _is_dataclass(decorator: ast.expr) -> bool:
    function = decorator.func if isinstance(decorator, ast.Call) else decorator
    return ast.unparse(function) in ("dataclass", "dataclasses.dataclass")


def _argument_docs(docstring: str) -> dict[str, str]:
    """The section ``Args:`` of a Google-style docstring.

    >>> _argument_docs("Fit.\\n\\nArgs:\\n    rows: how many\\n        to take\\n    seed (int): where to begin")
    {'rows': 'how many to take', 'seed': 'where to begin'}
    """
    found: dict[str, str] = {}
    lines = iter(inspect.cleandoc(docstring).splitlines())
    if not any(line.strip() in ("Args:", "Arguments:") for line in lines):  # moves on to the section
        return found
    margin, current = None, None
    for line in lines:
        if not line.strip():
            continue
        indent = len(line) - len(line.lstrip())
        if indent == 0:
            break
        margin = indent if margin is None else margin
        match = _ARGUMENT.match(line) if indent == margin else None
        if match:
            current = match[1]
            found[current] = match[2]
        elif current is not None:
            found[current] += f" {line.strip()}"
    return found


def _first_paragraph(docstring: str) -> str:
    return _joined(docstring.strip().partition("\n\n")[0])


def _joined(text: str) -> str:
    return " ".join(text.split())
