"""Entropy of benefits and differential fairness, against closed forms over rows and numbers by hand."""

from __future__ import annotations

import numpy as np
import pytest
from glasshouse.statistics import count, differential_fairness, generalized_entropy, theil_index, wilson
from hypothesis import assume, given, settings
from hypothesis import strategies as st


class Column:
    """One attribute of every row."""

    def __init__(self, codes, levels=("a", "b", "c")):
        self.name, self.levels, self.codes = "g", levels, np.asarray(codes)


def entropy_of_rows(benefits, alpha):
    """Equation 2 of Speicher et al. 2018, row by row."""
    relative = benefits / benefits.mean()
    if alpha == 1:
        return np.mean([r * np.log(r) if r > 0 else 0.0 for r in relative])
    return np.mean((relative**alpha - 1) / (alpha * (alpha - 1)))


rows = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1), st.integers(0, 2)), min_size=2, max_size=50)


@settings(deadline=None)
@given(rows, st.sampled_from([1.0, 2.0, 3.0, 0.5]))
def test_entropy_is_that_of_the_rows_and_splits_by_group(sample, alpha) -> None:
    y, p, g = np.asarray(sample).T
    benefits = (p - y + 1).astype(float)
    assume(benefits.any())
    found = generalized_entropy(count([Column(g)], y, p, classes=("0", "1")).cells, alpha=alpha)
    assert found.total == pytest.approx(entropy_of_rows(benefits, alpha), abs=1e-12)
    means = np.array([benefits[g == k].mean() for k in g])
    assert found.between == pytest.approx(entropy_of_rows(means, alpha), abs=1e-12)
    assert found.within == pytest.approx(found.total - found.between, abs=1e-12)


def test_by_hand() -> None:
    """Benefits 0, 1, 1, 2, mean 1: alpha 2 gives (1 + 0 + 0 + 1) / 4 / 2, Theil 2 ln 2 / 4."""
    cells = count([], [1, 1, 0, 0], [0, 1, 0, 1], classes=("0", "1")).cells
    assert generalized_entropy(cells).total == pytest.approx(0.25)
    assert theil_index(cells).total == pytest.approx(np.log(2) / 2)


def test_weights_count_as_rows() -> None:
    y, p, w = np.array([1, 1, 0, 0]), np.array([0, 1, 0, 1]), np.array([3, 1, 2, 1])
    weighted = count([], y, p, classes=("0", "1"), weights=w).cells
    repeated = count([], np.repeat(y, w), np.repeat(p, w), classes=("0", "1")).cells
    assert theil_index(weighted).total == pytest.approx(float(theil_index(repeated).total))


def test_undefined_where_nobody_has_a_benefit_or_a_logarithm_is_infinite() -> None:
    nobody = count([], [1, 1], [0, 0], classes=("0", "1")).cells
    assert np.isnan(generalized_entropy(nobody).total)
    assert np.isnan(generalized_entropy(np.zeros((1, 2, 2))).total)
    mixed = count([], [1, 0], [0, 1], classes=("0", "1")).cells
    assert np.isnan(generalized_entropy(mixed, alpha=0.0).total)


def test_differential_fairness_by_hand() -> None:
    """Selected: a 10 of 40, b 20 of 40. ln of ratios: ln 2 for yes, ln 1.5 for no."""
    codes = np.repeat([0, 1], 40)
    decided = np.concatenate([np.arange(40) < 10, np.arange(40) < 20]).astype(int)
    table = count([Column(codes)], None, decided, classes=("no", "yes"))
    found, high, low = differential_fairness(table)
    assert found.value == pytest.approx(np.log(2))
    assert (high, low) == ({"g": "b"}, {"g": "a"})
    assert found.interval.method == "simultaneous_clopper_pearson"
    assert 0 <= found.interval.low < np.log(2) < found.interval.high
    smoothed, *_ = differential_fairness(table, smoothing=0.5)
    assert smoothed.value == pytest.approx(np.log(20.5 / 10.5))
    assert smoothed.interval is None


def test_differential_fairness_of_three_classes_is_the_worst_log_ratio() -> None:
    rng = np.random.default_rng(0)
    g, decided = rng.integers(0, 3, 500), rng.integers(0, 3, 500)
    found, *_ = differential_fairness(count([Column(g)], None, decided, classes=("x", "y", "z")))
    shares = np.array([[np.mean(decided[g == k] == c) for c in range(3)] for k in range(3)])
    worst = max(abs(np.log(shares[i, c] / shares[j, c])) for i in range(3) for j in range(3) for c in range(3))
    assert found.value == pytest.approx(worst)


def test_differential_fairness_covers_its_truth() -> None:
    """600 samples, rates .3 and .4: ln(4/3) is covered as often as promised (.95 less four standard errors)."""
    rng = np.random.default_rng(5)
    codes = np.repeat([0, 1], 300)
    covered = 0
    for _ in range(600):
        decided = (rng.random(600) < np.where(codes == 0, 0.3, 0.4)).astype(int)
        found, *_ = differential_fairness(count([Column(codes)], None, decided, classes=("no", "yes")))
        covered += found.interval.low <= np.log(4 / 3) <= found.interval.high
    assert covered / 600 >= 0.914


def test_differential_fairness_is_infinite_where_a_group_never_gets_what_another_gets() -> None:
    table = count([Column([0, 0, 1, 1])], None, [0, 0, 0, 1], classes=("no", "yes"))
    found, high, low = differential_fairness(table)
    assert (found.value, high, low) == (None, None, None)
    assert found.undefined == "infinite: a group is never predicted 'yes'"
    assert differential_fairness(table, smoothing=1.0)[0].value == pytest.approx(np.log((2 / 4) / (1 / 4)))
    alone = count([Column([0, 0])], None, [0, 1], classes=("no", "yes"))
    assert differential_fairness(alone)[0].undefined == "fewer than two groups with rows"
    with pytest.raises(ValueError, match="smoothing must not be negative"):
        differential_fairness(table, smoothing=-1)


def test_a_weighted_epsilon_takes_effective_counts() -> None:
    rng = np.random.default_rng(1)
    g, decided = rng.integers(0, 2, 200), rng.integers(0, 2, 200)
    weighted, *_ = differential_fairness(
        count([Column(g, ("a", "b"))], None, decided, classes=("no", "yes"), weights=np.full(200, 3.0))
    )
    assert weighted.interval.method == "simultaneous_wilson_effective"
    n = [np.sum(g == k) for k in (0, 1)]
    k = [np.sum(decided[g == j]) for j in (0, 1)]
    found = wilson(k, n, level=0.975)
    upper = max(np.log(found.high.max() / found.low.min()), np.log((1 - found.low.min()) / (1 - found.high.max())))
    assert weighted.interval.high == pytest.approx(upper)
