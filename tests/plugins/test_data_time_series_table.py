"""Long tables cut into windows that stay within one entity and one split."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from glasshouse import UserError
from glasshouse_plugins.data.time_series_table import TimeSeriesTable
from glasshouse_plugins.data.windows import forward_fill, standardise, window_starts
from hypothesis import given
from hypothesis import strategies as st

ENTITIES, DAYS = 6, 40


def series() -> pd.DataFrame:
    """`code` says entity and day: 1000 entity + day."""
    e, d = np.repeat(np.arange(ENTITIES), DAYS), np.tile(np.arange(DAYS), ENTITIES)
    return pd.DataFrame(
        {
            "who": [f"p{i}" for i in e],
            "day": (np.datetime64("2024-01-01") + d).astype(str),
            "code": 1000.0 * e + d,
            "pulse": 60.0 + (d * 7 + e) % 13,
            "sex": np.array(["f", "m"])[e % 2],
            "ill": np.array(["no", "yes"])[(d + e) % 2],
        }
    ).sample(frac=1, random_state=0)


def write(folder: Path, table: pd.DataFrame | None = None, name: str = "series.csv") -> Path:
    table = series() if table is None else table
    table.to_parquet(folder / name) if name.endswith("parquet") else table.to_csv(folder / name, index=False)
    return folder / name


def ready(path: Path, **options: Any) -> TimeSeriesTable:
    chosen = {"entity": "who", "time": "day", "target": "ill", "length": 4, "features": ["code", "pulse"], **options}
    data = TimeSeriesTable(str(path), **chosen)
    data.setup()
    return data


def codes(data: TimeSeriesTable, split: str) -> np.ndarray:
    """(n, length) the column `code` in its own unit, read off the windows."""
    table = series()
    train = table[table["day"] < str(np.datetime64("2024-01-01") + 24)] if data.split_plan.by == "time" else None
    assert train is not None
    return np.rint(data.inputs(split)[:, :, 0].double().numpy() * train["code"].std(ddof=0) + train["code"].mean())


@pytest.mark.parametrize("name", ["series.csv", "series.parquet"])
def test_windows_follow_time_within_one_person_and_one_split(tmp_path: Path, name: str) -> None:
    data = ready(write(tmp_path, name=name))
    info = data.info
    assert (info.modality, info.input_shape, data.feature_names) == ("sequence", (4, 2), ("code", "pulse"))
    assert info.sizes == {
        "in_features": 2,
        "sequence_length": 4,
        "input_shape": [4, 2],
        "num_classes": 2,
        "out_features": 2,
    }
    # 24, 8 and 8 days; a window and its target take five: 20, 4 and 4 starts for each person
    assert info.rows == {"train": 120, "validate": 24, "test": 24}
    for split, first, last in (("train", 0, 23), ("validate", 24, 31), ("test", 32, 39)):
        found = codes(data, split)
        assert (np.diff(found, axis=1) == 1).all()
        day = found % 1000
        assert day.min() == first
        assert day.max() == last - 1  # the last day of each split is a target alone
        y = data.loader(split).rows.y.numpy()
        assert y.tolist() == [int((d + 1 + c // 1000) % 2) for c, d in zip(found[:, -1], day[:, -1], strict=True)]


def test_by_person(tmp_path: Path) -> None:
    data = ready(write(tmp_path), split={"by": "group", "column": "who", "folds": 3, "fold": 1}, sensitive=["sex"])
    assert data.info.rows == {"train": 108, "validate": 36, "test": 72}  # 36 windows each of 3, 1 and 2 people
    persons = [set(np.unique(np.rint(data.inputs(s)[:, :, 0].numpy() * 1e3)).tolist()) for s in data.info.rows]
    assert sum(map(len, persons)) == len(set.union(*persons))
    assert data.info.sensitive[0].levels == ("f", "m")


def test_the_targets_own_row_and_strides(tmp_path: Path) -> None:
    path = write(tmp_path)
    data = ready(path, ahead=0, stride=4)
    assert data.info.rows == {"train": 36, "validate": 12, "test": 12}
    found = codes(data, "train")
    assert (found[:, 0] % 4 == 0).all()
    last = found[:, -1]
    assert data.loader("train").rows.y.tolist() == [int((c % 1000 + c // 1000) % 2) for c in last]
    assert ready(path, target="pulse", features=None, ahead=0).feature_names == ("code",)
    whole = ready(path, target="pulse", features=None)
    assert whole.feature_names == ("code", "pulse")
    assert whole.info.target.kind == "regression"


def test_training_rows_alone_standardise(tmp_path: Path) -> None:
    table = series()
    late = table["day"] >= "2024-02-02"
    path = write(tmp_path, table.assign(pulse=np.where(late, 1e6, table["pulse"])))
    data = ready(path)
    early = table.loc[table["day"] < "2024-01-25", "pulse"]
    expected = (table.loc[(table["who"] == "p0") & (table["day"] == "2024-01-01"), "pulse"] - early.mean()) / early.std(
        ddof=0
    )
    np.testing.assert_allclose(data.inputs("train")[0, 0, 1], expected.iloc[0], rtol=1e-5)


def test_gaps(tmp_path: Path) -> None:
    table = series()
    table.loc[(table["who"] == "p1") & (table["day"].isin(["2024-01-01", "2024-01-05"])), "pulse"] = np.nan
    path = write(tmp_path, table)
    with pytest.raises(
        UserError, match=r"column 'pulse' is missing or infinite in 2 of 240 rows\. Set `missing: forward`"
    ):
        ready(path)
    data = ready(path, missing="forward", length=6)
    first = data.inputs("train")[18]  # p1 from its first day on: 24 days hold 18 windows of seven rows
    assert first[0, 1] == 0  # the training mean: nothing is known before
    assert first[4, 1] == first[3, 1]


def test_encoding_is_on_demand_and_resumable(tmp_path: Path) -> None:
    data = ready(write(tmp_path), batch_size=16)
    stored = next(iter(data.train_dataloader()))
    assert stored.x.shape == (16,)  # first rows alone are moved about
    batch = data.on_after_batch_transfer(stored, 0)
    assert batch.x.shape == (16, 4, 2)
    assert batch.x.dtype == torch.float32
    torch.testing.assert_close(torch.cat([b.x for b in data.loader("test")]), data.inputs("test"))
    assert ready(tmp_path / "series.csv").table_fingerprint == data.table_fingerprint
    assert ready(tmp_path / "series.csv", length=5).table_fingerprint != data.table_fingerprint


@given(
    runs=st.lists(st.tuples(st.integers(1, 12), st.integers(0, 2)), min_size=1, max_size=8),
    span=st.integers(1, 6),
    stride=st.integers(1, 4),
)
def test_no_window_crosses(runs: list[tuple[int, int]], span: int, stride: int) -> None:
    entity = np.repeat(np.arange(len(runs)) // 2, [rows for rows, _ in runs])
    part = np.repeat([code for _, code in runs], [rows for rows, _ in runs])
    starts = window_starts(entity, part, span=span, stride=stride)
    expected, place = [], 0
    for row in range(len(entity)):  # by enumeration
        same = row > 0 and entity[row] == entity[row - 1] and part[row] == part[row - 1]
        place = place + 1 if same else 0
        rows = slice(row, row + span)
        one = len(entity[rows]) == span and len(set(entity[rows])) == len(set(part[rows])) == 1
        if place % stride == 0 and one:
            expected.append(row)
    assert starts.tolist() == expected


def test_filling_and_scaling_by_hand() -> None:
    nan = np.nan
    filled = forward_fill(np.array([nan, 1, nan, nan, nan, 2.0]), np.array([0, 0, 0, 1, 1, 1]))
    np.testing.assert_array_equal(filled, [nan, 1, 1, nan, nan, 2])
    values = np.array([[1.0, 5], [3, 5], [nan, 5], [9, 7]])
    scaled = standardise(values, np.array([True, True, True, False]))
    np.testing.assert_allclose(scaled, [[-1, 0], [1, 0], [0, 0], [7, 2]])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": {"by": "random"}}, "`split` is by random; windows overlap"),
        ({"split": {"folds": 3}}, "`split` is by stratified; windows overlap"),
        ({"length": 0}, "length is 0; expected at least 1"),
        ({"ahead": -1}, "ahead is -1; expected at least 0"),
        ({"missing": "drop"}, "missing is 'drop'; expected error or forward"),
        ({"length": 9}, r"split 'validate' has no window of 9 rows \(windows: train \d+, validate 0, test 0\)"),
        ({"entity": None}, "rows have the same time as the row before. Set `entity:`"),
        ({"entity": "sex"}, "rows of 'f' have the same time as the row before"),
        ({"time": "dya"}, r"`time` names 'dya', .*Did you mean 'day'\?"),
        ({"time": "who"}, "column 'who' has texts that are not ISO 8601 dates"),
        ({"features": ["sex"]}, "column 'sex' has text; expected numbers"),
        ({"bins": {"age": [3]}}, "`bins` names 'age', which is not in `sensitive`"),
    ],
)
def test_what_is_refused(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=f"data 'time_series_table': .*{message}"):
        ready(write(tmp_path), **options)
