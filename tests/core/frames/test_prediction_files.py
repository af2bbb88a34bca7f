"""Files of predictions into tables: streams, dictionaries, missing values, labels of any type, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq
import pytest
from glasshouse.data.raw_table import SensitiveColumn
from glasshouse.errors import UserError
from glasshouse.frames import PredictionColumns, files, tables_from_batches, tables_from_files
from glasshouse.statistics import GroupCounts, roc_auc


def columns(*sensitive: str, **roles: Any) -> PredictionColumns:
    declared = tuple(SensitiveColumn(name=name, column=name) for name in sensitive)
    return PredictionColumns(**{"prediction": "pred", **roles}, sensitive=declared)


def people(n: int = 200) -> pa.Table:
    rng = np.random.default_rng(0)
    return pa.table(
        {
            "sex": pa.array(rng.choice(["F", "M"], n), mask=np.arange(n) % 50 == 0),
            "age": rng.integers(18, 90, n),
            "y": rng.choice(["no", "yes"], n),
            "pred": rng.choice(["no", "yes"], n),
            "score": rng.random(n),
            "w": rng.integers(1, 4, n),
        }
    )


def by_hand(table: pa.Table, group: str) -> dict[tuple[str, str, str], int]:
    """Rows by group, target and prediction, counted one after another."""
    found: dict[tuple[str, str, str], int] = {}
    for row in table.to_pylist():
        key = (str(row[group] or "missing"), row["y"], row["pred"])
        found[key] = found.get(key, 0) + 1
    return found


def cells(counts: GroupCounts | None, group: str) -> dict[tuple[str, str, str], int]:
    assert counts is not None
    found = {}
    for levels, table in counts:
        for i, target in enumerate(counts.classes):
            for j, predicted in enumerate(counts.classes):
                if table[i, j]:
                    found[levels[group], target, predicted] = int(table[i, j])
    return found


def as_parquet(table: pa.Table, path: Path) -> Path:
    pq.write_table(table, path.with_suffix(".parquet"), row_group_size=37)
    return path.with_suffix(".parquet")


def as_csv(table: pa.Table, path: Path) -> Path:
    pcsv.write_csv(table, path.with_suffix(".csv"))
    return path.with_suffix(".csv")


@pytest.mark.parametrize("write", [as_parquet, as_csv])
def test_rows_are_counted_with_missing_values_as_a_level(
    tmp_path: Path, write: Callable[[pa.Table, Path], Path]
) -> None:
    table = people()
    tables = tables_from_files([write(table, tmp_path / "p")], columns("sex", target="y"))
    assert (tables.kind, tables.classes, len(tables)) == ("binary", ("no", "yes"), 200)
    assert cells(tables.counts, "sex") == by_hand(table, "sex")
    assert tables.counts is not None
    assert [group["sex"] for group in tables.counts.groups] == ["F", "M", "missing"]


def test_several_files_and_folders_are_one_whatever_their_order(tmp_path: Path) -> None:
    table = people()
    folder = tmp_path / "parts"
    folder.mkdir()
    first, second = as_parquet(table.slice(0, 50), folder / "b"), as_csv(table.slice(50, 30), folder / "a")
    third = as_parquet(table.slice(80), tmp_path / "c")
    asked = columns("sex", target="y", score="score")
    together = tables_from_files([folder, third], asked)
    backwards = tables_from_files([third, second, first], asked)
    assert cells(together.counts, "sex") == cells(backwards.counts, "sex") == by_hand(table, "sex")
    assert together.scores["yes"].roc_auc()[0].value == pytest.approx(backwards.scores["yes"].roc_auc()[0].value)


def test_row_groups_read_whole_or_in_batches_are_the_same_rows_in_the_same_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, asked = as_parquet(people(), tmp_path / "p"), columns("sex", target="y", score="score")
    whole = tables_from_files([path], asked)
    monkeypatch.setattr(files, "_MAX_ROW_GROUP", 10)
    batches = tables_from_files([path], asked)
    assert cells(whole.counts, "sex") == cells(batches.counts, "sex") == by_hand(people(), "sex")
    read = list(files._row_groups(lambda: pq.ParquetFile(path), 6, ["age"]))
    assert pa.Table.from_batches(read)["age"].to_pylist() == people()["age"].to_pylist()


def test_dictionaries_may_differ_between_row_groups(tmp_path: Path) -> None:
    schema = pa.schema({"g": pa.dictionary(pa.int32(), pa.string()), "pred": pa.int8()})
    path = tmp_path / "d.parquet"
    with pq.ParquetWriter(path, schema) as writer:
        for levels, codes in ((["a", "b"], [0, 1, 1]), (["b", "c"], [0, 0, 1]), (["c", "a", "unused"], [1, 1, 0])):
            column = pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), levels)
            writer.write_table(pa.table([column, pa.array([0, 1, 1], pa.int8())], schema=schema))
    tables = tables_from_files([path], columns("g"))
    assert tables.counts is not None
    assert [attribute.levels for attribute in tables.attributes] == [("a", "b", "c")]
    assert tables.counts.sizes.tolist() == [3, 4, 2]


def test_scores_give_the_areas_of_the_rows(tmp_path: Path) -> None:
    table = people(3_000)
    tables = tables_from_files([as_parquet(table, tmp_path / "p")], columns("sex", target="y", score="score"))
    histogram = tables.scores["yes"]
    y, s = np.array(table["y"]) == "yes", np.array(table["score"])
    for k, sex in enumerate(("F", "M", None)):
        rows = np.array([value == sex for value in table["sex"].to_pylist()])
        assert histogram.roc_auc()[k].value == pytest.approx(roc_auc(y[rows], s[rows]).value, abs=1e-4)


def test_crowded_scores_are_read_again_exactly(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    table = pa.table({"y": rng.integers(0, 2, 900), "s": 0.3 + rng.random(900) * 1e-6})
    tables = tables_from_files([as_parquet(table, tmp_path / "p")], columns(prediction="s", target="y", threshold=0.3))
    assert tables.scores["1"].exact
    expected = roc_auc(np.array(table["y"]), np.array(table["s"])).value
    assert tables.scores["1"].roc_auc()[0].value == pytest.approx(expected, abs=1e-12)


def test_more_scores_than_memory_allows_are_read_again_as_finely_as_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    table = pa.table({"y": rng.integers(0, 2, 60_000), "s": 0.3 + rng.random(60_000) * 1e-6})
    asked = columns(prediction="s", target="y", threshold=0.3)
    usual = tables_from_batches(table.to_batches(), asked).scores["1"]
    monkeypatch.setattr("glasshouse.frames.tally.MAX_FINE_BINS", 20_000)
    found = tables_from_files([as_parquet(table, tmp_path / "p")], asked).scores["1"]
    assert usual.roc_auc_error()[0] > 0.1
    assert 0 < found.shift < usual.shift
    assert 5_000 < len(found.occupied) <= 20_000
    assert found.roc_auc_error()[0] < 1e-4
    expected = roc_auc(np.array(table["y"]), np.array(table["s"])).value
    assert found.roc_auc()[0].value == pytest.approx(expected, abs=found.roc_auc_error()[0])


def test_many_groups_of_scores_are_sorted_where_a_table_would_be_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    n = 4_000
    table = pa.table({"y": rng.integers(0, 2, n), "s": rng.random(n), "g": np.arange(n) // 100})
    asked = columns("g", prediction="s", target="y", threshold=0.5)
    expected = tables_from_batches(table.to_batches(max_chunksize=500), asked).scores["1"]
    monkeypatch.setattr("glasshouse.frames.reading.MAX_SLOTS", 200_000)  # room for the first of the batches alone
    found = tables_from_batches(table.to_batches(max_chunksize=500), asked).scores["1"]
    for name in ("group", "number", "rows", "low", "high"):
        np.testing.assert_array_equal(getattr(found.occupied, name), getattr(expected.occupied, name))


def test_weights_are_summed(tmp_path: Path) -> None:
    table = people()
    tables = tables_from_files([as_parquet(table, tmp_path / "p")], columns("sex", target="y", weights="w"))
    assert tables.weighted
    assert tables.counts is not None
    assert tables.counts.cells.sum() == np.sum(table["w"])
    assert tables.counts.squares.sum() == np.sum(np.square(table["w"]))
    assert tables.counts.rows.sum() == 200


@pytest.mark.parametrize(
    ("target", "predicted", "classes"),
    [
        ([0, 1, 1], [1.0, 1.0, 0.0], ("0", "1")),
        ([False, True, True], [True, True, False], ("false", "true")),
        (["no", "yes", "yes"], ["yes", "yes", "no"], ("no", "yes")),
        ([1, 1, 1], [1, 1, 1], ("0", "1")),
        (["10", "9", "11"], ["9", "9", "9"], ("9", "10", "11")),
    ],
)
def test_labels_of_any_type(target: list[Any], predicted: list[Any], classes: tuple[str, ...]) -> None:
    batches = pa.table({"y": target, "pred": predicted}).to_batches()
    assert tables_from_batches(batches, columns(target="y")).classes == classes


def test_the_favourable_class_of_two_comes_second() -> None:
    batches = pa.table({"pred": ["reject", "hire", "hire"]}).to_batches()
    tables = tables_from_batches(batches, columns(favourable="hire"))
    assert (tables.classes, tables.positive, tables.has_targets) == (("reject", "hire"), 1, False)
    tables = tables_from_batches(batches, columns(favourable="reject"))
    assert tables.classes == ("hire", "reject")


def test_a_threshold_decides_from_the_score() -> None:
    batches = pa.table({"p": [0.2, 0.5, 0.9], "y": ["b", "a", "b"]}).to_batches()
    tables = tables_from_batches(batches, columns(prediction="p", target="y", threshold=0.5, favourable="b"))
    assert tables.counts is not None
    assert tables.counts.classes == ("a", "b")
    assert tables.counts.cells[0].tolist() == [[0, 1], [1, 1]]
    alone = tables_from_batches(batches, columns(prediction="p", threshold=0.5))
    assert alone.counts is not None
    assert alone.counts.cells[0].tolist() == [[1, 2]]


def test_numbers_with_edges_are_binned() -> None:
    batches = pa.table({"age": [10, 40, 59.5, 60, None], "pred": [1, 0, 1, 1, 0]}).to_batches()
    asked = PredictionColumns(prediction="pred", sensitive=(SensitiveColumn(name="age", column="age", edges=(40, 60)),))
    counts = tables_from_batches(batches, asked).counts
    assert counts is not None
    assert [group["age"] for group in counts.groups] == ["under 40", "40 to under 60", "60 and over", "missing"]
    assert counts.sizes.tolist() == [1, 2, 1, 1]


def test_numbers_are_a_regression() -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(size=300)
    table = pa.table({"y": y, "pred": y + 1, "g": np.arange(300) % 2})
    tables = tables_from_batches(table.to_batches(max_chunksize=70), columns("g", target="y"))
    assert tables.kind == "regression"
    assert tables.sums is not None
    assert [round(estimate.value or 0, 9) for estimate in tables.sums.mean_error()] == [1, 1]
    assert tables.errors is not None
    assert tables.errors.sizes.tolist() == [150, 150]


def test_rows_without_a_prediction_are_left_out_and_counted() -> None:
    table = pa.table({"y": [0, 1, None, 1], "pred": [0, None, 1, 1]})
    tables = tables_from_batches(table.to_batches(), columns(target="y"))
    assert len(tables) == 2
    assert tables.left_out == {"no prediction": 1, "no target": 1}


@pytest.mark.parametrize(
    ("table", "roles", "message"),
    [
        ({"pred": [0, 1]}, {"target": "label"}, "there is no column 'label'"),
        (
            {"pred": [0, 1], "s": ["x", "y"]},
            {"score": "s"},
            "column 's', row 1: 'x' is not a number, which --score needs",
        ),
        ({"pred": [0, 1], "s": [0.5, 3.0]}, {"score": "s"}, "expected probabilities from 0 to 1, found 3"),
        ({"pred": [0, 1], "w": [1.0, -1.0]}, {"weights": "w"}, "expected weights of 0 or more, found -1"),
        ({"pred": [0, 1], "w": [1.0, None]}, {"weights": "w"}, "expected a weight for every row"),
        ({"pred": [0, 1]}, {"favourable": "2"}, "no row has the class '2'"),
        (
            {"pred": [0.1, 0.7], "y": ["a", "b"]},
            {"target": "y"},
            "contains numbers while the target 'y' contains classes",
        ),
        ({"pred": [0.1, 0.7], "y": [0, 1]}, {"target": "y"}, "--threshold 0.5"),
        ({"pred": ["a", "b"]}, {"threshold": 0.5}, "row 1: 'a' is not a number, which --threshold needs"),
        ({"pred": [0, 1], "y": [None, None]}, {"target": "y"}, "have no row to audit .2 with no target"),
        ({"pred": [[1], [2]]}, {}, "expected text, numbers or true/false"),
    ],
)
def test_what_does_not_fit_is_said(table: dict[str, Any], roles: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        tables_from_batches(pa.table(table).to_batches(), columns(**roles))


def test_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    good = as_parquet(people(), tmp_path / "good")
    other = as_parquet(pa.table({"pred": [0, 1]}), tmp_path / "numbers")
    (tmp_path / "text.parquet").write_text("no parquet")
    (tmp_path / "empty").mkdir()
    for path, message in (
        (tmp_path / "gone.csv", "no file"),
        (tmp_path / "empty", "contains no CSV, Parquet or Arrow file"),
        (other, "contains int64; expected string, as in"),
        (tmp_path / "text.parquet", "cannot be read"),
    ):
        with pytest.raises(UserError, match=message):
            tables_from_files([good, path], columns())


def test_too_many_levels_are_no_groups() -> None:
    table = pa.table({"id": np.arange(20_000), "pred": np.arange(20_000) % 2})
    with pytest.raises(UserError, match="more than 10,000 different values"):
        tables_from_batches(table.to_batches(), columns("id"))
