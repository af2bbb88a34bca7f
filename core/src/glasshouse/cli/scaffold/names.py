"""The names of a new distribution, its package, its component and its class, from one word."""

from __future__ import annotations

import importlib.util
import keyword
import re
import sys
from dataclasses import dataclass

from glasshouse import __all__
from glasshouse.cli.scaffold.kinds import Kind
from glasshouse.errors import UserError
from glasshouse.plugins import Registry
from glasshouse.plugins.discovery import normalized

_WORD = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")
_LONGEST = 32
"""Longer names would exceed the line length of templates."""
_WHO = "plugins new"
_RESERVED = {
    *__all__,
    "Any",
    "Callable",
    "Callback",
    "Estimate",
    "Finished",
    "HEADER",
    "Iterable",
    "Iterator",
    "LightningModule",
    "Linear",
    "Literal",
    "NDArray",
    "Optimizer",
    "RawTable",
    "Record",
    "Sequence",
    "SensitiveColumn",
    "SimpleNamespace",
    "Tensor",
    "TinyTable",
    "Trainer",
    "Baseline",
}
"""Names that templates import or define: the kind is appended to a class of that name."""


@dataclass(frozen=True, kw_only=True)
class Names:
    """All names of a new distribution."""

    distribution: str
    """The name for pip: ``glasshouse-lion``."""
    package: str
    """The name for import: ``glasshouse_lion``."""
    component: str
    """The name in configurations: ``lion``."""
    attribute: str
    """The class in its module: ``Lion``, or the function of a kind without classes."""

    @property
    def qualified(self) -> str:
        """The unambiguous name in configurations: ``glasshouse-lion/lion``."""
        return f"{self.distribution}/{self.component}"


def read_names(word: str, kind: Kind) -> Names:
    """The names of a new distribution.

    The component's name has no leading ``glasshouse-`` or ``glasshouse_``.

    Raises:
        UserError: for a word that is not valid for each of these names, or is the name of an installed package.
    """
    if not _WORD.fullmatch(word) or len(word) > _LONGEST:
        raise UserError(
            _WHO,
            f"expected a name of at most {_LONGEST} lowercase letters and digits, joined by - or _ and starting "
            f"with a letter; received {word!r}.",
            f"Try: {_nearest(word)}",
        )
    package = word.replace("-", "_")
    component = package.removeprefix("glasshouse_")
    camel = "".join(part.capitalize() for part in component.split("_"))
    if any(map(keyword.iskeyword, (package, component, camel))) or not component[0].isalpha():
        raise UserError(_WHO, f"'{word}' is not a valid name of a Python package.", f"Try: my_{package}")
    if package in sys.stdlib_module_names or _is_installed(package):
        raise UserError(_WHO, f"a module '{package}' is installed already, and would be hidden.", f"Try: my_{package}")
    if camel in _RESERVED:
        camel += "".join(part.capitalize() for part in kind.name.split("_"))
    return Names(distribution=word, package=package, component=component, attribute=kind.function or camel)


def clash(names: Names, kind: Kind, plugins: Registry) -> str | None:
    """A note on other distributions with a component of the same kind and name; None if there are none."""
    others = [
        component
        for component in plugins.candidates(kind.name, names.component)
        if normalized(component.distribution) != normalized(names.distribution)
    ]
    if not others:
        return None
    origins = " and ".join(f"{component.distribution} {component.version}" for component in others)
    return f"{origins} also has a {kind.noun} '{names.component}': if both are installed, write {names.qualified}."


def _nearest(word: str) -> str:
    parts = re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", word).lower())
    near = "_".join(parts).lstrip("0123456789_")[:_LONGEST].rstrip("_")
    return near or "my_plugin"


def _is_installed(package: str) -> bool:
    spec = importlib.util.find_spec(package)
    # a folder of that name in the working directory is found as a namespace without origin; it has another error
    return spec is not None and spec.origin is not None
