"""``glasshouse plugins show NAME``: description, origin and options of a component."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from glasshouse.cli.commands.list_plugins import component_facts
from glasshouse.cli.commands.output import print_json
from glasshouse.errors import UserError, did_you_mean
from glasshouse.plugins import KINDS, Component, Registry, registry
from glasshouse.plugins.hookspecs import SPEC_VERSION
from glasshouse.plugins.lock.origin import EDITABLE, documentation_of, origin_of
from glasshouse.system.redaction import redact


def show_plugin(name: str, *, as_json: bool) -> int:
    """Print every component of that name, of every kind."""
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


def _page(plugins: Registry, component: Component) -> dict[str, Any]:
    from glasshouse.plugins.option_signatures import SourceNotFoundError, inspect_signature, read_signature

    page = {
        **component_facts(plugins, component),
        "missing": component.missing_imports,
        "remedy": component.install_hint,
    }
    page |= _about(plugins, component)
    try:
        try:
            signature = read_signature(component)
        except (SourceNotFoundError, SyntaxError):
            signature = inspect_signature(component, plugins.load(component))
    except (UserError, ValueError, TypeError) as error:  # the last two: no signature to inspect
        return {**page, "description": "", "options": None, "options_unknown": str(error)}
    return {
        **page,
        "source": signature.place,
        "description": signature.description,
        "options": [asdict(option) for option in signature.options],
    }


def _about(plugins: Registry, component: Component) -> dict[str, Any]:
    """Origin of the component's plugin, its specification version, its documentation and how to check it."""
    plugin = next(plugin for plugin in plugins.loaded if plugin.entry_point == component.entry_point)
    origin = origin_of(component.distribution)
    return {
        "origin": "file" if plugin.file else origin.how,
        "place": str(plugin.file) if plugin.file else redact(origin.requirement),
        "editable": origin.how == EDITABLE,
        "specification": plugin.spec,
        "documentation": documentation_of(component.distribution),
        "conformance": f"glasshouse plugins check {plugins.shortest_name(component)}",
    }


def _as_text(page: dict[str, Any]) -> str:
    lines = [f"{page['kind'].replace('_', ' ')} {page['use']}: {page['summary']}"]
    if page["description"]:
        lines += ["", *_wrapped(page["description"], "")]
    place = f", {page['place']}" if page["place"] else ""
    lines += [
        "",
        f"  {'from':<16} {page['distribution']} {page['version']} ({page['plugin']}), {page['origin']}{place}",
    ]
    stated = page["specification"] or "not stated"
    lines.append(f"  {'specification':<16} {stated} (here: {SPEC_VERSION})")
    lines.append(f"  {'target':<16} {page['target']}")
    for key in ("source", "documentation", "conformance"):
        if page.get(key):
            lines.append(f"  {key:<16} {page[key]}")
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
        yield f"options: unknown, {page['options_unknown']}"
    elif not page["options"]:
        yield "options: none"
    else:
        from glasshouse.data.data_info import SIZE_NAMES

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
