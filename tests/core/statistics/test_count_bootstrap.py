"""The bootstrap on the table against resampling of rows, moments in closed form, and vanishing groups."""

from __future__ import annotations

import numpy as np
import pytest
from glasshouse.evidence.predictions import Groups
from glasshouse.statistics import (
    MOST_EXCLUDED,
    Bootstrap,
    bootstrap,
    bootstrap_pairwise_differences,
    count,
    count_units,
    difference,
    gamma_bootstrap,
    group_pairwise_differences,
    pairs,
    pairwise_differences,
    rate,
)
from glasshouse.statistics.counts import resampling


def columns(codes, levels=("a", "b", "c")):
    return [Groups(name="g", levels=levels, codes=np.asarray(codes, dtype=np.int32))]


def sample(rng, n, shares=(0.5, 0.3, 0.2), rates=(0.3, 0.5, 0.6)):
    g = rng.choice(3, n, p=shares)
    y = (rng.random(n) < np.asarray(rates)[g]).astype(int)
    p = np.where(rng.random(n) < 0.8, y, 1 - y)
    return g, y, p


def selection(cells):
    return rate(cells, "selection_rate").values


def itself(cells):
    return cells


def test_replicates_have_the_moments_of_multinomial_rows() -> None:
    """Mean n p, variance n p (1 - p), covariance -n p q, within 5 standard errors of 20,000 replicates."""
    g, y, p = sample(np.random.default_rng(0), 300)
    table = count(columns(g), y, p, classes=("0", "1"))
    draws = bootstrap(table, itself, rng=np.random.default_rng(1), replicates=20_000).replicates
    assert np.all(draws.sum(axis=(1, 2, 3)) == 300)
    flat, share = draws.reshape(20_000, -1), table.cells.ravel() / 300
    variance = 300 * share * (1 - share)
    assert np.all(np.abs(flat.mean(axis=0) - 300 * share) < 5 * np.sqrt(variance / 20_000))
    np.testing.assert_allclose(flat.var(axis=0), variance, rtol=5 * np.sqrt(2 / 20_000))
    expected = -300 * share[0] * share[1]
    spread = np.sqrt(variance[0] * variance[1] / 20_000)
    assert abs(np.cov(flat[:, 0], flat[:, 1])[0, 1] - expected) < 5 * spread


def test_intervals_are_those_of_resampling_rows() -> None:
    """The same statistic bootstrapped over rows with NumPy; ends agree within 5 Monte-Carlo standard errors."""
    g, y, p = sample(np.random.default_rng(2), 400)
    B = 4000
    table = count(columns(g), y, p, classes=("0", "1"))
    mine = bootstrap(table, lambda c: rate(c, "true_positive_rate").values, rng=np.random.default_rng(3), replicates=B)
    rng = np.random.default_rng(4)
    rows = np.empty((B, 3))
    for b in range(B):
        drawn = rng.integers(0, 400, 400)
        for k in range(3):
            chosen = (g[drawn] == k) & (y[drawn] == 1)
            rows[b, k] = p[drawn][chosen].mean()
    found = mine.intervals()
    # Standard error of a 2.5 % quantile under normality: sd * sqrt(q (1 - q) / B) / density(z), here 2.67 sd / sqrt(B).
    error = rows.std(axis=0) * 2.67 / np.sqrt(B) * np.sqrt(2)
    low, high = np.quantile(rows, [0.025, 0.975], axis=0)
    assert np.all(np.abs(found.low - low) < 5 * error)
    assert np.all(np.abs(found.high - high) < 5 * error)
    assert found.method == "bootstrap_percentile"


def test_percentiles_are_numpys_with_and_without_vanished_groups() -> None:
    rng = np.random.default_rng(5)
    replicates = rng.normal(size=(501, 2, 3))
    replicates[rng.random(replicates.shape) < 0.03] = np.nan
    found = Bootstrap(np.zeros((2, 3)), replicates, "bootstrap_percentile").intervals(level=0.9)
    expected = np.nanquantile(replicates, [0.05, 0.95], axis=0)
    np.testing.assert_allclose([found.low, found.high], expected, rtol=1e-12)


