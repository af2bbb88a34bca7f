"""Axes: the arithmetic of ticks and positions."""

from __future__ import annotations

import pytest
from glasshouse.report.figures.scale import Scale, nice_step, spanning
from hypothesis import given
from hypothesis import strategies as st

values = st.floats(-1e100, 1e100) | st.floats(-10, 10)


def test_positions_by_hand() -> None:
    assert [Scale(0, 10, 100, 200)(v) for v in (0, 5, 10, 99)] == [100, 150, 200, 200]
    logarithmic = Scale(0.01, 1, 0, 200, log=True)
    assert [logarithmic(v) for v in (0.01, 0.1, 1, 0)] == pytest.approx([0, 100, 200, 0])
    assert logarithmic.ticks() == pytest.approx([0.01, 0.1, 1])
    assert Scale(0, 1, 0, 1).ticks() == [0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert [nice_step(x) for x in (1, 1.1, 2.1, 3, 6)] == [1, 2, 2.5, 5, 10]


def test_shares_get_the_whole_of_zero_to_one() -> None:
    scale = spanning([0.3, 0.7], 0, 1)
    assert (scale.low, scale.high) == (0, 1)


@given(st.lists(st.none() | values, max_size=8), st.booleans())
def test_every_value_lies_between_the_ends(numbers: list[float | None], log: bool) -> None:
    scale = spanning(numbers, 10, 90, log=log)
    assert scale.low < scale.high
    assert all(10 <= scale(v) <= 90 for v in numbers if v is not None)
    assert all(scale.low - 1e-6 * abs(scale.low) <= tick for tick in scale.ticks())
    assert len(scale.ticks()) <= 12


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=8))
def test_order_is_kept(numbers: list[float]) -> None:
    scale = spanning(numbers, 0, 100)
    places = [scale(v) for v in sorted(numbers)]
    assert places == sorted(places)
