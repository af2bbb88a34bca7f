"""The component to check, by name or declaration, with its options."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from glasshouse.errors import UserError
from glasshouse.plugins import Component, registry
from glasshouse.plugins.declarations import Plugin
from glasshouse.testing.kit.outcomes import NotApplicable


class Subject:
    """The component that checks receive.

    A kind may have a subclass (`SUBJECT`) with the common code of its checks. All checks of a component share one
    subject, so costly immutable values may be a `cached_property`.

    Args:
        component: a short name, ``distribution/name``, or a declaration such as ``ModelPlugin(...)``.
        kind: ``model``, ``data``, ...
        options: arguments of its constructor, as in a configuration.
        data: replaces the tiny data of the kind.
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
            raise UserError(f"{component.kind} '{component.name}'", f"cannot be checked as {kind}.", "Correct `kind`.")
        self.given = component
        self.kind = kind
        self.options = dict(options or {})
        self.data = data

    @property
    def name(self) -> str:
        """The name as it was given."""
        return self.given.name if isinstance(self.given, Plugin) else self.given

    @property
    def who(self) -> str:
        """The kind and name for messages, e.g. ``model 'line'``."""
        return f"{self.kind.replace('_', ' ')} '{self.name}'"

    @cached_property
    def component(self) -> Component:
        """The declaration and its distribution, which is empty for an unregistered declaration.

        Raises:
            UserError: for an unknown name.
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
        """Whether an installed plugin declares it."""
        return bool(self.component.entry_point)

    @cached_property
    def target(self) -> Any:
        """The class or function that the declaration names."""
        return registry().load(self.component)

    def require(self) -> None:
        """Check that the packages that the component requires are installed.

        Raises:
            NotApplicable: naming the missing packages.
            UserError: for an unknown name.
        """
        missing = self.component.missing_imports
        if missing:
            raise NotApplicable(f"requires {', '.join(missing)}, which is not installed: {self.component.install_hint}")

    def __repr__(self) -> str:
        return self.name
