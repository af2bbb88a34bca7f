"""Group count tables: against brute-force loops and pandas-free enumeration, and the laws of merging."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from glasshouse.evidence.predictions import Groups
from glasshouse.statistics import GroupCounts, count
from glasshouse.statistics.counts import table
from hypothesis import given
from hypothesis import strategies as st

SEX = ("Female", "Male")
RACE = ("a", "b", "c")


def groups(sex, race) -> list[Groups]:
    return [
        Groups(name="sex", levels=SEX, codes=np.asarray(sex, dtype=np.int32)),
        Groups(name="race", levels=RACE, codes=np.asarray(race, dtype=np.int32)),
    ]


def counted(rows, weights=None) -> GroupCounts:
    """Rows of (sex, race, target, predicted)."""
    sex, race, y, p = np.asarray(rows, dtype=np.int64).reshape(-1, 4).T
    return count(groups(sex, race), y, p, classes=("no", "yes", "maybe"), weights=weights)


def as_counter(table: GroupCounts) -> Counter:
    """Occupied cells by level names and class codes."""
    return Counter(
        {
            (*labels.values(), t, p): cells[t, p].item()
            for labels, cells in table
            for t, p in zip(*np.nonzero(cells), strict=True)
        }
    )


row = st.tuples(st.integers(-1, 1), st.integers(-1, 2), st.integers(0, 2), st.integers(0, 2))


def test_worked_by_hand() -> None:
    sex = Groups(name="sex", levels=SEX, codes=np.array([0, 1, -1, 0, 0], dtype=np.int32))
    table = count([sex], [0, 1, 1, 1, 1], [1, 1, 0, 0, 1], classes=("no", "yes"))
    assert table.groups == ({"sex": "Female"}, {"sex": "Male"}, {"sex": "missing"})
    assert table.cells.tolist() == [[[0, 1], [1, 1]], [[0, 0], [0, 1]], [[0, 0], [1, 0]]]
    assert table.sizes.tolist() == [3, 1, 1]
    assert table.cells.dtype.kind == "i"


@given(st.lists(row, max_size=40))
def test_counts_what_a_loop_counts(rows) -> None:
    def named(code, levels):
        return levels[code] if code >= 0 else "missing"

    expected = Counter((named(sex, SEX), named(race, RACE), t, p) for sex, race, t, p in rows)
    assert as_counter(counted(rows)) == expected


@given(st.lists(row, max_size=30), st.randoms(use_true_random=False), st.integers(0, 30))
def test_permuting_and_splitting_rows_change_nothing(rows, random, cut) -> None:
    whole = counted(rows)
    shuffled = rows.copy()
    random.shuffle(shuffled)
    for other in (
        counted(shuffled),
        counted(rows[:cut]) + counted(rows[cut:]),
        counted(rows[cut:]) + counted(rows[:cut]),
    ):
        assert other.groups == whole.groups
        np.testing.assert_array_equal(other.cells, whole.cells)
        np.testing.assert_array_equal(other.rows, whole.rows)


@given(st.lists(row, max_size=30))
def test_marginal_is_the_count_over_fewer_attributes(rows) -> None:
    sex, race, y, p = np.asarray(rows, dtype=np.int64).reshape(-1, 4).T
    for names in ([], ["sex"], ["race"], ["race", "sex"]):
        columns = {column.name: column for column in groups(sex, race)}
        direct = count([columns[name] for name in names], y, p, classes=("no", "yes", "maybe"))
        marginal = counted(rows).marginal(names)
        assert marginal.groups == direct.groups
        np.testing.assert_array_equal(marginal.cells, direct.cells)


def test_levels_without_rows_stay_groups_and_missing_appears_only_where_it_is() -> None:
    table = counted([(0, 2, 0, 0)])
    assert len(table) == 6
    assert table.sizes.tolist() == [0, 0, 1, 0, 0, 0]
    assert {"sex": "Male", "race": "a"} in table.groups
    assert len(counted([(0, -1, 0, 0)])) == 8


def test_many_attributes_list_only_groups_with_rows(monkeypatch) -> None:
    rng = np.random.default_rng(0)
    rows = np.stack([rng.integers(-1, 2, 200), rng.integers(-1, 3, 200), *rng.integers(0, 3, (2, 200))], axis=1)
    dense = counted(rows)
    monkeypatch.setattr(table, "LISTED_GROUPS", 2)
    monkeypatch.setattr(table, "_BLOCK", 8)
    sparse = counted(rows[:3])
    assert len(sparse) == len({tuple(r[:2]) for r in rows[:3].tolist()})
    assert np.all(sparse.sizes > 0)
    assert as_counter(counted(rows)) == as_counter(dense)
    assert as_counter(counted(rows[:50]) + counted(rows[50:])) == as_counter(dense)
    assert as_counter(dense.marginal(["race", "sex"])) == as_counter(counted(rows).marginal(["race", "sex"]))


def test_twenty_attributes_of_nine_levels_fit_or_say_so() -> None:
    def columns(many):
        return [
            Groups(name=f"a{k}", levels=tuple("123456789"), codes=np.array([0, 8, 0], np.int32)) for k in range(many)
        ]

    table = count(columns(18), [0, 1, 0], [1, 1, 1], classes=("no", "yes"))
    assert len(table) == 2
    assert table.sizes.tolist() == [2, 1]
    with pytest.raises(ValueError, match=r"20 attributes have 1.0e\+20 combinations of levels; count fewer"):
        count(columns(20), [0, 1, 0], [1, 1, 1], classes=("no", "yes"))


def test_rows_are_counted_across_blocks() -> None:
    rng = np.random.default_rng(1)
    n = 200_003
    sex, race, y, p = (rng.integers(-1, high, n) for high in (2, 3, 2, 2))
    y, p = np.abs(y), np.abs(p)
    weights = rng.integers(0, 4, n).astype(float)
    table = count(groups(sex, race), y, p, classes=("no", "yes"), weights=weights)
    chosen = (sex == 1) & (race == -1) & (y == 1) & (p == 0)
    k = table.groups.index({"sex": "Male", "race": "missing"})
    assert table.rows[k, 1, 0] == chosen.sum()
    assert table.cells[k, 1, 0] == weights[chosen].sum()
    assert table.squares[k, 1, 0] == (weights[chosen] ** 2).sum()
    assert table.rows.sum() == n


def test_weights_are_summed_and_rows_still_counted() -> None:
    table = counted([(0, 0, 1, 1), (0, 0, 1, 1)], weights=[0.5, 2.0])
    assert table.weighted
    assert (table.cells[0, 1, 1], table.rows[0, 1, 1], table.squares[0, 1, 1]) == (2.5, 2, 4.25)
    assert (table + counted([(0, 0, 1, 1)])).cells[0, 1, 1] == 3.5


def test_without_targets_and_without_rows() -> None:
    table = count(groups([0, 1], [0, 0]), None, np.array([True, False]), classes=("no", "yes"))
    assert not table.has_targets
    assert table.cells.shape == (6, 1, 2)
    empty = count(groups([], []), np.array([], int), np.array([], int), classes=("no", "yes"))
    assert empty.sizes.tolist() == [0] * 6
    assert (empty + empty).overall().cells.tolist() == [[[0, 0], [0, 0]]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"predicted": [0, 2]}, "predicted are one column of integer class codes from 0 to 1"),
        ({"targets": [0.0, 1.0]}, "targets are one column of integer class codes"),
        ({"targets": [0, -1]}, "targets are one column of integer class codes"),
        ({"targets": [0]}, "all columns have one length"),
        ({"weights": [1.0, -1.0]}, "weights are finite and not negative"),
        ({"weights": [1.0, np.nan]}, "weights are finite and not negative"),
        ({"groups": groups([0, 5], [0, 0])}, r"codes of group 'sex' are integers from -1 \(missing\) to 1"),
        ({"groups": groups([0, 1, 1], [0, 0, 0])}, "all columns have one length"),
        ({"classes": ["yes"]}, "two classes or more"),
    ],
)
def test_unusable_rows_are_refused(change, message) -> None:
    usable = {"groups": groups([0, 1], [0, 0]), "targets": [0, 1], "predicted": [1, 1], "classes": ["no", "yes"]}
    given_ = usable | change
    with pytest.raises(ValueError, match=message):
        count(given_.pop("groups"), given_.pop("targets"), given_.pop("predicted"), **given_)


def test_tables_that_do_not_fit_do_not_merge() -> None:
    table = counted([(0, 0, 1, 1)])
    with pytest.raises(ValueError, match="the same attributes, levels and classes"):
        table + table.marginal(["sex"])
    without = count(groups([0], [0]), None, [1], classes=("no", "yes", "maybe"))
    with pytest.raises(ValueError, match="both have targets, or neither"):
        table + without
    with pytest.raises(ValueError, match="no attribute 'age'; it has sex, race"):
        table.marginal(["age"])
