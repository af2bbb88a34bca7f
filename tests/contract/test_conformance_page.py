"""docs/conformance.md names every check with its promise, in the code's own words, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from glasshouse.testing import checks_of
from glasshouse.testing.kit.kinds import MODULES

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "conformance.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## .+\n\nKind `(\w+)`.\n\n((?:\|.*\n)+)", PAGE, flags=re.MULTILINE))


def test_the_page_has_every_kind() -> None:
    assert list(SECTIONS) == list(MODULES)


@pytest.mark.parametrize("kind", MODULES)
def test_a_table_is_that_of_the_code(kind: str) -> None:
    rows = [f"| `{check.name}` | {check.promise} |" for check in checks_of(kind)]
    assert SECTIONS[kind].splitlines() == ["| check | promise |", "|---|---|", *rows]
