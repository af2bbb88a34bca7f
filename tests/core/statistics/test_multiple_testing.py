"""Holm and Benjamini-Hochberg: worked by hand, against scipy and against their step-wise definitions."""

from __future__ import annotations

import numpy as np
import pytest
from glasshouse.statistics import benjamini_hochberg, holm
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

p_values = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def test_worked_by_hand() -> None:
    """.005 * 4, .01 * 3, .03 * 2, and .04 not below its forerunner; BH: .04 * 4/4 caps .03 * 4/3."""
    p = [0.01, 0.04, 0.03, 0.005]
    np.testing.assert_allclose(holm(p), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(benjamini_hochberg(p), [0.02, 0.04, 0.04, 0.02])


@given(p_values, st.floats(0.001, 0.999))
def test_holm_rejects_what_stepping_down_rejects(p, alpha) -> None:
    order = np.argsort(p, kind="stable")
    rejected = set()
    for step, k in enumerate(order):
        if p[k] * (len(p) - step) > alpha:
            break
        rejected.add(int(k))
    assert set(np.flatnonzero(holm(p) <= alpha).tolist()) == rejected


@given(p_values)
def test_benjamini_hochberg_is_scipys(p) -> None:
    np.testing.assert_allclose(benjamini_hochberg(p), stats.false_discovery_control(p, method="bh"), rtol=1e-12)


@given(p_values)
def test_adjusted_values_grow_keep_their_order_and_ignore_undefined_tests(p) -> None:
    for adjust in (holm, benjamini_hochberg):
        adjusted = adjust(p)
        assert np.all((adjusted >= np.asarray(p) * (1 - 1e-12)) & (adjusted <= 1))
        assert np.all(np.diff(adjusted[np.argsort(p, kind="stable")]) >= 0)
        with_undefined = adjust([*p, np.nan])
        assert np.isnan(with_undefined[-1])
        np.testing.assert_array_equal(with_undefined[:-1], adjusted)


def test_degenerate() -> None:
    for adjust in (holm, benjamini_hochberg):
        assert adjust([]).tolist() == []
        assert adjust([0.2]).tolist() == [0.2]
        assert np.isnan(adjust([np.nan])).all()
        with pytest.raises(ValueError, match=r"numbers in \[0, 1\]"):
            adjust([1.2])
