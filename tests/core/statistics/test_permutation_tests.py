"""Permutation tests against exact enumeration and scipy, and their level under the null."""

from __future__ import annotations

from itertools import permutations as orders

import numpy as np
import pytest
from glasshouse.evidence.predictions import Groups
from glasshouse.statistics import count, difference, gap, permutation_gap_test, permutation_test
from glasshouse.statistics.counts import permutation
from scipy import stats


def table_of(codes, y, p, levels=("a", "b", "c"), weights=None):
    columns = [Groups(name="g", levels=levels, codes=np.asarray(codes, dtype=np.int32))]
    return count(columns, y, p, classes=("0", "1"), weights=weights)


def mean_of_ones(x):
    return lambda labels: labels @ x


def test_p_values_are_those_of_all_permutations() -> None:
    """Seven rows, all 5,040 orders enumerated; 20,000 draws agree within 4 binomial standard errors."""
    x = np.array([0.3, 1.2, -0.5, 2.0, 0.7, -1.1, 0.4])
    labels = np.array([1, 1, 0, 1, 0, 0, 0])
    everything = np.array(list(orders(labels))) @ x
    observed = labels @ x
    exact = {"greater": np.mean(everything >= observed - 1e-9), "less": np.mean(everything <= observed + 1e-9)}
    exact["two-sided"] = min(1.0, 2 * min(exact.values()))
    for alternative, expected in exact.items():
        found = permutation_test(
            mean_of_ones(x), labels, rng=np.random.default_rng(0), permutations=20_000, alternative=alternative
        )
        assert found.observed == pytest.approx(observed)
        assert found.p_value == pytest.approx(expected, abs=8 * np.sqrt(expected / 20_000))


def test_never_zero_and_never_above_one() -> None:
    x = np.arange(40.0)
    strong = permutation_test(mean_of_ones(x), (x >= 20).astype(int), rng=np.random.default_rng(0), permutations=99)
    assert strong.p_value == 1 / 100
    assert len(strong.null) == strong.permutations == 99
    constant = permutation_test(
        mean_of_ones(np.ones(10)), [0, 1] * 5, rng=np.random.default_rng(0), alternative="two-sided"
    )
    assert constant.p_value == 1.0


def test_labels_are_permuted_in_blocks_alike(monkeypatch) -> None:
    x = np.random.default_rng(1).normal(size=50)
    labels = np.arange(50) % 2
    whole = permutation_test(mean_of_ones(x), labels, rng=np.random.default_rng(2), permutations=105)
    monkeypatch.setattr(permutation, "_BLOCK", 50 * 20)
    blocks = permutation_test(mean_of_ones(x), labels, rng=np.random.default_rng(2), permutations=105)
    np.testing.assert_allclose(whole.null, blocks.null)


def test_a_gap_of_two_groups_has_fishers_distribution() -> None:
    """Hits of one group given the margins are hypergeometric: the exact p-value by enumeration of its support."""
    p = np.repeat([1, 0, 1, 0], [9, 6, 4, 11])
    table = table_of(np.repeat([0, 1], 15), np.ones(30, int), p, levels=("a", "b"))
    hits = np.arange(14)
    gaps = np.abs(hits / 15 - (13 - hits) / 15)
    exact = stats.hypergeom(30, 15, 13).pmf(hits)[gaps >= 5 / 15 - 1e-12].sum()
    assert exact == pytest.approx(stats.fisher_exact([[9, 6], [4, 11]]).pvalue)
    for name in ("demographic_parity_difference", "equal_opportunity_difference"):
        found = permutation_gap_test(table, name, rng=np.random.default_rng(3), permutations=20_000)
        assert found.observed == pytest.approx(5 / 15)
        assert found.p_value == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 20_000))


def test_the_table_draws_what_permuted_rows_give() -> None:
    """Equalized odds: predictions permuted over groups within each target, row by row; same null distribution."""
    rng = np.random.default_rng(4)
    g, y = rng.choice(3, 150, p=[0.5, 0.3, 0.2]), rng.integers(0, 2, 150)
    p = np.where(rng.random(150) < 0.7, y, 1 - y)
    found = permutation_gap_test(
        table_of(g, y, p), "equalized_odds_difference", rng=np.random.default_rng(5), permutations=4000
    )
    null = []
    for _ in range(4000):
        shuffled = p.copy()
        for target in (0, 1):
            shuffled[y == target] = rng.permutation(p[y == target])
        rates = [[shuffled[(g == k) & (y == target)].mean() for k in range(3)] for target in (0, 1)]
        null.append(difference(np.array(rates)).max())
    assert found.observed == gap(table_of(g, y, p), "equalized_odds_difference").value
    assert stats.ks_2samp(found.null, null).pvalue > 0.001


def test_the_level_holds_when_groups_do_not_matter_though_base_rates_differ() -> None:
    """2,000 null samples: at most 5 % (within 3 binomial errors) have p <= 0.05, and not far fewer."""
    rng = np.random.default_rng(6)
    g = np.repeat([0, 1, 2], [60, 90, 150])
    rejected = 0
    for _ in range(2000):
        y = (rng.random(300) < np.array([0.2, 0.5, 0.8])[g]).astype(int)
        p = (rng.random(300) < np.where(y == 1, 0.8, 0.3)).astype(int)
        test = permutation_gap_test(table_of(g, y, p), "equalized_odds_difference", rng=rng, permutations=99)
        rejected += test.p_value <= 0.05
    assert 0.03 < rejected / 2000 < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 2000)


def test_ratios_look_at_the_small_side_and_undefined_gaps_have_no_p_value() -> None:
    g, p = np.repeat([0, 1], 50), np.repeat([1, 0, 1, 0], [40, 10, 10, 40])
    table = table_of(g, np.ones(100, int), p, levels=("a", "b"))
    found = permutation_gap_test(table, "demographic_parity_ratio", rng=np.random.default_rng(7))
    assert (found.observed, found.p_value) == (0.25, 1 / 1000)
    alone = permutation_gap_test(table_of([0], [1], [1]), "demographic_parity_difference", rng=np.random.default_rng(0))
    assert (alone.observed, alone.p_value) == (None, None)
    assert "fewer than two groups" in alone.undefined


def test_what_cannot_be_permuted_is_refused() -> None:
    with pytest.raises(ValueError, match="different weight are not exchangeable"):
        permutation_gap_test(table_of([0], [1], [1], weights=[1.0]), "f1_ratio", rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match="f1 is not a proportion"):
        permutation_gap_test(table_of([0], [1], [1]), "f1_ratio", rng=np.random.default_rng(0))
