from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from glasshouse import UserError
from glasshouse.data.raw_table import Coded, RawTable, as_column, fingerprint
from hypothesis import given
from hypothesis import strategies as st

WHO = "data 'toy'"


def plain(values: object) -> list[object]:
    """A column as Python values, codes looked up."""
    column = as_column(values, "c", who=WHO)
    if isinstance(column, Coded):
        return [None if code < 0 else column.levels[code] for code in column.codes]
    return column.tolist()


@given(st.lists(st.one_of(st.none(), st.text(max_size=3)), min_size=1, max_size=30))
def test_text_comes_back_as_it_was(values: list[str | None]) -> None:
    if any(value is not None for value in values):
        assert plain(np.array(values, dtype=object)) == values


def test_levels_are_sorted_whatever_the_order_of_rows() -> None:
    column = as_column(np.array(["b", "c", "a", "b"]), "c", who=WHO)
    assert isinstance(column, Coded)
    assert column.levels == ("a", "b", "c")
    assert column.codes.tolist() == [1, 2, 0, 1]


@pytest.mark.parametrize("late", [None, "late"], ids=["all known early", "one that only the last row holds"])
def test_many_rows_of_text_come_back_as_they_were(late: str | None) -> None:
    rng = np.random.default_rng(0)
    values = np.array(["b", "10", "9", "a", None], dtype=object)[rng.integers(0, 5, 250_001)]
    values[-1] = late
    pieces = pa.chunked_array([pa.array(part) for part in (values[:1_000], values[1_000:199_000], values[199_000:])])
    assert plain(pieces) == values.tolist()


def test_levels_that_are_numbers_are_sorted_as_numbers() -> None:
    column = as_column(np.array(["10", "9", "-1"]), "c", who=WHO)
    assert isinstance(column, Coded)
    assert column.levels == ("-1", "9", "10")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([1, 2], dtype=np.int8), [1.0, 2.0]),
        (np.array([True, False]), ["true", "false"]),
        (pd.Series(["x", None, "y"]), ["x", None, "y"]),
        (pd.Series(["x", "y"], dtype="category"), ["x", "y"]),
        (pa.array([1, None, 3]), [1.0, pytest.approx(np.nan, nan_ok=True), 3.0]),
        (pa.array([True, None]), ["true", None]),
        (pa.array(["b", None, "a"]).dictionary_encode(), ["b", None, "a"]),
        (pa.array(["b", "a"], pa.large_string()), ["b", "a"]),
        # two row groups of a Parquet file may number the same levels differently
        (
            pa.chunked_array([pa.array(["b", "a"]).dictionary_encode(), pa.array(["a", "c"]).dictionary_encode()]),
            ["b", "a", "a", "c"],
        ),
    ],
)
def test_kinds_of_arrays(values: object, expected: list[object]) -> None:
    assert plain(values) == expected


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            pa.array([datetime.date(2020, 1, 1)]),
            r"column 'c' contains date32\[day\]; expected numbers, text or true/false",
        ),
        (np.array([None, None], dtype=object), "column 'c' contains null"),
        (
            np.array([1, [2]], dtype=object),
            "column 'c' contains objects of class list; expected text, numbers or true/false",
        ),
    ],
)
def test_kinds_that_are_refused(values: object, message: str) -> None:
    with pytest.raises(UserError, match=message):
        as_column(values, "c", who=WHO)


def test_an_unknown_column_gets_a_suggestion() -> None:
    with pytest.raises(
        UserError, match=r"there is no column 'agee' \(feature\)\. Did you mean 'age'\? Known: age, y\."
    ):
        RawTable(columns={"age": [1.0], "y": [1.0]}, target="y").column("agee", role="feature", who=WHO)


def test_a_fingerprint_changes_with_any_value_name_or_level_and_with_nothing_else() -> None:
    a, b = np.array([1.0, 2.0]), Coded(np.array([0, 1], np.int32), ("x", "y"))
    known = fingerprint({"a": a, "b": b})
    assert known == fingerprint({"b": b, "a": a.copy()})
    others = [
        {"a": np.array([1.0, 3.0]), "b": b},
        {"a": a, "c": b},
        {"a": a, "b": Coded(b.codes, ("x", "z"))},
        {"a": a, "b": Coded(b.codes[::-1], b.levels)},
        {"a": a},
    ]
    assert len({known, *map(fingerprint, others)}) == 1 + len(others)
