"""Rows in clusters: effective counts by hand, against clusters drawn again, by simulation, and as mergeable tables."""

from __future__ import annotations

import numpy as np
import pytest
from glasshouse.evidence.predictions import Groups
from glasshouse.statistics import (
    bootstrap,
    bootstrap_pairwise_differences,
    count,
    count_clusters,
    effective_counts,
    gap_interval,
    group_pairwise_differences,
    group_rates,
    only_groups,
    rate,
    weighted_gap_test,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

CLASSES = ("no", "yes")


def column(codes, name="g", levels=("a", "b")):
    return Groups(name=name, levels=levels, codes=np.asarray(codes, dtype=np.int32))


def drawn(rng, clusters=40, size=8, rate=0.3, correlation=0.3):
    """Beta-binomial clusters: (n,) cluster and decision, every two rows of a cluster with that correlation."""
    spread = 1 / correlation - 1
    of_cluster = rng.beta(rate * spread, (1 - rate) * spread, clusters)
    sizes = rng.poisson(size, clusters) + 1
    cluster = np.repeat(np.arange(clusters), sizes)
    return cluster, (rng.random(sizes.sum()) < of_cluster[cluster]).astype(int)


def test_effective_rows_by_hand() -> None:
    """Three clusters of two rows with 2, 1 and 0 selected: p = 1/2, residuals 1, 0 and -1, so that the variance is
    (1 + 0 + 1) / 36 * 3 / 2 = 1/12 and p (1 - p) / variance 3; times (1.96 / t(2))^2."""
    table = count_clusters([], None, [1, 1, 1, 0, 0, 0], classes=CLASSES, clusters=[7, 7, 8, 8, 9, 9])
    hits, total = effective_counts(table, "selection_rate")
    assert total[0] == pytest.approx(3 * (stats.norm.ppf(0.975) / stats.t.ppf(0.975, 2)) ** 2)
    assert hits[0] == pytest.approx(total[0] / 2)


def test_where_hits_are_none_or_all_each_cluster_is_one_observation() -> None:
    """Two clusters of 3 and 1 rows: (3 + 1)^2 / (9 + 1) = 1.6, times (1.96 / t(1))^2."""
    table = count_clusters([], None, [0, 0, 0, 0], classes=CLASSES, clusters=["x", "x", "x", "y"])
    _, total = effective_counts(table, "selection_rate")
    assert total[0] == pytest.approx(1.6 * (stats.norm.ppf(0.975) / stats.t.ppf(0.975, 1)) ** 2)
    interval = group_rates(table, "selection_rate")[0].interval
    assert (interval.low, interval.method) == (0, "clopper_pearson_effective")
    assert interval.high > 0.7


def test_clusters_of_one_row_are_independent_rows_of_a_large_sample() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 3000)
    alone = count_clusters([], None, y, classes=CLASSES, clusters=np.arange(3000))
    _, total = effective_counts(alone, "selection_rate")
    assert total[0] == pytest.approx(3000, rel=0.005)


def test_wilson_on_effective_counts_covers_where_plain_counts_do_not() -> None:
    """600 samples of 25 beta-binomial clusters, correlation 0.3. Binomial standard error at 0.95: 0.009."""
    rng = np.random.default_rng(1)
    covered, naive = 0, 0
    for _ in range(600):
        cluster, y = drawn(rng, clusters=25)
        of = count_clusters([], None, y, classes=CLASSES, clusters=cluster), count([], None, y, classes=CLASSES)
        clustered, plain = (group_rates(table, "selection_rate")[0].interval for table in of)
        covered += clustered.low <= 0.3 <= clustered.high
        naive += plain.low <= 0.3 <= plain.high
    assert covered / 600 > 0.95 - 4 * 0.009
    assert naive / 600 < 0.85


def test_against_resampling_whole_clusters() -> None:
    """Rows of NumPy's own cluster bootstrap, 4,000 times: ends agree to a tenth of the interval's width."""
    rng = np.random.default_rng(2)
    cluster, y = drawn(rng, clusters=60)
    group = rng.integers(0, 2, len(y))
    weights = rng.uniform(0.5, 1.5, len(y))
    rows = [np.flatnonzero(cluster == k) for k in range(60)]
    replicates = np.empty((4000, 2))
    for b in range(4000):
        chosen = np.concatenate([rows[k] for k in rng.integers(0, 60, 60)])
        for k in (0, 1):
            inside = chosen[group[chosen] == k]
            replicates[b, k] = np.average(y[inside], weights=weights[inside])
    table = count_clusters([column(group)], None, y, classes=CLASSES, clusters=cluster, weights=weights)
    low, high = np.quantile(replicates, [0.025, 0.975], axis=0)
    for k, estimate in enumerate(group_rates(table, "selection_rate")):
        width = high[k] - low[k]
        assert estimate.interval.method == "wilson_effective"
        assert estimate.interval.low == pytest.approx(low[k], abs=0.1 * width)
        assert estimate.interval.high == pytest.approx(high[k], abs=0.1 * width)
    apart = replicates[:, 0] - replicates[:, 1]
    ends = np.quantile(apart, [0.025, 0.975])
    (pair,) = bootstrap_pairwise_differences(table.units, "selection_rate", rng=rng, replicates=4000)
    assert (pair.estimate.interval.low, pair.estimate.interval.high) == pytest.approx(ends, abs=0.1 * np.ptp(ends))
    # The groups share clusters whose rows are alike, which closed forms leave out: they are wider, never narrower.
    (closed,) = group_pairwise_differences(table, "selection_rate", method="miettinen_nurminen")
    assert closed.estimate.interval.high - closed.estimate.interval.low > 0.95 * np.ptp(ends)


