"""Plugins: declarations, hooks, discovery, loading, and components by name.

>>> from glasshouse.plugins import registry
>>> registry().class_path("report_format", "json")
'glasshouse.report.json_format.render_json'
"""

from glasshouse.plugins.component_registry import KINDS, Component, Registry, registry, set_registry
from glasshouse.plugins.loading import BrokenPlugin, LoadedPlugin

__all__ = ["KINDS", "BrokenPlugin", "Component", "LoadedPlugin", "Registry", "registry", "set_registry"]
