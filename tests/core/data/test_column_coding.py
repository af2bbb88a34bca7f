from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from glasshouse import UserError
from glasshouse.data.column_coding import bin_numbers, code_sensitive, code_target, infer_task
from glasshouse.data.raw_table import Coded, RawTable, SensitiveColumn, as_column
from hypothesis import given
from hypothesis import strategies as st

WHO = "data 'toy'"


def target(values: object, **options: object) -> tuple[object, np.ndarray]:
    table = RawTable(columns={"y": values}, target="y", **options)  # type: ignore[arg-type]
    return code_target(table, table.column("y", role="target", who=WHO), who=WHO)


def sensitive(values: object, *edges: float) -> Coded:
    declared = SensitiveColumn(name="group", column="age", edges=edges)
    return code_sensitive(declared, as_column(np.asarray(values), "age", who=WHO), who=WHO)


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (["yes", "no"], "binary"),
        (["a", "b", "c"], "multiclass"),
        ([0, 1, 1], "binary"),
        ([1, 2, 3], "multiclass"),
        (list(range(11)), "regression"),
        ([0.5, 1.0], "regression"),
        ([True, False], "binary"),
    ],
)
def test_tasks_are_inferred(values: list[object], task: str) -> None:
    assert infer_task(as_column(np.array(values), "y", who=WHO)) == task


def test_classes_are_sorted_and_coded() -> None:
    declared, y = target(np.array(["no", "yes", "no"]), favourable="no")
    assert (declared.kind, declared.classes, declared.favourable) == ("binary", ("no", "yes"), "no")
    assert y.dtype == np.int64
    assert y.tolist() == [0, 1, 0]


def test_declared_classes_keep_their_order_and_may_have_no_rows() -> None:
    declared, y = target(np.array(["low", "high"]), task="multiclass", classes=("low", "middle", "high"))
    assert declared.classes == ("low", "middle", "high")
    assert y.tolist() == [0, 2]


def test_whole_numbers_as_classes() -> None:
    declared, y = target(np.array([2.0, 1.0, 2.0]))
    assert declared.classes == ("1", "2")
    assert y.tolist() == [1, 0, 1]


def test_levels_without_rows_are_no_classes() -> None:
    declared, y = target(Coded(np.array([2, 0], np.int32), ("a", "b", "c")))
    assert declared.classes == ("a", "c")
    assert y.tolist() == [1, 0]


def test_regression_keeps_values() -> None:
    declared, y = target(np.array([0.5, 2.5]))
    assert (declared.kind, declared.classes) == ("regression", ())
    assert y.dtype == np.float32
    assert y.tolist() == [0.5, 2.5]


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        (["a"] * 3, {}, "the target 'y' has one class, 'a', in all 3 rows; expected at least two"),
        ([1.0] * 3, {"task": "regression"}, "the target 'y' is 1 in every row"),
        (["a", "b", "c"], {"task": "binary"}, "has 3 classes; a binary task has two. Set `task: multiclass`"),
        (["a", "b"], {"task": "regression"}, "contains text; a regression task needs numbers"),
        (["a", "b"], {"task": "ranking"}, "task is 'ranking'; expected binary, multiclass or regression"),
        (["a", "b"], {"favourable": "c"}, "the favourable class 'c' is not a class of 'y'. Known: a, b"),
        (["a", "b"], {"classes": ("a", "x")}, "the target 'y' contains 'b', which is not in `classes`"),
        ([f"u{i}" for i in range(1001)], {}, r"has 1,001 classes; expected at most 1,000. Is it an identifier\?"),
    ],
)
def test_targets_that_cannot_be_learned(values: list[object], options: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        target(np.array(values), **options)


def test_bins_by_hand() -> None:
    groups = bin_numbers(np.array([39.9, 40.0, 59.0, 60.0, np.nan]), (60, 40))
    assert groups.levels == ("under 40", "40 to under 60", "60 and over")
    assert groups.codes.tolist() == [0, 1, 1, 2, -1]


@given(
    st.lists(st.floats(-100, 100), min_size=1, max_size=30),
    st.lists(st.integers(-99, 99), min_size=1, max_size=4, unique=True),
)
def test_bins_are_those_of_pandas_cut(values: list[float], edges: list[int]) -> None:
    theirs = pd.cut(values, [-np.inf, *sorted(edges), np.inf], right=False, labels=False)
    assert bin_numbers(np.array(values), tuple(edges)).codes.tolist() == theirs.tolist()


def test_a_level_without_rows_does_not_vanish() -> None:
    assert sensitive([10.0, 80.0], 40, 60).levels == ("under 40", "40 to under 60", "60 and over")


def test_text_and_few_numbers_are_levels_as_they_stand() -> None:
    assert sensitive(["m", "f"]).levels == ("f", "m")
    numbers = sensitive([2.0, np.nan, 1.5])
    assert numbers.levels == ("1.5", "2")
    assert numbers.codes.tolist() == [1, -1, 0]


@pytest.mark.parametrize(
    ("values", "edges", "message"),
    [
        (
            np.arange(1000.0),
            (),
            r"'group' has 1,000 levels; expected at most 50. Bin it, e.g. `bins: \{age: \[30, 50\]\}`",
        ),
        ([f"z{i}" for i in range(1000)], (), "'group' has 1,000 levels; expected at most 50. Group its levels"),
        (["m", "f"], (40,), "'group' has bins, but its column 'age' contains text"),
    ],
)
def test_attributes_that_cannot_be_grouped(values: object, edges: tuple[float, ...], message: str) -> None:
    with pytest.raises(UserError, match=message):
        sensitive(values, *edges)
