"""What reading and writing records of any size costs, counted in calls and bytes."""

from __future__ import annotations

import json

import pytest
from glasshouse.record.measurements import Measurement
from glasshouse.system.atomic_files import json_text, write_json


def test_the_identifier_of_a_measurement_is_made_once():
    measurement = Measurement(name="accuracy", value=1.0, group={"b": "2", "a": "1"}, split="test")
    assert measurement.id == "accuracy[a=1,b=2]@test"
    assert measurement.id is measurement.id
    assert measurement == Measurement(name="accuracy", value=1.0, group={"b": "2", "a": "1"}, split="test")


def test_json_has_a_line_for_each_measurement(tmp_path):
    measurements = [{"name": "accuracy", "value": number / 7, "group": {"a": "ü"}} for number in range(50)]
    values = {"audits": [{"name": "x", "measurements": measurements, "notes": [], "reason": None}], "empty": {}}
    text = json_text(values)
    assert json.loads(text) == values
    assert text.count("\n") == 50 + 11
    assert ' {"name": "accuracy", "value": 0.14285714285714285, "group": {"a": "ü"}}' in text
    write_json(tmp_path / "a.json", values)
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == text + "\n"


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_json_has_no_numbers_that_are_not_finite(number):
    with pytest.raises(ValueError, match="JSON"):
        json_text({"a": [{"b": [[number]]}]})
