"""``glasshouse plugins list``: all components and all broken plugins."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from glasshouse.cli.commands.output import print_columns, print_json
from glasshouse.plugins import KINDS, BrokenPlugin, Component, Registry, registry

OURS = ("glasshouse", "glasshouse-audits", "glasshouse-plugins")
_NAMES = 32
"""Width in characters at which names are wrapped on a terminal."""


def list_plugins(kind: str | None, *, as_json: bool) -> int:
    """Print all components with their origin, and all broken plugins with the reason.

    On a terminal: a table for each kind that fits the width. Elsewhere: one complete line per component.
    """
    plugins = registry()
    plugins.check_all()
    components = [component for k in ((kind,) if kind else KINDS) for component in plugins.components(k)]
    unlocked = [f"{entry.id} ({entry.version})" for entry in plugins.unlocked]
    if as_json:
        rows = [{**component_facts(plugins, one), "missing": one.missing_imports} for one in components]
        broken_rows = [broken_facts(broken) for broken in plugins.broken]
        print_json({"components": rows, "broken": broken_rows, "not_in_the_lock": unlocked})
        return 0
    if sys.stdout.isatty():
        _draw(plugins, components)
    else:
        print_columns(
            ("KIND", "NAME", "FROM", "SUMMARY"),
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
    """A declaration and its origin as plain values."""
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


def _draw(plugins: Registry, components: Sequence[Component]) -> None:
    """Print a table for each kind; a distribution is shown only if it is not one of ours."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text  # the texts of plugins are not markup

    console = Console()
    width = max((min(len(plugins.shortest_name(one)), _NAMES) for one in components), default=0)
    for kind in KINDS:
        rows = [component for component in components if component.kind == kind]
        if not rows:
            continue
        table = Table(show_header=False, box=None, padding=(0, 2, 0, 0), pad_edge=False)
        table.add_column(width=width, overflow="fold", style="cyan")
        table.add_column(overflow="fold")
        for one in rows:
            summary = Text(one.plugin.summary)
            if one.distribution not in OURS:
                summary.append(f"  {one.distribution} {one.version}", style="dim")
            if one.missing_imports:
                summary.append(f"  requires {', '.join(one.missing_imports)}", style="yellow")
            table.add_row(Text(plugins.shortest_name(one)), summary)
        console.print(Text(f"{kind.replace('_', ' ')} ({len(rows)})", style="bold"), table, Text(), sep="\n")
    used = plugins.distributions
    versions = ", ".join(f"{name} {used[name]}" for name in OURS if name in used)
    console.print(Text(f"Components without a distribution: {versions}", style="dim"))
