"""``glasshouse plugins list | show NAME | doctor``."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from glasshouse.commands.output import print_columns, print_json
from glasshouse.errors import UserError, did_you_mean
from glasshouse.plugins import KINDS, BrokenPlugin, Component, Registry, registry


def main(argv: list[str]) -> int:
    """Run one of the three and return its exit code."""
    options = _parser().parse_args(argv)
    if options.action == "list":
        return list_plugins(options.kind, as_json=options.json)
    if options.action == "show":
        return show_plugin(options.name, as_json=options.json)
    from glasshouse.commands.doctor import doctor

    return doctor(as_json=options.json)


def list_plugins(kind: str | None, *, as_json: bool) -> int:
    """Every component with its origin, and every plugin that is broken with its reason."""
    plugins = registry()
    plugins.check_all()
    components = [component for k in ((kind,) if kind else KINDS) for component in plugins.components(k)]
    if as_json:
        rows = [{**_facts(plugins, component), "missing": component.missing_imports} for component in components]
        print_json({"components": rows, "broken": [broken_facts(broken) for broken in plugins.broken]})
        return 0
    print_columns(
        ("KIND", "NAME", "FROM", "WHAT IT IS"),
        [(c.kind, plugins.shortest_name(c), f"{c.distribution} {c.version}", c.plugin.summary) for c in components],
    )
    for broken in plugins.broken:
        print(f"broken: {broken_line(broken)}")
    return 0


def show_plugin(name: str, *, as_json: bool) -> int:
    """All that is known of a name: every component that it may mean, of every kind."""
    plugins = registry()
    found = [component for kind in KINDS for component in plugins.candidates(kind, name)]
    if not found:
        components = [component for kind in KINDS for component in plugins.components(kind)]
        known = {c.qualified_name if "/" in name else c.name for c in components}
        raise UserError(
            "plugins show", f"no component is called '{name}'.", did_you_mean(name, known) + plugins.broken_notice
        )
    pages = [_page(plugins, component) for component in found]
    if as_json:
        print_json(pages)
    else:
        print("\n\n".join(_as_text(page) for page in pages))
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="glasshouse plugins", description="What is installed and whether it works.")
    actions = parser.add_subparsers(dest="action", required=True, metavar="list | show NAME | doctor", prog=parser.prog)
    listing = actions.add_parser("list", help="every component, a line each")
    listing.add_argument("--kind", choices=KINDS, help="only this kind")
    showing = actions.add_parser("show", help="options, capabilities and origin of one component")
    showing.add_argument("name", metavar="NAME", help="a short name, an alias or distribution/name")
    checking = actions.add_parser(
        "doctor", help="what is wrong and how to mend it", description="Exit code 1 if something does not work."
    )
    for action in (listing, showing, checking):
        action.add_argument("--json", action="store_true", help="for machines")
    return parser


def _facts(plugins: Registry, component: Component) -> dict[str, Any]:
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


def _page(plugins: Registry, component: Component) -> dict[str, Any]:
    from glasshouse.plugins.signatures import SourceNotFoundError, inspect_signature, read_signature

    page = {**_facts(plugins, component), "missing": component.missing_imports, "remedy": component.install_hint}
    try:
        try:
            signature = read_signature(component)
        except (SourceNotFoundError, SyntaxError):
            signature = inspect_signature(component, plugins.load(component))
    except (UserError, ValueError, TypeError) as error:  # the last two: no signature to inspect
        return {**page, "description": "", "options": None, "options_unknown": str(error)}
    return {**page, "description": signature.description, "options": [asdict(option) for option in signature.options]}


def _as_text(page: dict[str, Any]) -> str:
    lines = [f"{page['kind'].replace('_', ' ')} {page['use']}: {page['summary']}"]
    if page["description"]:
        lines += ["", *_wrapped(page["description"], "")]
    lines += ["", f"  {'from':<16} {page['distribution']} {page['version']} ({page['plugin']})"]
    lines.append(f"  {'target':<16} {page['target']}")
    for key in ("aliases", "family", "modalities", "targets", "provides", "requires", "interval", "suffix"):
        value = page.get(key)
        if value:
            lines.append(f"  {key:<16} {value if isinstance(value, str) else ', '.join(value)}")
    if page["requires_import"]:
        missing = f" (missing: {', '.join(page['missing'])}; run {page['remedy']})" if page["missing"] else ""
        lines.append(f"  {'needs':<16} {', '.join(page['requires_import'])}{missing}")
    lines += ["", *_options_text(page)]
    return "\n".join(lines)


def _options_text(page: dict[str, Any]) -> Iterable[str]:
    if page["options"] is None:
        yield f"options: not known, {page['options_unknown']}"
    elif not page["options"]:
        yield "options: none"
    else:
        from glasshouse.data import SIZE_NAMES

        yield "options"
        for option in page["options"]:
            annotation = f": {option['type']}" if option["type"] else ""
            filled = page["kind"] == "model" and option["name"] in SIZE_NAMES
            missing = " (from the data)" if filled else " (required)"
            default = missing if option["default"] is None else f" = {option['default']}"
            yield f"  {option['name']}{annotation}{default}"
            yield from _wrapped(option["doc"], "      ")


def _wrapped(text: str, indent: str) -> list[str]:
    import textwrap

    return textwrap.wrap(text, width=100, initial_indent=indent, subsequent_indent=indent)
