"""Attributes beside the data: read from all that may hold them, coded once over all splits, matched by position."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from glasshouse import UserError
from glasshouse.external_data.ordered_loader import in_dataset_order
from glasshouse.external_data.side_attributes import read_side_attributes
from torch.utils.data import DataLoader, Subset, SubsetRandomSampler, TensorDataset

SEX = ["m", "f", None, "f"]
AGE = [30.0, 50.0, 65.0, 39.0]


def rows(n: int) -> TensorDataset:
    return TensorDataset(torch.arange(n), torch.arange(n))


@pytest.mark.parametrize("kind", ["mapping", "arrays", "pandas", "polars", "arrow", "csv", "parquet"])
def test_all_holders_of_columns_are_read_alike(kind: str, tmp_path: Path) -> None:
    table = pa.table({"sex": SEX, "age": AGE})
    pq.write_table(table, tmp_path / "people.parquet")
    (tmp_path / "people.csv").write_text("sex,age\nm,30\nf,50\n,65\nf,39\n")
    given = {
        "mapping": {"sex": SEX, "age": AGE},
        "arrays": {"sex": np.array(SEX, dtype=object), "age": torch.tensor(AGE)},
        "pandas": pd.DataFrame({"sex": SEX, "age": AGE}),
        "polars": pl.DataFrame({"sex": SEX, "age": AGE}),
        "arrow": table,
        "csv": tmp_path / "people.csv",
        "parquet": str(tmp_path / "people.parquet"),
    }[kind]
    found = read_side_attributes(given, {"age": (40, 60)})
    assert [(a.name, a.levels) for a in found.declared] == [
        ("sex", ("f", "m")),
        ("age", ("under 40", "40 to under 60", "60 and over")),
    ]
    # by hand: f=0, m=1, missing=-1; bins of 30, 50, 65, 39
    assert found.codes[None].tolist() == [[1, 0], [0, 1], [-1, 2], [0, 0]]
    assert found.source == (str(given) if kind in ("csv", "parquet") else "values")


ID = 9_007_199_254_740_993
"""2^53 + 1, which float64 rounds to 2^53."""


def test_codes_in_files_are_the_text_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text(f"zip;id;v;age\n01;{ID};1.10;30\n1;{ID + 1};1.1;50\n001;{ID};?;NA\n", encoding="utf-8")
    found = read_side_attributes(path, {"age": (40,)})
    assert {a.name: a.levels for a in found.declared} == {
        "zip": ("001", "01", "1"),
        "id": (str(ID), str(ID + 1)),
        "v": ("1.1", "1.10"),
        "age": ("under 40", "40 and over"),
    }
    assert found.codes[None].tolist() == [[1, 0, 1, 0], [2, 1, 0, 1], [0, 0, -1, -1]]
    with pytest.raises(UserError, match=r"'v' has bins, and row 2 is not a number: '1,1'. Correct it"):
        read_side_attributes({"v": ["1.10", "1,1", None]}, {"v": (1,)})


def test_values_keep_their_names_and_order_in_all_splits() -> None:
    def people(ages: list[int]) -> pd.DataFrame:
        return pd.DataFrame({"age": pd.cut(ages, [0, 30, 100, 200]), "id": [ID + k % 2 for k in range(len(ages))]})

    found = read_side_attributes({"train": people([5, 120, 45]), "test": people([101, 4])}, {})
    assert {a.name: a.levels for a in found.declared} == {
        "age": ("(0, 30]", "(30, 100]", "(100, 200]"),
        "id": (str(ID), str(ID + 1)),
    }
    assert found.codes["train"].tolist() == [[0, 0], [2, 1], [1, 0]]
    assert found.codes["test"].tolist() == [[2, 0], [0, 1]]
    mixed = read_side_attributes(
        {"g": np.array([7, "7b", None, True], dtype=object), "t": torch.tensor([1, 0, 1, 2])}, {}
    )
    assert [a.levels for a in mixed.declared] == [("7", "7b", "true"), ("0", "1", "2")]


def test_levels_have_one_code_in_all_splits() -> None:
    found = read_side_attributes({"train": {"town": ["b", "c"]}, "test": {"town": ["a", "c", None]}}, {})
    assert found.declared[0].levels == ("a", "b", "c")
    assert found.codes["train"].tolist() == [[1], [2]]
    assert found.codes["test"].tolist() == [[0], [2], [-1]]


def test_columns_for_all_rows_follow_subsets() -> None:
    everyone = rows(6)
    found = read_side_attributes({"k": list("uvwxyz")}, {})
    for loader, expected in (
        (DataLoader(Subset(everyone, [4, 0]), shuffle=True), [4, 0]),
        (DataLoader(everyone, sampler=SubsetRandomSampler([5, 1])), [1, 5]),
    ):
        codes = found.of_split("validate", in_dataset_order(loader), judged=False)
        assert codes is not None
        assert codes[:, 0].tolist() == expected


def test_columns_beside_undivided_data_are_the_judged_splits() -> None:
    found = read_side_attributes({"k": list("uvw")}, {})
    order = in_dataset_order(DataLoader(rows(3), shuffle=True))
    judged = found.of_split("test", order, judged=True)
    assert judged is not None
    assert judged[:, 0].tolist() == [0, 1, 2]
    assert found.of_split("validate", order, judged=False) is None  # as long by chance, perhaps


def test_a_split_without_columns_has_none() -> None:
    found = read_side_attributes({"test": {"k": list("uvw")}}, {})
    assert found.of_split("train", in_dataset_order(DataLoader(rows(3))), judged=False) is None


def test_a_subset_of_all_rows_in_another_order_is_matched_by_that_order() -> None:
    found = read_side_attributes({"k": list("uvw")}, {})
    codes = found.of_split("test", in_dataset_order(DataLoader(Subset(rows(3), [2, 0, 1]))), judged=True)
    assert codes is not None
    assert codes[:, 0].tolist() == [2, 0, 1]


@pytest.mark.parametrize(
    ("given", "bins", "message"),
    [
        ({"test": {"k": [1, 2]}}, {}, "has 2 rows for split 'test'; its data have 3"),
        ({"k": [1, 2]}, {}, "has 2 rows for split 'test'; its data have 3"),
        ({"k": [1, 2, 3], "j": [1, 2]}, {}, "columns differ in length: k 3, j 2"),
        ({"test": {"k": [1]}, "train": {"j": [1]}}, {}, "split 'train' has columns j; others have k"),
        ({"k": [1, 2, 3]}, {"age": (40,)}, "there is no attribute 'age'"),
        ({"k": "abc"}, {}, "expected the values of 'k', one for each row, received str"),
        ({"k": np.linspace(0, 1, 100)}, {}, "has 100 levels; expected at most 50"),
        (7, {}, "expected columns by name, a frame or the path of a file, received int"),
        ("nowhere.csv", {}, "nowhere.csv cannot be read"),
        ("people.xlsx", {}, "is no CSV, Parquet or Arrow file"),
        ({}, {}, "there is no column"),
    ],
)
def test_what_does_not_fit_is_refused(given: object, bins: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_side_attributes(given, bins).of_split("test", in_dataset_order(DataLoader(rows(3))), judged=True)
