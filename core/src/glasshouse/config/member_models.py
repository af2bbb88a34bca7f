"""Models made of models: which options of a model hold further ones, which see the same data."""

from __future__ import annotations

from glasshouse.plugins import Registry
from glasshouse.plugins.declarations import ModelPlugin


def options_with_models(registry: Registry, class_path: str | None = None) -> tuple[str, ...]:
    """What the declaration of a model says of it (`ModelPlugin.members`); for None those of all models together."""
    declared = [
        component.plugin.members
        for component in registry.components("model")
        if isinstance(component.plugin, ModelPlugin) and class_path in (None, component.class_path)
    ]
    return tuple(dict.fromkeys(name for names in declared for name in names))