def test_a_group_that_vanishes_is_excluded_and_too_many_make_it_undefined() -> None:
    """A group of one row is missing from (1 - 1/n)^n, about 37 %, of replicates; one of six from 0.2 %."""
    g = [0] * 93 + [1] * 6 + [2]
    y = np.arange(100) % 2
    table = count(columns(g), y, y, classes=("0", "1"))
    found = bootstrap(table, selection, rng=np.random.default_rng(6), replicates=4000)
    expected = (1 - np.array([93, 6, 1]) / 100) ** 100
    assert np.all(np.abs(found.excluded - expected) <= 5 * np.sqrt(expected * (1 - expected) / 4000) + 1e-12)
    intervals = found.intervals()
    assert intervals.item(1).undefined is None
    assert intervals.item(2).low is None
    assert intervals.item(2).undefined == f"undefined in more than {MOST_EXCLUDED:.0%} of the bootstrap replicates"
    assert found.intervals(most_excluded=0.5).item(2).low is not None


def test_empty_cells_and_groups_never_gain_a_row() -> None:
    table = count(columns([0] * 7 + [1] * 3), [1] * 10, [1, 0] * 5, classes=("0", "1"))
    found = bootstrap(table, itself, rng=np.random.default_rng(7), replicates=500)
    assert np.all(found.replicates[:, table.cells == 0] == 0)
    rates = bootstrap(table, selection, rng=np.random.default_rng(7), replicates=500)
    assert rates.excluded.tolist()[2] == 1.0
    assert np.isnan(rates.observed[2])


def test_a_table_without_rows_gives_undefined_intervals() -> None:
    table = count(columns([]), np.array([], int), np.array([], int), classes=("0", "1"))
    found = bootstrap(table, selection, rng=np.random.default_rng(0), replicates=10).intervals()
    assert [found.item(k).low for k in range(3)] == [None] * 3


def test_blocks_of_replicates_and_seeds(monkeypatch) -> None:
    g, y, p = sample(np.random.default_rng(8), 100)
    table = count(columns(g), y, p, classes=("0", "1"))
    whole = bootstrap(table, selection, rng=np.random.default_rng(9), replicates=103).replicates
    monkeypatch.setattr(resampling, "_BLOCK", 12 * 10)
    blocks = bootstrap(table, selection, rng=np.random.default_rng(9), replicates=103).replicates
    np.testing.assert_array_equal(whole, blocks)


def test_scalar_statistics_have_scalar_intervals() -> None:
    g, y, p = sample(np.random.default_rng(10), 200)
    table = count(columns(g), y, p, classes=("0", "1"))
    found = bootstrap(table, lambda c: difference(selection(c)), rng=np.random.default_rng(0)).intervals().item()
    assert 0 < found.low < found.high < 1


def test_weighted_tables_are_refused() -> None:
    table = count(columns([0]), [1], [1], classes=("0", "1"), weights=[2.0])
    with pytest.raises(ValueError, match="bootstrap the result of count_units instead"):
        bootstrap(table, selection, rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match="between 0 and 1, got 95"):
        Bootstrap(np.zeros(1), np.zeros((2, 1)), "x").intervals(level=95)


def test_units_of_rows_keep_the_table_and_join_equal_rows() -> None:
    rng = np.random.default_rng(11)
    g, y, p = sample(rng, 500)
    g[:20] = -1
    weights = rng.integers(1, 4, 500).astype(float)
    units = count_units(columns(g), y, p, classes=("0", "1"), weights=weights)
    totals = units.multiplicity @ units.sums.toarray()
    np.testing.assert_allclose(totals, units.table.cells.ravel())
    assert units.multiplicity.sum() == 500
    assert len(units.multiplicity) <= 4 * 4 * 3


