"""What we ask of strangers' plugins, ours keep too."""

from __future__ import annotations

import pytest
from glasshouse.plugins import KINDS, Component, Registry
from glasshouse.plugins.option_signatures import read_signature

OURS = Registry(only=["glasshouse", "glasshouse-audits", "glasshouse-plugins"])
COMPONENTS = [component for kind in KINDS for component in OURS.components(kind)]


def test_nothing_of_ours_is_broken_or_ambiguous():
    assert OURS.check_all() == ()
    assert [OURS.shortest_name(component) for component in COMPONENTS] == [component.name for component in COMPONENTS]


@pytest.mark.parametrize("component", COMPONENTS, ids=lambda component: f"{component.kind}:{component.name}")
def test_each_describes_itself_and_every_option(component: Component):
    signature = read_signature(component)
    assert component.plugin.summary
    assert signature.description
    assert [option.name for option in signature.options if not option.doc] == []
