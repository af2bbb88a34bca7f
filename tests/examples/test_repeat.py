"""The same command, seed and machine give the same numbers, in a folder of their own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.examples, pytest.mark.xdist_group("diabetes")]

MAY_DIFFER = {"id", "created", "seconds"}
"""Keys of a record that say when it was made and how long that took."""


@pytest.fixture(scope="module")
def two_runs(finished: Callable, run_again: Callable) -> tuple[Path, dict[str, str], Path]:
    """The first run's folder, the digests of its files before the second run, and the second run's folder."""
    first = finished("diabetes").folder
    before = digests(first)
    return first, before, run_again("diabetes").folder


def test_a_second_run_leaves_the_first_as_it_was(two_runs):
    first, before, second = two_runs
    assert first != second
    assert first.parent == second.parent
    assert digests(first) == before


def test_the_records_are_equal_but_for_times_and_identifiers(two_runs):
    first, _, second = two_runs
    assert dict(differences(read(first), read(second))) == {}


def test_the_same_predictions_and_training_history(two_runs):
    _, before, second = two_runs
    after = digests(second)
    numbers = [name for name in before if name.startswith("predictions/") or name == "metrics.csv"]
    assert len(numbers) >= 3
    assert {name: after[name] for name in numbers} == {name: before[name] for name in numbers}


def read(folder: Path) -> Any:
    return json.loads((folder / "record.json").read_text(encoding="utf-8"))


def differences(one: Any, other: Any, at: str = "record") -> Iterator[tuple[str, tuple[Any, Any]]]:
    """Where two records differ apart from `MAY_DIFFER`, with both values."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        for key in one.keys() - MAY_DIFFER:
            yield from differences(one[key], other[key], f"{at}.{key}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for position, (left, right) in enumerate(zip(one, other, strict=True)):
            yield from differences(left, right, f"{at}[{position}]")
    elif one != other:
        yield at, (one, other)


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder, by its path from there."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
