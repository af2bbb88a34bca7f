"""The arithmetic of splits: shares within strata, whole groups, cuts in time."""

from __future__ import annotations

import numpy as np
import pytest
from glasshouse.data.split_assignment import draw_split, split_groups, split_times
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.model_selection import GroupKFold, StratifiedKFold, train_test_split

SHARES = (0.6, 0.2, 0.2)
SEEDS = st.integers(0, 2**32)
RAW_SHARES = st.tuples(*[st.floats(0.01, 1)] * 3)


def shares_of(raw: tuple[float, ...]) -> np.ndarray:
    return np.array(raw) / sum(raw)


def test_ten_rows_of_two_classes_by_hand() -> None:
    strata = np.array([0] * 5 + [1] * 5)
    codes = draw_split(strata, SHARES, seed=0)
    for stratum in (0, 1):
        # points (0 + u)/5, ... (4 + u)/5 against the bounds 3/5 and 4/5
        assert np.bincount(codes[strata == stratum]).tolist() == [3, 1, 1]


@given(strata=st.lists(st.integers(0, 4), min_size=1, max_size=200).map(np.array), raw=RAW_SHARES, seed=SEEDS)
def test_every_stratum_is_shared_out_to_within_one_row(
    strata: np.ndarray, raw: tuple[float, float, float], seed: int
) -> None:
    codes = draw_split(strata, shares_of(raw), seed=seed)
    for stratum in np.unique(strata):
        sizes = np.bincount(codes[strata == stratum], minlength=3)
        assert np.all(np.abs(sizes - shares_of(raw) * sizes.sum()) <= 1 + 1e-9)


def test_classes_of_one_row_each_still_fill_every_split() -> None:
    sizes = np.bincount(draw_split(np.arange(1000), SHARES, seed=0))
    assert np.all(np.abs(sizes - [600, 200, 200]) <= 5)


def test_class_shares_are_those_of_scikit_learns_stratified_split() -> None:
    y = np.random.default_rng(0).choice(3, size=1000, p=[0.7, 0.25, 0.05])
    ours = y[draw_split(y, SHARES, seed=1) == 2]
    _, theirs = train_test_split(y, test_size=0.2, stratify=y, random_state=0)
    assert np.all(np.abs(np.bincount(ours) - np.bincount(theirs)) <= 1)


@given(y=st.lists(st.integers(0, 2), min_size=60, max_size=150).map(np.array), folds=st.integers(2, 6), seed=SEEDS)
def test_classes_of_folds_differ_from_those_of_stratified_k_fold_by_one_row(
    y: np.ndarray, folds: int, seed: int
) -> None:
    assume(np.bincount(y).min() >= folds)  # scikit-learn refuses smaller classes
    ours = draw_split(y, [1 / folds] * folds, seed=seed)
    theirs = StratifiedKFold(folds, shuffle=True, random_state=0).split(y, y)
    for fold, (_, held_out) in enumerate(theirs):
        counts = np.bincount(y[ours == fold], minlength=3) - np.bincount(y[held_out], minlength=3)
        assert np.abs(counts).max() <= 1


def test_seed_alone_decides() -> None:
    y = np.zeros(100, dtype=np.int64)
    for draw, units in ((draw_split, y), (split_groups, np.arange(100) // 2)):
        assert np.array_equal(draw(units, SHARES, seed=5), draw(units, SHARES, seed=5))
        assert not np.array_equal(draw(units, SHARES, seed=5), draw(units, SHARES, seed=6))


def test_groups_by_hand() -> None:
    """Ten rows, shares 5, 3, 2: a (4) to train, b (3) to validate, c (2) to test, d (1) to train, which lacks one."""
    groups = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2, 3])
    assert split_groups(groups, (0.5, 0.3, 0.2), seed=3).tolist() == [0, 0, 0, 0, 1, 1, 1, 2, 2, 0]


GROUPS = st.lists(st.integers(0, 12), min_size=1, max_size=150).map(np.array)


