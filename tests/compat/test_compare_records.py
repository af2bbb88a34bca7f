"""The comparison of records sees every number and name, and lets only what it lists differ."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compat.compare_records import ELSEWHERE, ENDS, HEADINGS, TEXTS, differences

RECORD: dict[str, Any] = json.loads(
    (Path(__file__).resolve().parents[1] / "gold/before_rooms/uninterrupted.json").read_text(encoding="utf-8")
)


def test_a_record_equals_itself():
    assert list(differences(RECORD, copy.deepcopy(RECORD))) == []


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("run.id", "another"),
        ("run.created", "2030-01-01T00:00:00+00:00"),
        ("run.provenance.versions", {}),
        ("run.config.run_dir", "/elsewhere"),
        ("audits.0.seconds", 1e6),
        ("audits.0.figures.0.title", "In other words"),
        ("audits.0.notes", ["In other words."]),
        ("audits.0.tables.0.columns.0.name", "in other words"),
        ("findings.0.explanation", "In other words."),
    ],
)
def test_what_may_differ(place, value):
    assert list(differences(RECORD, changed(place, value))) == []


@pytest.mark.parametrize(
    "place",
    [
        "verdict",
        "run.name",
        "run.seed",
        "run.config.optimizer.init_args.lr",
        "run.provenance.data_fingerprint",
        "run.data.name",
        "audits.0.status",
        "audits.0.measurements.0.id",
        "audits.0.measurements.0.name",
        "audits.0.measurements.0.value",
        "audits.0.measurements.0.n",
        "audits.0.tables.0.rows.0.0",
        "audits.0.figures.0.kind",
        "findings.0.verdict",
        "findings.0.threshold.value",
    ],
)
def test_what_may_not_differ(place):
    value = found(RECORD, place)
    other = np.nextafter(value, 2.0).item() if isinstance(value, float) else f"{value} "
    (line,) = differences(RECORD, changed(place, other))
    assert line.endswith(f": {value!r} is now {other!r}")


def test_what_is_missing_new_or_of_another_type_differs():
    fewer = changed("audits.0.measurements", RECORD["audits"][0]["measurements"][1:-1])
    assert any("entries are now" in line for line in differences(RECORD, fewer))
    assert len(list(differences(RECORD, changed("audits.0.notes", [])))) == 1
    assert list(differences(RECORD, changed("run.new", 1))) == ["run.new: only in the new record"]
    assert list(differences(changed("run.new", 1), RECORD)) == ["run.new: only in the old record"]
    assert len(list(differences(RECORD, changed("run.seed", float(RECORD["run"]["seed"]))))) == 1


def test_nothing_else_is_left_out():
    assert len(ELSEWHERE) == 12
    assert not {"id", "name", "value", "low", "high", "n", "verdict", "status", "rows", "data"} & TEXTS
    assert len(ENDS) == 12
    assert len(HEADINGS) == 6
    assert all("tables" in path or "figures" in path for path in HEADINGS)


def found(record: Any, place: str) -> Any:
    for key in place.split("."):
        record = record[int(key)] if isinstance(record, list) else record[key]
    return record


def changed(place: str, value: Any) -> dict[str, Any]:
    """The record with another value at a place."""
    record = copy.deepcopy(RECORD)
    parent, _, key = place.rpartition(".")
    holder = found(record, parent) if parent else record
    holder[int(key) if isinstance(holder, list) else key] = value
    return record
