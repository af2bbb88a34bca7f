"""`pytest -m fast` says something of every room, and what it leaves out is there."""

from __future__ import annotations

from pathlib import Path

import glasshouse
import pytest

from helpers.fast import LEFT_OUT, TESTS, is_fast

ROOMS = sorted(path.parent.name for path in Path(glasshouse.__file__).parent.glob("*/__init__.py"))


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_has_fast_tests(room: str) -> None:
    assert [path for path in (TESTS / "core" / room).rglob("test_*.py") if is_fast(path)]


def test_what_is_left_out_exists() -> None:
    assert [place for place in LEFT_OUT if not (TESTS / place).exists()] == []
