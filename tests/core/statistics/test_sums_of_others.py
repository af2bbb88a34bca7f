"""Sums over all groups but one, against the sums that they are."""

from __future__ import annotations

import numpy as np
from glasshouse.statistics.counts.others import sums_of_others
from hypothesis import given
from hypothesis import strategies as st


@given(st.lists(st.floats(0, 1e9), max_size=8))
def test_each_is_the_sum_of_the_others(values):
    expected = [sum(values[:k] + values[k + 1 :]) for k in range(len(values))]
    assert np.allclose(sums_of_others(np.array(values, dtype=float)), expected, rtol=1e-12, atol=0)


def test_nothing_is_left_where_all_others_are_empty():
    assert sums_of_others(np.array([0.1 + 0.2, 0.0, 0.0])).tolist() == [0.0, 0.30000000000000004, 0.30000000000000004]


def test_columns_are_summed_apart_in_linear_memory():
    found = sums_of_others(np.arange(200_000).reshape(100_000, 2))  # a matrix of all pairs would take 80 GB
    assert found[0].tolist() == [9999900000 - 0, 10000000000 - 1]