@given(groups=GROUPS, raw=RAW_SHARES, seed=SEEDS, order=st.randoms(use_true_random=False))
def test_groups_are_whole_near_their_share_and_blind_to_the_order_of_rows(
    groups: np.ndarray, raw: tuple[float, float, float], seed: int, order: object
) -> None:
    shares = shares_of(raw)
    codes = split_groups(groups, shares, seed=seed)
    sizes = np.bincount(groups)
    part_of = {}
    for group, code in zip(groups.tolist(), codes.tolist(), strict=True):
        assert part_of.setdefault(group, code) == code
    over = np.bincount(codes, minlength=3) - shares * len(groups)
    assert over.max() <= sizes.max() + 1e-9
    if len(part_of) >= 3:
        assert set(codes.tolist()) == {0, 1, 2}
    shuffled = np.random.default_rng(seed).permutation(len(groups))
    assert np.array_equal(split_groups(groups[shuffled], shares, seed=seed), codes[shuffled])


@given(groups=GROUPS, folds=st.integers(2, 5), seed=SEEDS)
def test_folds_of_groups_have_the_sizes_of_scikit_learns(groups: np.ndarray, folds: int, seed: int) -> None:
    assume(len(np.unique(groups)) >= folds)
    ours = np.bincount(split_groups(groups, [1 / folds] * folds, seed=seed), minlength=folds)
    theirs = [len(held_out) for _, held_out in GroupKFold(folds).split(groups, groups=groups)]
    assert sorted(ours.tolist()) == sorted(theirs)


def test_groups_of_one_size_are_dealt_out_at_once_as_one_by_one() -> None:
    """Against the loop that the docstring describes, over random needs."""
    from glasshouse.data.split_assignment import _allocate_groups

    rng = np.random.default_rng(0)
    for _ in range(300):
        lacking = rng.integers(-40, 60, rng.integers(2, 7)).astype(float) + rng.random()
        size, count = int(rng.integers(1, 12)), int(rng.integers(1, 40))
        one_by_one = np.zeros(len(lacking), dtype=np.int64)
        for _ in range(count):
            one_by_one[np.argmax(lacking - size * one_by_one)] += 1
        left, expected = lacking - size * _allocate_groups(lacking, size, count), lacking - size * one_by_one
        assert np.allclose(np.sort(left), np.sort(expected))


def test_times_by_hand() -> None:
    """Times 1 1 2 3 3 3 4 5 5 6: six of ten rows end within time 3, eight within 5; its two rows go to one side."""
    times = np.array([1, 1, 2, 3, 3, 3, 4, 5, 5, 6])
    assert split_times(times, SHARES).tolist() == [0, 0, 0, 0, 0, 0, 1, 2, 2, 2]


@given(
    times=st.lists(st.integers(-30, 30), min_size=3, max_size=150).map(np.array),
    raw=RAW_SHARES,
    seed=st.integers(0, 1000),
)
def test_times_are_in_order_and_ties_together(times: np.ndarray, raw: tuple[float, float, float], seed: int) -> None:
    assume(len(np.unique(times)) >= 3)
    shares = shares_of(raw)
    codes = split_times(times, shares)
    for earlier, later in ((0, 1), (1, 2)):
        assert times[codes == earlier].max() < times[codes == later].min()
    shuffled = np.random.default_rng(seed).permutation(len(times))
    assert np.array_equal(split_times(times[shuffled], shares), codes[shuffled])


@given(n=st.integers(3, 300), raw=RAW_SHARES)
def test_without_ties_a_cut_in_time_is_within_half_a_row(n: int, raw: tuple[float, float, float]) -> None:
    shares = shares_of(raw)
    assume(np.cumsum(shares)[0] * n >= 1 and min(shares) * n >= 1)
    ends = np.cumsum(np.bincount(split_times(np.arange(n), shares)))[:-1]
    assert np.abs(ends - np.cumsum(shares)[:-1] * n).max() <= 0.5 + 1e-9


def test_too_few_times() -> None:
    with pytest.raises(ValueError, match="2 different times cannot be cut into 3 parts"):
        split_times(np.array([1, 1, 2]), SHARES)
