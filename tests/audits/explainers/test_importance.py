"""Means of attributions over rows, with intervals that know of shared random draws; thirds of values."""

from __future__ import annotations

import numpy as np
import pytest
from glasshouse.statistics import mean
from glasshouse_audits.explain.features.importance import levels, mean_attribution
from scipy import stats


def test_without_sampling_it_is_students_t() -> None:
    values = np.array([1.0, -2.0, 3.0, -1.0])
    assert mean_attribution(values) == mean(np.abs(values))
    assert mean_attribution(values, absolute=False) == mean(values)
    # errors of rows that share nothing are in the spread of rows already
    alone = mean_attribution(values, error=np.full(4, 0.3), design=np.arange(4))
    assert alone == mean(np.abs(values))


def test_shared_designs_widen_the_interval_by_hand() -> None:
    """Two designs of two rows, errors 0.3 and 0.4 in each: 2 x 0.3 x 0.4 x 2 designs / 16 more variance of the mean."""
    values = np.array([1.0, 2.0, 3.0, 4.0])
    found = mean_attribution(values, error=np.array([0.3, 0.4, 0.3, 0.4]), design=np.array([7, 7, 2, 2]))
    variance = values.var(ddof=1) / 4 + 0.48 / 16
    assert found.interval.high - found.value == pytest.approx(stats.t.ppf(0.975, 3) * np.sqrt(variance))


def test_intervals_cover_where_rows_err_together_and_students_do_not() -> None:
    """True values vary little; 5 designs of 20 rows with an error of 0.5 that all rows of a design share."""
    rng = np.random.default_rng(0)
    design, error = np.repeat(np.arange(5), 20), np.full(100, 0.5)
    covered = {"shared": 0, "ignored": 0}
    for _ in range(400):
        values = 3 + 0.1 * rng.normal(size=100) + 0.5 * rng.normal(size=5)[design]
        for name, told in (("shared", design), ("ignored", None)):
            interval = mean_attribution(values, error=error, design=told).interval
            covered[name] += interval.low <= 3 <= interval.high
    assert covered["shared"] >= stats.binom.ppf(0.001, 400, 0.95)
    assert covered["ignored"] < 300


def test_a_single_row_and_none() -> None:
    one = mean_attribution(np.array([-2.0]))
    assert (one.value, one.interval.low) == (2.0, None)
    assert mean_attribution(np.array([])).undefined == "no rows"


def test_thirds_by_hand() -> None:
    """Nine values, three to a third; ties stay together; several columns have no order, nor has a constant."""
    rows = np.zeros((9, 5), dtype=np.float32)
    rows[:, 0] = np.arange(9)[::-1]
    rows[:, 1] = [0, 0, 0, 0, 0, 0, 0, 0, 1]
    rows[:, 2] = rows[:, 3] = np.arange(9)
    found = levels(rows, np.array([0, 1, 2, 2, 3]), np.array([True, True, False, True]))
    assert found[:, 0].tolist() == [1, 1, 1, 0.5, 0.5, 0.5, 0, 0, 0]
    assert found[:, 1].tolist() == [0.5] * 8 + [1]
    assert np.isnan(found[:, 2:]).all()
