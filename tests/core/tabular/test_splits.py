from __future__ import annotations

import numpy as np
import pytest
from glasshouse import UserError
from glasshouse.splits import draw_split, split_rows
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

WHO = "data 'toy'"
SHARES = (0.6, 0.2, 0.2)


def test_ten_rows_of_two_classes_by_hand() -> None:
    strata = np.array([0] * 5 + [1] * 5)
    codes = draw_split(strata, SHARES, seed=0)
    for stratum in (0, 1):
        # points (0 + u)/5, ... (4 + u)/5 against the bounds 3/5 and 4/5
        assert np.bincount(codes[strata == stratum]).tolist() == [3, 1, 1]


@given(
    strata=st.lists(st.integers(0, 4), min_size=1, max_size=200).map(np.array),
    raw=st.tuples(*[st.floats(0.01, 1)] * 3),
    seed=st.integers(0, 2**32),
)
def test_every_stratum_is_shared_out_to_within_one_row(
    strata: np.ndarray, raw: tuple[float, float, float], seed: int
) -> None:
    fractions = np.array(raw) / sum(raw)
    codes = draw_split(strata, fractions, seed=seed)
    for stratum in np.unique(strata):
        sizes = np.bincount(codes[strata == stratum], minlength=3)
        assert np.all(np.abs(sizes - fractions * sizes.sum()) <= 1 + 1e-9)


def test_classes_of_one_row_each_still_fill_every_split() -> None:
    sizes = np.bincount(draw_split(np.arange(1000), SHARES, seed=0))
    assert np.all(np.abs(sizes - [600, 200, 200]) <= 5)


def test_class_shares_are_those_of_scikit_learns_stratified_split() -> None:
    y = np.random.default_rng(0).choice(3, size=1000, p=[0.7, 0.25, 0.05])
    ours = y[split_rows(None, y, SHARES, seed=1, who=WHO)["test"]]
    _, theirs = train_test_split(y, test_size=0.2, stratify=y, random_state=0)
    assert np.all(np.abs(np.bincount(ours) - np.bincount(theirs)) <= 1)


def test_seed_alone_decides() -> None:
    y = np.zeros(100, dtype=np.int64)
    assert np.array_equal(draw_split(y, SHARES, seed=5), draw_split(y, SHARES, seed=5))
    assert not np.array_equal(draw_split(y, SHARES, seed=5), draw_split(y, SHARES, seed=6))


def test_a_given_split_is_followed() -> None:
    rows = split_rows(
        np.array(["test", "train", "val", "train"], dtype=object), np.zeros(4, np.int64), SHARES, seed=0, who=WHO
    )
    assert {name: chosen.tolist() for name, chosen in rows.items()} == {"train": [1, 3], "validate": [2], "test": [0]}


def test_without_a_validation_part_it_is_cut_from_train_alone() -> None:
    given_split = np.repeat(["train", "test"], [40, 10])
    y = np.arange(50) % 2
    rows = split_rows(given_split, y, (0.75, 0.25, 0.0), seed=0, who=WHO)
    assert {name: len(chosen) for name, chosen in rows.items()} == {"train": 30, "validate": 10, "test": 10}
    assert rows["test"].tolist() == list(range(40, 50))
    assert np.bincount(y[rows["validate"]]).tolist() == [5, 5]


@pytest.mark.parametrize(
    ("given_split", "fractions", "message"),
    [
        (None, (0.6, 0.4, 0.2), r"fractions are \[0.6, 0.4, 0.2\]; expected three shares .* that sum to 1"),
        (None, (0.6, 0.4), "expected three shares"),
        (None, (1.2, -0.4, 0.2), "expected three shares"),
        (None, (0.5, 0.5, 0.0), r"split 'test' is empty \(train 2, validate 2, test 0 rows\)"),
        (np.array(["train"] * 4), SHARES, "split 'test' is empty"),
        (np.array(["train", "train", "tset", "test"]), SHARES, "the split column holds 'tset'. Did you mean 'test'?"),
    ],
)
def test_what_cannot_be_split(given_split: np.ndarray | None, fractions: tuple[float, ...], message: str) -> None:
    with pytest.raises(UserError, match=message):
        split_rows(given_split, np.zeros(4, np.int64), fractions, seed=0, who=WHO)
