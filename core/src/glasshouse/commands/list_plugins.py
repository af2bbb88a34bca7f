"""``glasshouse plugins list``: every component, and what is broken."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from glasshouse.commands.output import print_columns, print_json
from glasshouse.plugins import KINDS, BrokenPlugin, Component, Registry, registry


def list_plugins(kind: str | None, *, as_json: bool) -> int:
    """Every component with its origin, and every plugin that is broken with its reason."""
    plugins = registry()
    plugins.check_all()
    components = [component for k in ((kind,) if kind else KINDS) for component in plugins.components(k)]
    unlocked = [f"{entry.id} ({entry.version})" for entry in plugins.unlocked]
    if as_json:
        rows = [
            {**component_facts(plugins, component), "missing": component.missing_imports} for component in components
        ]
        broken_rows = [broken_facts(broken) for broken in plugins.broken]
        print_json({"components": rows, "broken": broken_rows, "not_in_the_lock": unlocked})
        return 0
    print_columns(
        ("KIND", "NAME", "FROM", "WHAT IT IS"),
        [(c.kind, plugins.shortest_name(c), f"{c.distribution} {c.version}", c.plugin.summary) for c in components],
    )
    for broken in plugins.broken:
        print(f"broken: {broken_line(broken)}")
    for entry in unlocked:
        print(f"not in the lock: {entry}")
    return 0


def broken_facts(broken: BrokenPlugin) -> dict[str, Any]:
    """A broken plugin as plain values."""
    return {
        "plugin": broken.entry_point,
        "distribution": broken.distribution,
        "version": broken.version,
        "hook": broken.hook,
        "reason": broken.reason,
    }


def broken_line(broken: BrokenPlugin) -> str:
    """A broken plugin in one line."""
    where = f" {broken.hook}" if broken.hook else ""
    return f"{broken.entry_point} ({broken.version}){where}: {broken.reason}"


def component_facts(plugins: Registry, component: Component) -> dict[str, Any]:
    """A declaration and where it came from, as plain values."""
    declared = asdict(component.plugin)
    return {
        "kind": component.kind,
        "name": declared.pop("name"),
        "use": plugins.shortest_name(component),
        "distribution": component.distribution,
        "version": component.version,
        "plugin": component.entry_point,
        **declared,
    }