def test_poisson_totals_have_the_moments_of_units() -> None:
    """Mean sum w; variance sum w^2 over rows, and the sum of squared cluster totals over clusters."""
    rng = np.random.default_rng(12)
    g, y, p = sample(rng, 120)
    weights, clusters = rng.choice([0.5, 1.0, 2.5], 120), rng.integers(0, 30, 120)
    for chosen in (None, clusters):
        units = count_units(columns(g), y, p, classes=("0", "1"), weights=weights, clusters=chosen)
        found = bootstrap(units, itself, rng=np.random.default_rng(13), replicates=20_000)
        assert found.method == "poisson_bootstrap_percentile"
        together = np.arange(120) if chosen is None else clusters
        cell = (g * 2 + y) * 2 + p
        totals = np.zeros((together.max() + 1, 12))
        np.add.at(totals, (together, cell), weights)
        variance = (totals**2).sum(axis=0)
        flat = found.replicates.reshape(20_000, 12)
        assert np.all(np.abs(flat.mean(axis=0) - totals.sum(axis=0)) <= 5 * np.sqrt(variance / 20_000))
        # The fourth moment of a compound Poisson exceeds the normal one by sum w^4 / variance^2.
        excess = (totals**4).sum(axis=0) / np.maximum(variance, 1e-9) ** 2
        np.testing.assert_allclose(flat.var(axis=0), variance, rtol=5 * np.sqrt((2 + excess.max()) / 20_000))


def test_clusters_widen_intervals_when_rows_within_them_agree() -> None:
    rng = np.random.default_rng(14)
    clusters = np.repeat(np.arange(60), 10)
    p = np.repeat(rng.integers(0, 2, 60), 10)
    by_row = count_units([], None, p, classes=("0", "1"))
    by_cluster = count_units([], None, p, classes=("0", "1"), clusters=clusters)
    widths = []
    for units in (by_row, by_cluster):
        found = bootstrap(units, selection, rng=np.random.default_rng(15), replicates=4000).intervals()
        widths.append(float(found.high[0] - found.low[0]))
    # Ten equal rows a cluster: the standard error grows by sqrt(10).
    assert widths[1] / widths[0] == pytest.approx(np.sqrt(10), rel=0.08)


def test_clusters_must_fit_the_rows() -> None:
    with pytest.raises(ValueError, match=r"one cluster a row, got \(1,\) for 2 rows"):
        count_units([], None, [0, 1], classes=("0", "1"), clusters=[1])


def test_pairwise_differences_are_antisymmetric_and_in_the_order_of_pairs() -> None:
    values = np.array([[0.1, 0.4, np.nan, 0.9]])
    first, second = pairs(4)
    found = pairwise_differences(values)[0]
    for k, (a, b) in enumerate(zip(first, second, strict=True)):
        np.testing.assert_equal(found[k], values[0, a] - values[0, b])
    np.testing.assert_allclose(found[[0, 2]], [-0.3, -0.8])


def test_newcombe_and_bootstrap_pairs_agree_where_groups_are_large() -> None:
    g, y, p = sample(np.random.default_rng(16), 6000)
    table = count(columns(g), y, p, classes=("0", "1"))
    closed = group_pairwise_differences(table, "true_positive_rate")
    drawn = bootstrap_pairwise_differences(table, "true_positive_rate", rng=np.random.default_rng(17), replicates=4000)
    for a, b in zip(closed, drawn, strict=True):
        assert (a.first, a.second, a.estimate.value, a.estimate.n) == (
            b.first,
            b.second,
            b.estimate.value,
            b.estimate.n,
        )
        width = a.estimate.interval.high - a.estimate.interval.low
        assert a.estimate.interval.low == pytest.approx(b.estimate.interval.low, abs=0.06 * width)
        assert a.estimate.interval.high == pytest.approx(b.estimate.interval.high, abs=0.06 * width)
    units = count_units(columns(g), y, p, classes=("0", "1"), weights=np.ones(6000))
    weighted = bootstrap_pairwise_differences(units, "f1", rng=np.random.default_rng(18))
    assert weighted[0].estimate.interval.method == "poisson_bootstrap_percentile"
    effective = group_pairwise_differences(units.table, "true_positive_rate")
    assert effective[0].estimate.interval.method == "newcombe_effective"
    assert effective[0].estimate.interval.low == pytest.approx(closed[0].estimate.interval.low)


