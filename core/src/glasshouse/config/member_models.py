"""Models made of models: the options of a model that are models with the same input."""

from __future__ import annotations

from glasshouse.plugins import Registry
from glasshouse.plugins.declarations import ModelPlugin


def options_with_models(registry: Registry, class_path: str | None = None) -> tuple[str, ...]:
    """The options in a model's declaration (`ModelPlugin.members`); for None those of all models."""
    declared = [
        component.plugin.members
        for component in registry.components("model")
        if isinstance(component.plugin, ModelPlugin) and class_path in (None, component.class_path)
    ]
    return tuple(dict.fromkeys(name for names in declared for name in names))
