"""What the argument `split` of a data module says and does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from glasshouse import UserError
from glasshouse.data.raw_table import Coded
from glasshouse.data.split_option import SplitPlan
from hypothesis import given
from hypothesis import strategies as st

WHO = "data 'toy'"
SHARES = (0.6, 0.2, 0.2)
Y = np.arange(60, dtype=np.int64) % 2


def plan(option: Any = None, shares: tuple[float, ...] = SHARES, seed: int = 0) -> SplitPlan:
    return SplitPlan.read(option, shares, seed=seed, who=WHO)


def rows(option: Any = None, y: np.ndarray = Y, *, shares: tuple[float, ...] = SHARES, **known: Any) -> dict[str, Any]:
    return plan(option, shares).rows(strata=y, who=WHO, **known)


def test_a_given_split_is_followed() -> None:
    given_split = np.array(["test", "train", "val", "train"], dtype=object)
    found = rows(None, np.zeros(4, np.int64), given=given_split)
    assert {name: chosen.tolist() for name, chosen in found.items()} == {"train": [1, 3], "validate": [2], "test": [0]}


@pytest.mark.parametrize("kind", [np.array, pa.array, lambda v: pa.array(v).dictionary_encode(), list])
def test_a_column_may_give_the_split(kind: Any) -> None:
    found = rows("part", np.zeros(4, np.int64), values=kind(["test", "train", "valid", "train"]))
    assert {name: chosen.tolist() for name, chosen in found.items()} == {"train": [1, 3], "validate": [2], "test": [0]}


def test_without_a_validation_part_it_is_cut_from_train_alone() -> None:
    given_split, y = np.repeat(["train", "test"], [40, 10]), np.arange(50) % 2
    found = rows(None, y, shares=(0.75, 0.25, 0.0), given=given_split)
    assert {name: len(chosen) for name, chosen in found.items()} == {"train": 30, "validate": 10, "test": 10}
    assert found["test"].tolist() == list(range(40, 50))
    assert np.bincount(y[found["validate"]]).tolist() == [5, 5]


def test_a_split_drawn_anew_keeps_the_given_share_for_testing() -> None:
    given_split = np.repeat(["train", "test"], [45, 15])
    found = rows({"by": "stratified"}, shares=(0.8, 0.2, 0.0), given=given_split)
    assert {name: len(chosen) for name, chosen in found.items()} == {"train": 36, "validate": 9, "test": 15}
    assert found["test"].tolist() != list(range(45, 60))


OPTIONS = [
    None,
    {"by": "stratified"},
    {"by": "random"},
    {"by": "random", "folds": 4, "fold": 3},
    {"folds": 3, "fold": 1},
    {"by": "stratified", "column": "g"},
    {"by": "group", "column": "g"},
    {"by": "group", "column": "g", "folds": 3, "fold": 2},
    {"by": "time", "column": "g"},
]


@pytest.mark.parametrize("option", OPTIONS, ids=str)
@given(y=st.lists(st.integers(0, 1), min_size=40, max_size=90).map(np.array), seed=st.integers(0, 99))
def test_every_row_is_in_one_split_and_the_seed_decides(option: Any, y: np.ndarray, seed: int) -> None:
    values = np.arange(len(y)) % 9
    first = plan(option, seed=seed).rows(strata=y, values=values, who=WHO)
    again = plan(option, seed=seed).rows(strata=y, values=values, who=WHO)
    assert sorted(np.concatenate(list(first.values())).tolist()) == list(range(len(y)))
    for name, chosen in first.items():
        assert np.array_equal(chosen, again[name])
        assert np.all(np.diff(chosen) > 0)


@pytest.mark.parametrize(
    "option", [{"by": "random", "folds": 5}, {"folds": 5}, {"by": "group", "column": "g", "folds": 5}], ids=str
)
def test_every_row_is_held_out_by_one_fold(option: dict[str, Any]) -> None:
    values = np.arange(60) // 4
    held_out = [rows({**option, "fold": fold}, values=values)["test"] for fold in range(5)]
    assert sorted(np.concatenate(held_out).tolist()) == list(range(60))
    assert [len(each) for each in held_out] == [12] * 5


def test_of_the_other_folds_the_first_two_shares_train_and_validate() -> None:
    found = rows({"by": "stratified", "folds": 3, "fold": 0}, shares=(0.6, 0.2, 0.2))
    assert {name: len(chosen) for name, chosen in found.items()} == {"train": 30, "validate": 10, "test": 20}
    assert all(np.bincount(Y[chosen]).tolist() == [len(chosen) // 2] * 2 for chosen in found.values())


@pytest.mark.parametrize("folds", [{}, {"folds": 3, "fold": 1}])
def test_no_group_is_in_two_parts(folds: dict[str, int]) -> None:
    values = np.array([f"household {i % 13}" for i in range(60)])
    found = rows({"by": "group", "column": "household", **folds}, values=values)
    inside = [set(values[chosen]) for chosen in found.values()]
    assert sum(map(len, inside)) == len(set(values))
    assert set.union(*inside) == set(values)


def test_random_ignores_the_classes_and_stratified_does_not() -> None:
    y = (np.arange(300) < 30).astype(np.int64)
    shares = [[y[chosen].sum() for chosen in rows({"by": by}, y).values()] for by in ("stratified", "random")]
    assert shares[0] == [18, 6, 6]
    assert shares[1] != [18, 6, 6]


def test_equal_shares_of_a_column_within_each_class() -> None:
    sex = np.array(["f", "m", "m", "m"])[np.arange(400) // 2 % 4]
    y = np.arange(400) % 2
    for chosen in rows({"by": "stratified", "column": "sex"}, y, values=sex).values():
        cells = np.array([((sex[chosen] == s) & (y[chosen] == k)).sum() for s in "fm" for k in (0, 1)])
        assert np.all(np.abs(cells - len(chosen) * np.array([1, 1, 3, 3]) / 8) <= 2)


DAYS = [f"2024-{1 + i // 28:02}-{1 + i % 28:02}" for i in range(60)]


@pytest.mark.parametrize(
    "values",
    [
        np.arange(60) * 0.5,
        np.array(DAYS),
        np.array([f"{day}T08:00:00Z" for day in DAYS]),
        np.array(DAYS, dtype="datetime64[D]"),
        pa.array(DAYS).cast(pa.date32()),
        pa.chunked_array([pa.array(DAYS).cast(pa.timestamp("s"))]),
        Coded(np.arange(60, dtype=np.int32), tuple(DAYS)),
    ],
    ids=lambda v: str(getattr(v, "type", getattr(v, "dtype", "coded"))),
)
def test_time_in_every_form(values: Any) -> None:
    mixed = np.random.default_rng(0).permutation(60)
    found = rows(
        {"by": "time", "column": "day"}, values=values.take(mixed) if hasattr(values, "take") else values[mixed]
    )
    assert {name: sorted(mixed[chosen].tolist()) for name, chosen in found.items()} == {
        "train": list(range(36)),
        "validate": list(range(36, 48)),
        "test": list(range(48, 60)),
    }


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"by": "groups", "column": "g"}, r"`split` is by 'groups'; expected one of given, stratified, random, group"),
        ({"by": "group"}, r"`split` is by group and names no column\. Write `\{by: group, column: NAME\}`"),
        ({"by": "time"}, "`split` is by time and names no column"),
        ({"by": "random", "column": "g"}, "`split` is by random and names a column"),
        ({"way": "group"}, r"`split` has a key 'way'\. Known: by, column, fold, folds"),
        ({"flods": 3}, r"`split` has a key 'flods'\. Did you mean 'folds'\?"),
        ({"fold": 1}, "`split` names a fold and not how many `folds` there are"),
        ({"folds": 1}, "`split` has 1 folds; expected a whole number from 2 on"),
        ({"folds": 2.5}, "`split` has 2.5 folds"),
        ({"folds": 5, "fold": 5}, "`split` holds out fold 5 of 5; they are counted from 0 to 4"),
        ({"by": "time", "column": "t", "folds": 5}, "`split` has folds and is by time"),
        ({"by": "group", "column": 3}, "`split` has the column 3; expected the name"),
    ],
)
def test_what_cannot_be_said(option: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=f"{WHO}: {message}"):
        plan(option)


@pytest.mark.parametrize(
    ("option", "known", "message"),
    [
        ({"by": "given"}, {}, "these data have no predefined split. Name a column"),
        (
            {"by": "group", "column": "g"},
            {"values": [None, *"abc"]},
            "the split column 'g' is missing in 1 of 4 rows",
        ),
        ({"by": "group", "column": "g"}, {"values": Coded(np.array([0, -1, 0, 1], np.int32), ("a", "b"))}, "in 1 of 4"),
        ({"by": "group", "column": "g"}, {"values": [*"aabb"]}, r"split 'test' is empty|split '\w+' is empty"),
        ({"by": "time", "column": "g"}, {"values": [1, 2, 2, 1]}, "'g' has fewer than three different times"),
        ({"by": "time", "column": "g"}, {"values": [*"abcd"]}, "'g' has texts that are not ISO 8601"),
        ({"by": "time", "column": "g"}, {"values": [True, False] * 2}, "'g' contains bool; a split by time needs"),
        ("g", {"values": ["train", "train", "tset", "test"]}, "the split column contains 'tset'. Did you mean 'test'?"),
        (None, {"given": np.array(["train"] * 4)}, "split 'test' is empty"),
    ],
)
def test_columns_that_cannot_be_split_by(option: Any, known: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        rows(option, np.zeros(4, np.int64), **known)


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ((0.6, 0.4, 0.2), r"fractions are \[0.6, 0.4, 0.2\]; expected three shares .* that sum to 1"),
        ((0.6, 0.4), "expected three shares"),
        ((1.2, -0.4, 0.2), "expected three shares"),
        ((0.5, 0.5, 0.0), r"split 'test' is empty \(train 2, validate 2, test 0 rows\)"),
    ],
)
def test_shares_that_cannot_be(shares: tuple[float, ...], message: str) -> None:
    with pytest.raises(UserError, match=message):
        rows(None, np.zeros(4, np.int64), shares=shares)
