"""``glasshouse plugins doctor``: problems of plugins, their consequences and fixes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from glasshouse.cli.commands.output import print_json
from glasshouse.plugins import KINDS, Registry, registry
from glasshouse.plugins.doctor.diagnosis import plugin_problems
from glasshouse.plugins.doctor.installation import installation_problems
from glasshouse.plugins.doctor.problems import Problem


def doctor(*, as_json: bool) -> int:
    """Print all problems and notes; 1 if there is a problem, else 0."""
    plugins = registry()
    problems, notes = examine(plugins)
    if as_json:
        values = {"problems": [_as_dict(one) for one in problems], "notes": [_as_dict(one) for one in notes]}
        print_json({"healthy": not problems, **values})
    else:
        for label, entries in (("problem", problems), ("note", notes)):
            for one in entries:
                print(f"{label}: {one.plugin}: {one.problem}\n    effect: {one.effect}\n    fix:    {one.remedy}")
        count = len(list(chain.from_iterable(plugins.components(kind) for kind in KINDS)))
        print(f"{len(plugins.loaded)} plugins, {count} components, {len(problems)} problems, {len(notes)} notes")
    return 1 if problems else 0


def examine(plugins: Registry) -> tuple[Sequence[Problem], Sequence[Problem]]:
    """(problems, notes): what does not work, and what works with a disadvantage."""
    found = [*plugin_problems(plugins), *installation_problems(plugins)]
    gone = {one.plugin for one in found if one.check == "gone"}
    # the import error of such a plugin is the same problem, with a remedy that does not help
    found = [one for one in found if not (one.check == "broken" and one.plugin.partition(":")[0].lower() in gone)]
    return [one for one in found if one.breaks], [one for one in found if not one.breaks]


def _as_dict(problem: Problem) -> dict[str, str]:
    return {
        "check": problem.check,
        "plugin": problem.plugin,
        "problem": problem.problem,
        "why": problem.effect,
        "remedy": problem.remedy,
    }
