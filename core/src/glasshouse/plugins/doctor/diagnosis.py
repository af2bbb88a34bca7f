"""Problems of plugins and of their components."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from glasshouse.errors import UserError
from glasshouse.plugins.component_registry import KINDS, Component, Registry
from glasshouse.plugins.doctor.problems import Problem
from glasshouse.plugins.hookspecs import SPEC_VERSION
from glasshouse.plugins.loading import BrokenPlugin
from glasshouse.plugins.lock.origin import how_to_update
from glasshouse.plugins.spec_version import is_newer

SLOW_SECONDS = 0.25
"""A plugin that takes longer to list its components is reported."""

OURS = ("glasshouse", "glasshouse-audits", "glasshouse-plugins")


def plugin_problems(plugins: Registry) -> Iterator[Problem]:
    """All problems of plugins; runs every registration hook, imports only components whose source cannot be read."""
    plugins.check_all()
    components = list(chain.from_iterable(plugins.components(kind) for kind in KINDS))
    yield from map(_broken, plugins.broken)
    for component in components:
        yield from _target(plugins, component)
    for component in components:
        yield from _missing(component)
    for component in components:
        yield from _ambiguous(plugins, component)
    yield from _costly(plugins)
    yield from _outdated(plugins)


def _broken(broken: BrokenPlugin) -> Problem:
    return Problem(
        check="broken",
        plugin=broken.entry_point,
        problem=f"{broken.hook}: {broken.reason}" if broken.hook else broken.reason,
        remedy=_remedy(broken),
    )


def _remedy(broken: BrokenPlugin) -> str:
    """The most probable fix: update glasshouse if the plugin requires a newer one, else update the plugin."""
    name = broken.distribution
    leave_out = f"or exclude it: --no-plugin {name}"
    if broken.newer:
        return f"{how_to_update(*OURS)}, {leave_out}"
    if name.endswith(".py"):
        return f"fix {name}"
    return f"{how_to_update(name)} (installed: {broken.version}), report it to its author, {leave_out}"


def _target(plugins: Registry, component: Component) -> Iterator[Problem]:
    """A declared target that does not exist; a target whose source cannot be read is imported to find out."""
    from glasshouse.plugins.option_signatures import SourceNotFoundError, read_signature

    if component.missing_imports:
        return
    try:
        try:
            read_signature(component)
        except (SourceNotFoundError, SyntaxError):
            plugins.load(component)
    except UserError as error:
        yield Problem(
            check="target",
            plugin=component.entry_point,
            problem=f"{component.kind} '{component.name}': {error.problem}",
            remedy=f"{how_to_update(component.distribution)} (installed: {component.version}), report it to its "
            f"author, or exclude it: --no-plugin {component.qualified_name}",
        )


def _missing(component: Component) -> Iterator[Problem]:
    if component.missing_imports:
        yield Problem(
            check="missing",
            plugin=component.entry_point,
            problem=f"{component.kind} '{component.name}' requires {', '.join(component.missing_imports)}, "
            "which is not installed",
            remedy=component.install_hint,
        )


def _ambiguous(plugins: Registry, component: Component) -> Iterator[Problem]:
    for name in (component.name, *component.plugin.aliases):
        others = [other for other in plugins.candidates(component.kind, name) if other is not component]
        if others:
            origins = ", ".join(f"{other.distribution} {other.version}" for other in others)
            yield Problem(
                check="ambiguous",
                plugin=component.entry_point,
                problem=f"{component.kind} '{name}' is also declared by {origins}",
                remedy=f"write {component.distribution}/{name}, or exclude one: "
                f"--no-plugin {others[0].distribution}/{others[0].name}",
            )


def _costly(plugins: Registry) -> Iterator[Problem]:
    for plugin in plugins.loaded:
        if plugin.heavy:
            yield Problem(
                check="heavy",
                plugin=plugin.entry_point,
                problem=f"imports {', '.join(plugin.heavy)} to list its components ({plugin.seconds:.2f} s)",
                remedy="its author: put the declarations into a module that imports only glasshouse",
            )
        elif plugin.seconds > SLOW_SECONDS:
            yield Problem(
                check="slow",
                plugin=plugin.entry_point,
                problem=f"takes {plugin.seconds:.2f} s to list its components",
                remedy=f"its author: python -X importtime -c 'import {plugin.module}'",
            )


def _outdated(plugins: Registry) -> Iterator[Problem]:
    for plugin in plugins.loaded:
        if is_newer(plugin.spec):
            yield Problem(
                check="newer",
                plugin=plugin.entry_point,
                problem=f"is written for specification {plugin.spec} of the hooks; this glasshouse has {SPEC_VERSION}",
                remedy=how_to_update(*OURS),
            )
        for used in plugin.deprecated_uses:
            yield Problem(
                check="deprecated",
                plugin=plugin.entry_point,
                problem=f"{used.file}:{used.line}: {used}",
                remedy=f"{how_to_update(plugin.distribution)} (installed: {plugin.version}), "
                "or report it to its author",
            )