def test_margins_sums_and_parts_are_those_of_the_rows() -> None:
    rng = np.random.default_rng(3)
    cluster, y = drawn(rng)
    p = np.where(rng.random(len(y)) < 0.8, y, 1 - y)
    columns = [column(rng.integers(-1, 2, len(y)), "s"), column(rng.integers(0, 3, len(y)), "t", ("x", "y", "z"))]

    def table(rows, of=columns):
        cut = [column(each.codes[rows], each.name, each.levels) for each in of]
        return count_clusters(cut, y[rows], p[rows], classes=CLASSES, clusters=cluster[rows])

    every = np.arange(len(y))
    whole = table(every)
    for names in (("s",), ("t", "s"), ()):
        direct = table(every, [each for name in names for each in columns if each.name == name])
        for metric in ("true_positive_rate", "precision", "accuracy"):
            np.testing.assert_allclose(
                effective_counts(whole.marginal(names), metric), effective_counts(direct, metric), rtol=1e-10
            )
    half = rng.random(len(y)) < 0.5  # which cuts through clusters
    merged = table(every[half]) + table(every[~half])
    np.testing.assert_array_equal(merged.clusters, whole.clusters)
    np.testing.assert_array_equal(merged.sums.toarray(), whole.sums.toarray())
    of_two = whole.marginal(("s",))
    kept = only_groups(of_two, np.array([False, True, True]))
    np.testing.assert_allclose(
        effective_counts(kept, "accuracy"), np.array(effective_counts(of_two, "accuracy"))[:, 1:]
    )
    assert kept.groups == of_two.groups[1:]
    with pytest.raises(ValueError, match="both have clusters, or neither has"):
        whole + count(columns, y, p, classes=CLASSES, weights=np.ones(len(y)))


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=40))
def test_clusters_never_tell_more_than_their_rows(rows) -> None:
    cluster, group, y = (np.array(each) for each in zip(*rows, strict=True))
    table = count_clusters([column(group)], None, y, classes=CLASSES, clusters=cluster)
    hits, total = effective_counts(table, "selection_rate")
    assert np.all(total <= table.sizes + 1e-9)
    assert np.all((total > 0) == (table.sizes > 0))
    assert np.all((hits >= 0) & (hits <= total + 1e-12))
    order = np.random.default_rng(0).permutation(len(rows))
    again = count_clusters([column(group[order])], None, y[order], classes=CLASSES, clusters=cluster[order])
    np.testing.assert_allclose(effective_counts(again, "selection_rate"), (hits, total), rtol=1e-10)


def test_rates_without_a_closed_form_are_resampled_by_cluster() -> None:
    rng = np.random.default_rng(4)
    cluster, y = drawn(rng)
    table = count_clusters([], y, np.where(rng.random(len(y)) < 0.8, y, 1 - y), classes=CLASSES, clusters=cluster)
    found = bootstrap(table.units, lambda cells: rate(cells, "f1").values, rng=rng).intervals()
    assert found.method == "poisson_bootstrap_percentile"
    assert 0 < found.low[0] < found.high[0] < 1


def test_the_test_of_gaps_keeps_its_level_with_weights_and_clusters() -> None:
    """400 samples in which three groups make no difference, level 0.05 (standard error 0.011); rows taken for
    independent would reject far more often."""
    rng = np.random.default_rng(5)
    rejected = {"weights": 0, "clusters": 0, "ignored": 0}
    for _ in range(400):
        cluster, y = drawn(rng, clusters=60, size=6)
        group = column(cluster % 3, levels=("a", "b", "c"))  # every cluster lies within one group
        weights = rng.lognormal(sigma=0.7, size=len(y))
        flat = (rng.random(len(y)) < 0.3).astype(int)
        tables = {
            "weights": count([group], None, flat, classes=CLASSES, weights=weights),
            "clusters": count_clusters([group], None, y, classes=CLASSES, clusters=cluster),
            "ignored": count([group], None, y, classes=CLASSES, weights=np.ones(len(y))),
        }
        for name, table in tables.items():
            found = weighted_gap_test(table, "demographic_parity_difference", rng=rng, draws=499)
            rejected[name] += found.p_value <= 0.05
    assert rejected["weights"] / 400 < 0.05 + 4 * 0.011
    assert rejected["clusters"] / 400 < 0.05 + 4 * 0.011
    assert rejected["ignored"] / 400 > 0.15


def test_the_test_of_gaps_finds_one_and_refuses_what_it_cannot_test() -> None:
    group = column([0] * 200 + [1] * 200)
    table = count([group], None, [0, 1] * 100 + [1] * 200, classes=CLASSES, weights=np.ones(400))
    rng = np.random.default_rng(6)
    assert weighted_gap_test(table, "demographic_parity_difference", rng=rng, draws=999).p_value == 0.001
    with pytest.raises(ValueError, match="is a ratio"):
        weighted_gap_test(table, "demographic_parity_ratio", rng=rng)
    alone = count([column([0] * 4)], None, [0, 1, 0, 1], classes=CLASSES, weights=np.ones(4))
    assert weighted_gap_test(alone, "demographic_parity_difference", rng=rng).undefined is not None
    assert gap_interval(alone, "demographic_parity_difference") is None
