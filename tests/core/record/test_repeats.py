"""The spread over seeds: its arithmetic beside NumPy's, its place in the record, and what a report shows of it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from glasshouse import AuditResult, DataInfo, Measurement, Target, UserError
from glasshouse.record.record import Record, build_record
from glasshouse.record.seed_repeats import Repeats, Spread, spread_of
from glasshouse.report.json_format import render_json
from glasshouse.report.markdown import render_markdown
from hypothesis import given
from hypothesis import strategies as st

TARGET = Target(name="y", kind="binary", classes=("no", "yes"))
INFO = DataInfo(name="toy", modality="tabular", target=TARGET, input_shape=(3,))
HEADER: dict[str, Any] = {
    "id": "20260101-aa",
    "name": "toy",
    "created": "2026-01-01T00:00:00+00:00",
    "glasshouse_version": "0.1.0",
    "command": ["glasshouse", "run"],
    "seed": 42,
    "config": {},
    "provenance": {},
    "data": INFO.to_dict(),
    "model": None,
}


def record() -> Record:
    """Accuracy of everyone and of a group of four, which reports hide; undefined for one seed."""
    overall = Measurement(name="accuracy", value=0.5, n=80, split="test")
    few = Measurement(name="accuracy", value=0.25, n=4, group={"sex": "1"}, split="test")
    rest = Measurement(name="accuracy", value=0.5, n=76, group={"sex": "2"}, split="test")
    audit = AuditResult(name="performance", family="performance", measurements=[overall, few, rest])
    a, b, c = ("performance/" + m.id for m in (overall, few, rest))
    measured = {42: {a: 0.5, b: 0.25, c: 0.5}, 43: {a: 0.75, b: 0.987, c: None}, 44: {a: 1.0}}
    return build_record(HEADER, [audit], repeats=spread_of(measured))


def test_by_hand() -> None:
    overall, few, rest = record().repeats.spread  # type: ignore[union-attr]
    assert overall.values == (0.5, 0.75, 1.0)
    assert (overall.mean, overall.standard_deviation) == (0.75, 0.25)
    assert few.values == (0.25, 0.987, None)
    assert rest.values == (0.5, None, None)
    assert (rest.mean, rest.standard_deviation) == (0.5, None)


def test_undefined_for_every_seed() -> None:
    (one,) = spread_of({1: {"a": None}, 2: {"a": None}}).spread
    assert one == Spread(measurement="a", values=(None, None), mean=None, standard_deviation=None)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=9))
def test_beside_numpy(values: list[float]) -> None:
    (one,) = spread_of({seed: {"a": value} for seed, value in enumerate(values)}).spread
    assert one.mean == pytest.approx(np.mean(values), abs=1e-6)
    assert one.standard_deviation == pytest.approx(np.std(values, ddof=1), abs=1e-6)


def test_the_record_keeps_it_and_records_without_it_stay_as_they_were() -> None:
    values = json.loads(json.dumps(record().to_dict()))
    assert values["repeats"]["seeds"] == [42, 43, 44]
    assert Record.from_dict(values) == Record.from_dict(Record.from_dict(values).to_dict())
    assert Record.from_dict(values).repeats == record().repeats
    without = {key: value for key, value in values.items() if key != "repeats"}
    assert Record.from_dict(without).repeats is None
    assert "repeats" not in Record.from_dict(without).to_dict()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"measurement": "performance/other"}, "a spread names the unknown measurement 'performance/other'"),
        ({"values": [0.5]}, "needs one value for each seed"),
        ({"mean": "high"}, r"at \$.repeats.spread\[0\].mean"),
    ],
)
def test_a_record_that_contradicts_itself_is_refused(change: dict[str, Any], said: str) -> None:
    values = json.loads(json.dumps(record().to_dict()))
    values["repeats"]["spread"][0].update(change)
    with pytest.raises(UserError, match=said):
        Record.from_dict(values)


def test_reports_show_it_but_not_of_what_they_hide() -> None:
    shown = json.loads(render_json(record()))["repeats"]["spread"]
    assert "performance/accuracy@test" in {one["measurement"] for one in shown}
    assert "performance/accuracy[sex=1]@test" not in {one["measurement"] for one in shown}
    text = render_markdown(record())
    assert "(3 seeds: mean 0.750, standard deviation 0.250, 0.500 to 1)" in text
    assert "0.987" not in text


def test_seeds_are_as_given() -> None:
    assert spread_of({7: {}, 8: {}}) == Repeats(seeds=(7, 8), spread=())
