"""One argument for all data: none of ours is without `split`."""

from __future__ import annotations

import pytest
from glasshouse.plugins import registry
from glasshouse.plugins.option_signatures import read_signature

OURS = [each for each in registry().components("data") if each.distribution == "glasshouse-plugins"]


@pytest.mark.parametrize("component", OURS, ids=lambda each: each.name)
def test_every_data_set_takes_a_split(component: object) -> None:
    (split,) = [option for option in read_signature(component).options if option.name == "split"]  # type: ignore[arg-type]
    assert split.doc