def test_pairs_with_an_undefined_rate_say_so() -> None:
    table = count(columns([0, 0, 1]), [1, 0, 0], [1, 0, 0], classes=("0", "1"))
    found = group_pairwise_differences(table, "true_positive_rate")
    assert [pair.estimate.undefined for pair in found] == ["no rows with target '1'"] * 3
    assert [pair.estimate.n for pair in found] == [1, 1, 0]
    with pytest.raises(ValueError, match=r"f1 is not a proportion .* use bootstrap_pairwise_differences"):
        group_pairwise_differences(table, "f1")


def test_pairwise_bootstrap_intervals_cover_the_true_difference() -> None:
    """600 samples of 600 rows; true selection rates from the sampling scheme; 0.95 within 3 binomial errors."""
    rng = np.random.default_rng(19)
    rates = 0.8 * np.array([0.3, 0.5, 0.6]) + 0.2 * (1 - np.array([0.3, 0.5, 0.6]))
    true = pairwise_differences(rates)
    covered = np.zeros(3)
    for _ in range(600):
        g, y, p = sample(rng, 600)
        table = count(columns(g), y, p, classes=("0", "1"))
        found = bootstrap(table, lambda c: pairwise_differences(selection(c)), rng=rng, replicates=400).intervals()
        covered += (found.low <= true) & (true <= found.high)
    assert np.all(np.abs(covered / 600 - 0.95) < 3 * np.sqrt(0.95 * 0.05 / 600))


def test_a_weighted_table_alone_gives_the_intervals_of_its_rows() -> None:
    """Gamma variables for the cells against Poisson numbers of every row; ends within a twelfth of the width."""
    rng = np.random.default_rng(20)
    g, y, p = sample(rng, 1500)
    weights = rng.lognormal(sigma=0.5, size=1500)
    table = count(columns(g), y, p, classes=("0", "1"), weights=weights)
    units = count_units(columns(g), y, p, classes=("0", "1"), weights=weights)
    for name in ("f1", "balanced_accuracy", "precision"):

        def statistic(cells, name=name):
            return rate(cells, name).values

        mine = gamma_bootstrap(table, statistic, rng=rng, replicates=4000).intervals()
        theirs = bootstrap(units, statistic, rng=rng, replicates=4000).intervals()
        width = theirs.high - theirs.low
        assert mine.method == "gamma_bootstrap_percentile"
        assert np.all(np.abs(mine.low - theirs.low) < width / 12)
        assert np.all(np.abs(mine.high - theirs.high) < width / 12)


def test_gamma_cells_have_the_moments_of_the_weights() -> None:
    """Mean sum w and variance sum w^2, to five standard errors of 20,000 replicates; empty cells stay empty."""
    table = count(
        columns([0, 0, 1, 1, 1]), None, [0, 1, 1, 1, 1], classes=("0", "1"), weights=[1.0, 2.0, 0.5, 1.5, 3.0]
    )
    drawn = gamma_bootstrap(table, itself, rng=np.random.default_rng(21), replicates=20_000).replicates
    error = np.sqrt(table.squares / 20_000)
    assert np.all(np.abs(drawn.mean(axis=0) - table.cells) <= 5 * error)
    np.testing.assert_allclose(drawn.var(axis=0), table.squares, rtol=0.1)
    assert np.all(drawn[:, table.cells == 0] == 0)
