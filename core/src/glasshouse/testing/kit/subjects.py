"""The component that is checked: found by name or declared, with the options that it is built with."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from glasshouse.errors import UserError
from glasshouse.plugins import Component, registry
from glasshouse.plugins.declarations import Plugin
from glasshouse.testing.kit.outcomes import NotApplicable


class Subject:
    """One component under check.

    A kind's module may have a subclass with what its checks share (`SUBJECT`); one subject serves all checks of a
    component, so what is costly and does not change may be a `cached_property`.

    Args:
        component: a short name, ``distribution/name``, or a declaration such as ``ModelPlugin(...)``.
        kind: ``model``, ``data``, ...
        options: keywords of its constructor, as a configuration gives them.
        data: what it is tried on, where the kind's own tiny data do not fit.
    """

    def __init__(
        self,
        component: str | Plugin,
        *,
        kind: str,
        options: Mapping[str, Any] | None = None,
        data: Any = None,
    ) -> None:
        if isinstance(component, Plugin) and component.kind != kind:
            raise UserError(f"{component.kind} '{component.name}'", f"is to be checked as {kind}.", "Correct `kind`.")
        self.given = component
        self.kind = kind
        self.options = dict(options or {})
        self.data = data

    @property
    def name(self) -> str:
        """As it was asked for."""
        return self.given.name if isinstance(self.given, Plugin) else self.given

    @property
    def who(self) -> str:
        """How messages call it, e.g. ``model 'line'``."""
        return f"{self.kind.replace('_', ' ')} '{self.name}'"

    @cached_property
    def component(self) -> Component:
        """The declaration and where it came from; a declaration that was given comes from nowhere.

        Raises:
            UserError: for a name that is not known.
        """
        if isinstance(self.given, Plugin):
            return Component(plugin=self.given, distribution="", version="", entry_point="")
        return registry().find(self.kind, self.given)

    @property
    def plugin(self) -> Any:
        """The declaration."""
        return self.component.plugin

    @property
    def registered(self) -> bool:
        """Whether a plugin brings it, in place of a declaration at hand."""
        return bool(self.component.entry_point)

    @cached_property
    def target(self) -> Any:
        """The class or function that the declaration names."""
        return registry().load(self.component)

    def require(self) -> None:
        """Look whether what the component needs is installed.

        Raises:
            NotApplicable: saying what is missing.
            UserError: for a name that is not known.
        """
        missing = self.component.missing_imports
        if missing:
            raise NotApplicable(f"needs {', '.join(missing)}, not installed here: {self.component.install_hint}")

    def __repr__(self) -> str:
        return self.name
