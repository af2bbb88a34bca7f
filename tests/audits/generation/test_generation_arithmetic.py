"""Distances, two-sample statistics and copying, against scikit-learn, SciPy, enumeration and closed forms."""

from __future__ import annotations

import time

import numpy as np
import pytest
from glasshouse_audits.generation import distances as blocks
from glasshouse_audits.generation.copying import close_share, copying_z, nearest_is_training, ratio_of_medians
from glasshouse_audits.generation.distances import as_rows, nearest, squared_distances
from glasshouse_audits.generation.two_samples import discrepancy, within_reach
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.neighbors import NearestNeighbors


def sample(n: int, seed: int, *, width: int = 5, shift: float = 0.0) -> np.ndarray:
    return (np.random.default_rng(seed).normal(size=(n, width)) + shift).astype(np.float32)


# ------------------------------------------------------------ nearest


@settings(max_examples=20, deadline=None)
@given(n=st.integers(1, 30), m=st.integers(1, 60), block=st.integers(1, 500), seed=st.integers(0, 99))
def test_nearest_is_scikit_learns(n: int, m: int, block: int, seed: int) -> None:
    a, b = sample(n, seed), sample(m, seed + 100, shift=3.0)
    oracle = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(b.astype(np.float64))
    expected = oracle.kneighbors(a.astype(np.float64))[0][:, 0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "_BLOCK", block)
        found = nearest(a, b)
    np.testing.assert_allclose(found.distance, expected, rtol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(a - b[found.index], axis=1), expected, rtol=1e-5)


