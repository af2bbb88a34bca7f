"""A measurement compares like its value, tells all about itself, and never holds where there is none."""

from __future__ import annotations

import operator
import re

import numpy as np
import pytest
from glasshouse import UserError
from glasshouse.record.measurements import measurement_id
from glasshouse.testing.pytest.audit_record import AuditRecord, Measured, UnprovenError, explain_comparison
from hypothesis import given
from hypothesis import strategies as st

COMPARISONS = [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne]
FINITE = st.floats(allow_nan=False, allow_infinity=False, width=32)


@pytest.fixture
def record(loans) -> AuditRecord:
    return AuditRecord(loans)


def one(value: float) -> Measured:
    from glasshouse import Measurement

    return Measured("a", Measurement(name="m", value=value))


@given(FINITE, FINITE)
def test_it_compares_like_its_value_from_either_side(value, other) -> None:
    for compare in COMPARISONS:
        assert compare(one(value), other) is compare(value, other)
        assert compare(other, one(value)) is compare(other, value)
        assert compare(one(value), one(other)) is compare(value, other)
        assert compare(one(value), np.float64(other)) is compare(value, other)
        assert compare(np.float64(other), one(value)) is compare(other, value)


@pytest.mark.parametrize("compare", COMPARISONS)
@pytest.mark.parametrize("other", [0.0, 1e9, float("nan"), None, "recall"])
def test_what_is_undefined_fails_in_every_direction_with_its_reason(compare, other, record) -> None:
    told = r"recall@test is undefined: there is no positive: it cannot be compared"
    with pytest.raises(UnprovenError, match=re.escape(told)):
        compare(record["recall"], other)
    with pytest.raises(UnprovenError, match=re.escape(told)):
        compare(other, record["recall"])


def test_nothing_is_sure_of_what_is_undefined_even_with_an_interval(record) -> None:
    for ask in (record["recall"].surely_below, record["recall"].surely_above):
        with pytest.raises(UnprovenError, match="there is no positive: nothing is sure of it"):
            ask(5.0)
    for convert in (float, abs):
        with pytest.raises(UnprovenError, match="there is no positive"):
            convert(record["recall"])


def test_sure_is_what_the_whole_interval_says(record) -> None:
    gap = record["demographic_parity_difference"]
    assert gap < 0.15
    assert not gap.surely_below(0.15)
    assert not gap.surely_below(0.19)
    assert gap.surely_below(0.2)
    assert gap.surely_above(0.04)
    assert not gap.surely_above(0.05)
    assert repr(gap.surely_below(0.15)) == (
        "<surely below 0.15? demographic_parity_difference[over=sex]@test = 0.12 "
        "(0.05 to 0.19 at 0.95, miettinen_nurminen; n = 400): the upper end is 0.19>"
    )
    with pytest.raises(UnprovenError, match=r"accuracy\[sex=f\]@test = 0.7 \(n = 180\) has no interval on that side"):
        record.measurement("accuracy", sex="f").surely_above(0.0)


def test_it_is_neither_true_nor_false(record) -> None:
    with pytest.raises(TypeError, match=r"is a number, neither true nor false: compare it"):
        assert record["accuracy"]


def test_parts_and_conversions(record) -> None:
    accuracy = record["accuracy"]
    assert (float(accuracy), accuracy.low, accuracy.high, accuracy.n) == (0.8, 0.75, 0.84, 400)
    assert accuracy == pytest.approx(0.8 + 1e-9)
    assert accuracy != pytest.approx(0.7)
    with pytest.raises(TypeError, match="unhashable"):
        hash(accuracy)


def test_measurements_are_found_by_name_group_and_identifier(record, loans) -> None:
    assert record["accuracy"].id == "fairness/accuracy@test"
    assert record.measurement("accuracy", sex="f") == 0.7
    assert record["fairness/accuracy[sex=f]@test"] == 0.7
    assert [m.id for m in record.measurements("accuracy", by="sex")] == ["fairness/accuracy[sex=f]@test"]
    every = [measurement_id("fairness", m) for m in loans.measurements()]
    assert [record[identifier].id for identifier in every] == every
    with pytest.raises(UserError, match=r"has no measurement 'acuracy'. Did you mean 'accuracy'"):
        record["acuracy"]
    with pytest.raises(UserError, match=r"has no measurement 'fairness/accuracy@train'. Did you mean 'fairness/acc"):
        record["fairness/accuracy@train"]


def test_what_the_policy_says_is_at_hand(record, loans) -> None:
    assert (record.verdict, record.findings, record.folder) == (loans.verdict, loans.findings, loans.folder)
    assert record.audits["fairness"].status == "completed"
    assert record.run is loans
    assert repr(record) == "<AuditRecord loans: not_judged; 4 measurements; findings: none>"


def test_the_explanation_of_a_comparison(record) -> None:
    gap, accuracy = record["demographic_parity_difference"], record["accuracy"]
    assert explain_comparison("<", gap, 0.1) == [
        "fairness/demographic_parity_difference[over=sex]@test < 0.1",
        "value     0.12",
        "interval  0.05 to 0.19 at 0.95, miettinen_nurminen",
        "n         400",
    ]
    both = explain_comparison(">=", gap, accuracy)
    assert both is not None
    assert both[0] == "fairness/demographic_parity_difference[over=sex]@test >= fairness/accuracy@test"
    assert "accuracy@test:" in both
    assert explain_comparison("==", 1, 2) is None
