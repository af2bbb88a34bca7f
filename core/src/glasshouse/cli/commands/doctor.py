"""``glasshouse plugins doctor``: what does not work, what works at a price, why that matters and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from glasshouse.cli.commands.output import print_json
from glasshouse.plugins import KINDS, Registry, registry
from glasshouse.plugins.doctor.complaints import Problem
from glasshouse.plugins.doctor.diagnosis import plugin_problems
from glasshouse.plugins.doctor.surroundings import installation_problems


def doctor(*, as_json: bool) -> int:
    """Print all complaints; 1 if something does not work, 0 if there is nothing or only notes."""
    plugins = registry()
    problems, notes = examine(plugins)
    if as_json:
        values = {"problems": [_as_dict(one) for one in problems], "notes": [_as_dict(one) for one in notes]}
        print_json({"healthy": not problems, **values})
    else:
        for label, complaints in (("problem", problems), ("note", notes)):
            for one in complaints:
                print(f"{label}: {one.plugin}: {one.problem}\n    why: {one.why}\n    do:  {one.remedy}")
        count = len(list(chain.from_iterable(plugins.components(kind) for kind in KINDS)))
        print(f"{len(plugins.loaded)} plugins, {count} components, {len(problems)} problems, {len(notes)} notes")
    return 1 if problems else 0


def examine(plugins: Registry) -> tuple[Sequence[Problem], Sequence[Problem]]:
    """(what does not work, what works at a price)."""
    found = [*plugin_problems(plugins), *installation_problems(plugins)]
    gone = {one.plugin for one in found if one.check == "gone"}
    # that such a plugin cannot be imported either is the same complaint, with a remedy that does not help
    found = [one for one in found if not (one.check == "broken" and one.plugin.partition(":")[0].lower() in gone)]
    return [one for one in found if one.breaks], [one for one in found if not one.breaks]


def _as_dict(complaint: Problem) -> dict[str, str]:
    return {
        "check": complaint.check,
        "plugin": complaint.plugin,
        "problem": complaint.problem,
        "why": complaint.why,
        "remedy": complaint.remedy,
    }
