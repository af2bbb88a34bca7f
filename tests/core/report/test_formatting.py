"""Numbers and names as readers see them."""

from __future__ import annotations

import pytest
from glasshouse import Measurement
from glasshouse.record.findings import Threshold
from glasshouse.report.formatting import (
    show_cell,
    show_formatted,
    show_interval,
    show_list,
    show_name,
    show_number,
    show_scope,
    show_threshold,
    show_time,
)
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (0, "0"),
        (0.0, "0"),
        (1.0, "1"),
        (0.25, "0.250"),
        (0.9997, "0.9997"),
        (0.99996, "0.99996"),
        (0.999999999, ">0.9999"),
        (-0.999999999, "<-0.9999"),
        (0.0036, "0.0036"),
        (0.0001, "0.00010"),
        (0.00002, "2.0e-05"),
        (-0.07, "-0.070"),
        (1.00004, "1.00004"),
        (1.0000001, "1.0000001"),
        (12.345, "12.35"),
        (99.9996, "99.9996"),
        (152.13, "152.1"),
        (48842, "48,842"),
        (1e300, "1e+300"),
    ],
)
def test_show_number(value: float | None, shown: str) -> None:
    assert show_number(value) == shown


@given(st.floats(-100, 100, exclude_min=True, exclude_max=True))
def test_rounding_never_invents_0_1_or_100(value: float) -> None:
    text = show_number(value)
    shown = float(text.lstrip("<>"))
    if not text.startswith(("<", ">")):
        assert abs(shown) not in (0, 1, 100) or shown == value
    assert abs(shown - value) <= max(0.006, 0.03 * abs(value))


@given(st.floats(0, 1), st.sampled_from([".0%", ".1%", ".2f", ".3f", ",.1f"]))
def test_formats_never_invent_0_or_100_percent(value: float, spec: str) -> None:
    text = show_formatted(value, spec)
    if text.startswith((">", "<")):
        assert 0.999 < value < 1
    elif text.endswith("%"):
        assert float(text[:-1]) not in (0, 100) or value in (0, 1)
    else:
        assert float(text) not in (0, 1) or value in (0, 1)


@pytest.mark.parametrize("spec", ["", "x", ".999999999f", "<9999999999", "{0.__class__}", "d", "s"])
def test_a_format_that_does_not_fit_is_left_aside(spec: str) -> None:
    assert show_formatted(0.25, spec) == "0.250"


def test_cells() -> None:
    assert [show_cell(cell) for cell in (None, True, False, "a", 3)] == ["–", "yes", "no", "a", "3"]
    assert show_cell(0.5, ".1%") == "50.0%"


def test_intervals_may_be_open() -> None:
    def interval(low: float | None, high: float | None) -> str:
        bounds = {"level": 0.95, "interval_method": "exact"}
        return show_interval(Measurement(name="m", value=0.5, low=low, high=high, **bounds))  # type: ignore[arg-type]

    assert interval(0.25, 0.75) == "0.250 to 0.750"
    assert interval(None, 0.75) == "up to 0.750"
    assert interval(0.25, None) == "from 0.250"
    assert show_interval(Measurement(name="m", value=0.5)) == ""


def test_words() -> None:
    gap = Measurement(name="m", value=1.0, over=("sex", "age"), output="high", parameters={"false_positive_rate": 0.01})
    assert show_scope(gap) == "between groups of sex × age, output: high, false positive rate: 0.01"
    assert show_scope(Measurement(name="m", value=1.0)) == "overall"
    assert show_name("equalized_odds_difference") == "Equalized odds difference"
    assert show_list([]) == ""
    assert show_list(["a"]) == "a"
    assert show_list(["a", "b", "c"]) == "a, b and c"
    assert show_time("2026-03-12T14:05:00+00:00") == "12 March 2026, 14:05 UTC"
    assert show_time("2026-03-12T14:05:00+02:00") == "12 March 2026, 14:05 +0200"
    assert show_time("whenever") == "whenever"


def test_thresholds_show_their_own_digits() -> None:
    def threshold(value: float) -> str:
        return show_threshold(Threshold(bound="min", value=value, evidence="value", source="s"))

    assert threshold(0.8) == "at least 0.8"
    assert threshold(0.5063291) == "at least 0.506"
