"""From one word to the names of a distribution, its package, its component and its class."""

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
"""Longer names would break the lines of templates."""
_WHO = "plugins new"
_SPOKEN_FOR = {
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
    "Usual",
}
"""What templates import or define: a class that is called so as well gets its kind's name at its end."""


@dataclass(frozen=True, kw_only=True)
class Names:
    """All names that follow from what the author typed."""

    distribution: str
    """What pip installs: ``glasshouse-lion``."""
    package: str
    """What Python imports: ``glasshouse_lion``."""
    component: str
    """What a configuration says: ``lion``."""
    attribute: str
    """The component in its module: ``Lion``, or the function that a kind asks for."""

    @property
    def qualified(self) -> str:
        """What always works in a configuration: ``glasshouse-lion/lion``."""
        return f"{self.distribution}/{self.component}"


def read_names(word: str, kind: Kind) -> Names:
    """The names of a new distribution.

    A leading ``glasshouse-`` or ``glasshouse_`` is left out of the component's name, as it says nothing there.

    Raises:
        UserError: for a word that cannot be all of these names, or a package that would hide another.
    """
    if not _WORD.fullmatch(word) or len(word) > _LONGEST:
        raise UserError(
            _WHO,
            f"expected a name of at most {_LONGEST} small letters and digits, joined by - or _ and beginning with a "
            f"letter; received {word!r}.",
            f"Try: {_nearest(word)}",
        )
    package = word.replace("-", "_")
    component = package.removeprefix("glasshouse_")
    camel = "".join(part.capitalize() for part in component.split("_"))
    if any(map(keyword.iskeyword, (package, component, camel))) or not component[0].isalpha():
        raise UserError(_WHO, f"'{word}' cannot name a package of Python.", f"Try: my_{package}")
    if package in sys.stdlib_module_names or _is_installed(package):
        raise UserError(
            _WHO, f"a module '{package}' is installed already, and one would hide the other.", f"Try: my_{package}"
        )
    if camel in _SPOKEN_FOR:
        camel += "".join(part.capitalize() for part in kind.name.split("_"))
    return Names(distribution=word, package=package, component=component, attribute=kind.function or camel)


def clash(names: Names, kind: Kind, plugins: Registry) -> str | None:
    """What to say where another distribution has a component of that kind and name; None where none has."""
    others = [
        component
        for component in plugins.candidates(kind.name, names.component)
        if normalized(component.distribution) != normalized(names.distribution)
    ]
    if not others:
        return None
    origins = " and ".join(f"{component.distribution} {component.version}" for component in others)
    return (
        f"{origins} has a {kind.noun} '{names.component}' as well: where both are installed, write {names.qualified}."
    )


def _nearest(word: str) -> str:
    parts = re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", word).lower())
    near = "_".join(parts).lstrip("0123456789_")[:_LONGEST].rstrip("_")
    return near or "my_plugin"


def _is_installed(package: str) -> bool:
    spec = importlib.util.find_spec(package)
    # a folder of that name beside us is found as well, as a namespace without an origin; that is another complaint
    return spec is not None and spec.origin is not None
