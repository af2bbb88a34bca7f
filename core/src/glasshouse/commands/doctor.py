"""``glasshouse plugins doctor``: what does not work, what works at a price, and the remedy for each."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import chain

from glasshouse.commands.output import print_json
from glasshouse.plugins import KINDS, Component, Registry, registry

SLOW_SECONDS = 0.25
"""A plugin whose listing takes longer is mentioned; all commands that look at plugins wait for it."""


@dataclass(frozen=True, kw_only=True)
class Complaint:
    """One thing that a user or an author can mend."""

    check: str
    """``broken``, ``target``, ``missing``, ``ambiguous``, ``heavy`` or ``slow``."""
    plugin: str
    """``distribution:entry``."""
    problem: str
    remedy: str


def doctor(*, as_json: bool) -> int:
    """Print all complaints; 1 if something does not work, 0 if there is nothing or only notes."""
    plugins = registry()
    plugins.check_all()
    problems = [*_broken(plugins), *_targets(plugins)]
    notes = [*_missing(plugins), *_ambiguous(plugins), *_costly(plugins)]
    if as_json:
        print_json(
            {
                "healthy": not problems,
                "problems": [asdict(complaint) for complaint in problems],
                "notes": [asdict(complaint) for complaint in notes],
            }
        )
    else:
        for label, complaints in (("problem", problems), ("note", notes)):
            for complaint in complaints:
                print(f"{label}: {complaint.plugin}: {complaint.problem}\n    {complaint.remedy}")
        count = len(_all_components(plugins))
        print(f"{len(plugins.loaded)} plugins, {count} components, {len(problems)} problems, {len(notes)} notes")
    return 1 if problems else 0


def _all_components(plugins: Registry) -> list[Component]:
    return list(chain.from_iterable(plugins.components(kind) for kind in KINDS))


def _broken(plugins: Registry) -> list[Complaint]:
    return [
        Complaint(
            check="broken",
            plugin=broken.entry_point,
            problem=f"{broken.hook}: {broken.reason}" if broken.hook else broken.reason,
            remedy=f"Update {broken.distribution} (here: {broken.version}), tell its author, "
            f"or leave it out with --no-plugin {broken.distribution}.",
        )
        for broken in plugins.broken
    ]


def _targets(plugins: Registry) -> list[Complaint]:
    """Declarations of what is not there. A target whose source is out of sight is imported to be sure."""
    from glasshouse.errors import UserError
    from glasshouse.plugins.signatures import SourceNotFoundError, read_signature

    found = []
    for component in _all_components(plugins):
        if component.missing_imports:
            continue
        try:
            try:
                read_signature(component)
            except (SourceNotFoundError, SyntaxError):
                plugins.load(component)
        except UserError as error:
            found.append(
                Complaint(
                    check="target",
                    plugin=component.entry_point,
                    problem=f"{component.kind} '{component.name}': {error.problem}",
                    remedy=f"Update {component.distribution} (here: {component.version}) or tell its author.",
                )
            )
    return found


def _missing(plugins: Registry) -> list[Complaint]:
    return [
        Complaint(
            check="missing",
            plugin=component.entry_point,
            problem=f"{component.kind} '{component.name}' needs {', '.join(component.missing_imports)}, "
            "not installed here",
            remedy=f"To use it: {component.install_hint}",
        )
        for component in _all_components(plugins)
        if component.missing_imports
    ]


def _ambiguous(plugins: Registry) -> list[Complaint]:
    found = []
    for component in _all_components(plugins):
        for name in (component.name, *component.plugin.aliases):
            others = [other for other in plugins.candidates(component.kind, name) if other is not component]
            if others:
                origins = ", ".join(f"{other.distribution} {other.version}" for other in others)
                found.append(
                    Complaint(
                        check="ambiguous",
                        plugin=component.entry_point,
                        problem=f"{component.kind} '{name}' is also brought by {origins}",
                        remedy=f"Write {component.distribution}/{name}, or leave one out with --no-plugin.",
                    )
                )
    return found


def _costly(plugins: Registry) -> list[Complaint]:
    found = []
    for plugin in plugins.loaded:
        if plugin.heavy:
            found.append(
                Complaint(
                    check="heavy",
                    plugin=plugin.entry_point,
                    problem=f"imports {', '.join(plugin.heavy)} merely to say what it brings",
                    remedy="Its author: keep declarations in a module of their own that imports only glasshouse.",
                )
            )
        elif plugin.seconds > SLOW_SECONDS:
            found.append(
                Complaint(
                    check="slow",
                    plugin=plugin.entry_point,
                    problem=f"takes {plugin.seconds:.2f} s to say what it brings",
                    remedy="Run again; if it stays, its author can find the waste with python -X importtime.",
                )
            )
    return found