@pytest.mark.parametrize("block", [7, 2**22])
def test_a_row_is_not_its_own_neighbour_but_its_copy_is(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(blocks, "_BLOCK", block)
    rows = sample(40, 0)
    rows[17] = rows[3]
    own = np.array([3, 17, 5])
    found = nearest(rows[own], rows, own=own)
    assert found.index[:2].tolist() == [17, 3]
    assert found.distance[:2].tolist() == [0.0, 0.0]
    others = np.delete(rows, 5, axis=0).astype(np.float64)
    assert found.distance[2] == pytest.approx(np.linalg.norm(others - rows[5], axis=1).min())


def test_the_distance_of_a_copy_is_exactly_nothing_far_from_the_origin() -> None:
    rows = sample(50, 1, width=784, shift=1000.0)
    assert (nearest(rows[:10], rows).distance == 0).all()


def test_a_thousand_pictures_among_eight_thousand_cost_less_than_two_seconds_of_processor_time() -> None:
    rng = np.random.default_rng(0)
    pictures, references = (rng.random((n, 784), dtype=np.float32) for n in (1000, 8000))
    start = time.process_time()
    nearest(pictures, references)
    assert time.process_time() - start < 2


def test_examples_of_any_shape_become_rows() -> None:
    assert as_rows(np.zeros((3, 2, 4, 5), dtype=np.uint8)).shape == (3, 40)


# ------------------------------------------------------------ two samples


def test_the_discrepancy_is_the_published_formula() -> None:
    """Equation 3 of Gretton et al. 2012 on scikit-learn's kernel."""
    a, b = sample(12, 0), sample(9, 1, shift=0.5)
    pooled = np.concatenate([a, b]).astype(np.float64)
    width = np.median([np.linalg.norm(x - y) for i, x in enumerate(pooled) for y in pooled[:i]])
    # the median of squares is the square of the median up to the mean of two neighbours
    width = np.sqrt(np.median([np.sum((x - y) ** 2) for i, x in enumerate(pooled) for y in pooled[:i]]))
    gamma = 1 / (2 * width**2)
    xx, yy, xy = (rbf_kernel(p.astype(np.float64), q.astype(np.float64), gamma) for p, q in ((a, a), (b, b), (a, b)))
    expected = (xx.sum() - 12) / (12 * 11) + (yy.sum() - 9) / (9 * 8) - 2 * xy.mean()
    found = discrepancy(a, b, rng=np.random.default_rng(0), permutations=99)
    assert found.observed == pytest.approx(expected, rel=1e-10)


def test_the_discrepancy_tells_samples_apart_and_holds_its_level() -> None:
    """A shift of one standard deviation is seen; of one distribution the p-value is uniform: at most 1 of 20 below 5 %
    has a chance of 74 %, at most 3 one of 98.4 %."""
    rng = np.random.default_rng(0)
    apart = discrepancy(sample(60, 0), sample(60, 1, shift=1.0), rng=rng, permutations=199)
    assert apart.p_value == pytest.approx(1 / 200)
    same = [discrepancy(sample(40, 2 * i), sample(40, 2 * i + 1), rng=rng, permutations=199).p_value for i in range(20)]
    assert sum(p is not None and p <= 0.05 for p in same) <= 3
    assert np.mean(same) == pytest.approx(0.5, abs=0.2)  # type: ignore[arg-type]


def test_within_reach_by_hand() -> None:
    """Real rows at 0, 1, 2, 3 on a line: each one's third neighbour is 3, 2, 2, 3 away."""
    real = np.array([[0.0], [1.0], [2.0], [3.0]], dtype=np.float32)
    asked = np.array([[-3.0], [-3.1], [5.9], [6.1], [1.5]], dtype=np.float32)
    assert within_reach(asked, real).tolist() == [True, False, True, False, True]


def test_copies_do_not_hide_the_row_itself() -> None:
    real = np.array([[0.0]] * 3 + [[1.0], [2.0]], dtype=np.float32)
    # third neighbour of a 0: two copies, then 1: reach 1; of 1: 1, 1, 1: reach 1; of 2: 1, 2, 2: reach 2
    assert within_reach(np.array([[-1.0], [-1.1], [4.0], [4.1]], dtype=np.float32), real).tolist() == [
        True,
        False,
        True,
        False,
    ]


def test_squared_distances_are_never_negative() -> None:
    rows = sample(20, 0, shift=1e4)
    assert (squared_distances(rows, rows) >= 0).all()


# ------------------------------------------------------------ copying


@settings(max_examples=30, deadline=None)
@given(a=st.lists(st.integers(0, 9), min_size=8, max_size=30), b=st.lists(st.integers(0, 9), min_size=8, max_size=30))
def test_the_copying_statistic_is_scipys_rank_sum(a: list[int], b: list[int]) -> None:
    first, second = np.array(a, dtype=float), np.array(b, dtype=float)
    assert copying_z(first, second) == pytest.approx(stats.ranksums(first, second).statistic, abs=1e-12)


def test_close_share_by_hand() -> None:
    held_out = np.arange(1.0, 102.0)  # the first percentile is 2
    threshold, share = close_share(np.array([0.0, 1.9, 2.0, 50.0]), held_out)
    assert threshold == 2.0
    assert share.value == 0.5
    assert share.interval is not None
    assert share.interval.method == "wilson"


def test_ratio_of_medians_by_hand_and_undefined() -> None:
    rng = np.random.default_rng(0)
    found = ratio_of_medians(np.full(30, 2.0), np.full(40, 4.0), rng=rng)
    assert (found.value, found.interval.low, found.interval.high) == (0.5, 0.5, 0.5)  # type: ignore[union-attr]
    copies = ratio_of_medians(np.ones(30), np.zeros(40), rng=rng)
    assert copies.value is None
    assert copies.undefined == "at least half of the held-out rows are copies of training rows"


def test_ratio_of_medians_has_an_interval_that_covers() -> None:
    """Two exponential samples of scales 1 and 2: the ratio of the distributions' medians is 1/2."""
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(40):
        found = ratio_of_medians(rng.exponential(1, 200), rng.exponential(2, 200), rng=rng, replicates=200)
        assert found.interval is not None
        covered += found.interval.low <= 0.5 <= found.interval.high  # type: ignore[operator]
    assert covered >= 33  # of 40 at 95 %: fewer has a chance below 1 in 1,000


def test_nearest_is_training_by_enumeration() -> None:
    """Two training and two held-out rows on a line; three examples next to rows 0, 0 and 2 of them."""
    real = np.array([[0.0], [10.0], [20.0], [30.0]], dtype=np.float32)
    made = np.array([[0.1], [0.2], [20.1]], dtype=np.float32)
    found = nearest_is_training(made, real[:2], real[2:], rng=np.random.default_rng(0), permutations=4999)
    assert found.observed == pytest.approx(2 / 3)
    # row 0 is a training row in half of the labellings, with row 2 in a sixth of all: 1 there, 2/3 in a third
    assert found.p_value == pytest.approx(1 / 2, abs=0.03)
    assert {round(float(v), 6) for v in np.unique(found.null)} == {0.0, 0.333333, 0.666667, 1.0}
    assert found.null.mean() == pytest.approx(0.5, abs=0.02)  # training rows among all real rows
