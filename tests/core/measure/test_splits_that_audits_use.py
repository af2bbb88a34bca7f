"""Which splits are collected: the judged one, and those that audits require or make use of."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from glasshouse import AuditPlugin
from glasshouse.config.run_options import Choice
from glasshouse.measure.selection import required_splits


def audit(name: str, **asked) -> AuditPlugin:
    return AuditPlugin(name=name, target="a.b:C", summary="s", **asked)


KNOWN = {
    plugin.name: plugin
    for plugin in (
        audit("plain"),
        audit("attack", requires=("train_predictions",)),
        audit("choosing", uses=("validate_predictions",)),
    )
}


@pytest.mark.parametrize(
    ("asked", "judged", "expected"),
    [
        ((), "test", ["test"]),
        (("plain",), "test", ["test"]),
        (("attack",), "test", ["test", "train"]),
        (("attack", "choosing"), "test", ["test", "train", "validate"]),
        (("choosing",), "validate", ["validate"]),
        (("attack",), "train", ["train"]),
    ],
)
def test_the_judged_split_and_what_is_asked_for(asked, judged, expected) -> None:
    registry = SimpleNamespace(find=lambda kind, name: SimpleNamespace(plugin=KNOWN[name]))
    assert required_splits(registry, [Choice(name) for name in asked], judged) == expected
