"""The specification of hooks and declarations, frozen by version.

A change without a new `glasshouse.plugins.hookspecs.SPEC_VERSION` fails here, and so does a new minor version that
breaks what was promised before. When a new version is meant: raise SPEC_VERSION by the rule that stands beside it, then
``GLASSHOUSE_BLESS=1 python -m pytest tests/contract/test_specification_gold.py`` writes the file of the new version.
That of a version which was released is never written again.
"""

from __future__ import annotations

import copy
import dataclasses
import inspect
import json
import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from glasshouse import SPEC_VERSION
from glasshouse.data.kinds import MODALITIES, TARGET_KINDS
from glasshouse.evidence.evidence import REQUIREMENTS
from glasshouse.plugins import hookspecs
from glasshouse.plugins.declarations import PLUGIN_TYPES
from glasshouse.record.families import FAMILIES

GOLD = Path(__file__).parents[1] / "gold"


def specification() -> dict[str, Any]:
    """All that a plugin's author relies on, as plain values."""
    hooks = {name: hook for name, hook in vars(hookspecs).items() if name.startswith("glasshouse_")}
    return {
        "hooks": {
            name: {
                "arguments": {
                    argument.name: str(argument.annotation) for argument in inspect.signature(hook).parameters.values()
                },
                "returns": str(inspect.signature(hook).return_annotation),
                "firstresult": hook.glasshouse_spec["firstresult"],
                "historic": hook.glasshouse_spec["historic"],
                "given_up": hook.glasshouse_spec["warn_on_impl"] is not None,
                "arguments_given_up": sorted(hook.glasshouse_spec["warn_on_impl_args"] or {}),
            }
            for name, hook in sorted(hooks.items())
        },
        "declarations": {
            plugin_type.__name__: {
                "kind": plugin_type.kind,
                "hook": plugin_type.hook,
                "fields": {
                    field.name: {
                        "type": field.type,
                        "default": None if field.default is dataclasses.MISSING else repr(field.default),
                    }
                    for field in dataclasses.fields(plugin_type)
                },
            }
            for plugin_type in PLUGIN_TYPES
        },
        "words": {
            "modalities": sorted(MODALITIES),
            "targets": sorted(TARGET_KINDS),
            "families": sorted(FAMILIES),
            "requires": sorted(REQUIREMENTS),
        },
    }


def breaks(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What a plugin written for one version may miss in another."""
    found = [f"hook {name} is gone" for name in before["hooks"].keys() - after["hooks"].keys()]
    for name in before["hooks"].keys() & after["hooks"].keys():
        old, new = before["hooks"][name], after["hooks"][name]
        found += [f"argument '{a}' of {name} is gone" for a in old["arguments"].keys() - new["arguments"].keys()]
        for key in ("firstresult", "historic", "returns"):
            if old[key] != new[key]:
                found.append(f"{name}: {key} was {old[key]} and is {new[key]}")
    found += [f"{name} is gone" for name in before["declarations"].keys() - after["declarations"].keys()]
    for name in before["declarations"].keys() & after["declarations"].keys():
        old, new = before["declarations"][name], after["declarations"][name]
        found += [f"{name}: {key} has changed" for key in ("kind", "hook") if old[key] != new[key]]
        for field in old["fields"].keys() | new["fields"].keys():
            if field not in new["fields"]:
                found.append(f"{name}.{field} is gone")
            elif field not in old["fields"]:
                if new["fields"][field]["default"] is None:
                    found.append(f"{name}.{field} is new and has no default")
            elif old["fields"][field] != new["fields"][field]:
                found.append(f"{name}.{field} has changed")
    for field, words in before["words"].items():
        found += [f"'{word}' may no longer stand under {field}" for word in set(words) - set(after["words"][field])]
    return sorted(found)


def gold(version: str) -> Path:
    return GOLD / f"specification-{version}.json"


def versions() -> list[tuple[int, int]]:
    names = [file.stem.removeprefix("specification-") for file in GOLD.glob("specification-*.json")]
    return sorted((int(name.split(".")[0]), int(name.split(".")[1])) for name in names)


def test_the_specification_is_the_one_of_its_version():
    file = gold(SPEC_VERSION)
    if os.environ.get("GLASSHOUSE_BLESS"):
        file.write_text(json.dumps(specification(), indent=1) + "\n", encoding="utf-8")
    frozen = json.loads(file.read_text(encoding="utf-8"))
    assert specification() == frozen, (
        f"what plugins rely on is no longer specification {SPEC_VERSION}: raise "
        "glasshouse.plugins.hookspecs.SPEC_VERSION by the rule below it, and write the new version's file (see this "
        "test's docstring)"
    )


def test_minor_versions_break_nothing_that_was_promised():
    known = versions()
    assert f"{known[-1][0]}.{known[-1][1]}" == SPEC_VERSION
    for earlier, later in pairwise(known):
        if earlier[0] == later[0]:
            files = [gold(f"{major}.{minor}") for major, minor in (earlier, later)]
            before, after = (json.loads(file.read_text(encoding="utf-8")) for file in files)
            assert breaks(before, after) == [], f"{later} is a new major version"


def changed(path: str, value: Any) -> dict[str, Any]:
    """The present specification with one value changed; ... takes it away."""
    tree = copy.deepcopy(specification())
    *way, last = path.split("/")
    place = tree
    for key in way:
        place = place[key]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return tree


@pytest.mark.parametrize(
    ("path", "value", "broken"),
    [
        ("hooks/glasshouse_data", ..., ["hook glasshouse_data is gone"]),
        (
            "hooks/glasshouse_stage_finished/arguments/stage",
            ...,
            ["argument 'stage' of glasshouse_stage_finished is gone"],
        ),
        ("hooks/glasshouse_callbacks/firstresult", True, ["glasshouse_callbacks: firstresult was False and is True"]),
        ("declarations/AuditPlugin", ..., ["AuditPlugin is gone"]),
        ("declarations/AuditPlugin/fields/uses", ..., ["AuditPlugin.uses is gone"]),
        ("declarations/AuditPlugin/fields/uses/default", "('model',)", ["AuditPlugin.uses has changed"]),
        (
            "declarations/DataPlugin/fields/licence",
            {"type": "str", "default": None},
            ["DataPlugin.licence is new and has no default"],
        ),
        ("declarations/DataPlugin/fields/licence", {"type": "str", "default": "''"}, []),
        ("words/modalities", ["image", "sequence", "text"], ["'tabular' may no longer stand under modalities"]),
        ("words/modalities", ["graph", *sorted(MODALITIES)], []),
        ("hooks/glasshouse_stage_finished/arguments/seconds", "float", []),
        ("hooks/glasshouse_teleport", {"arguments": {}}, []),
    ],
)
def test_what_counts_as_breaking(path, value, broken):
    after = changed(path, value)
    assert breaks(specification(), after) == broken
    assert after != specification()  # and so fails the first test without a new version
