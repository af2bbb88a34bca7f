"""Values of files and frames are read as they are written, or refused by name."""

from __future__ import annotations

import csv as lines
import gzip
import json
import tempfile
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from glasshouse import audit_predictions
from glasshouse.data.csv_files import MISSING_WORDS
from glasshouse.data.raw_table import SensitiveColumn
from glasshouse.errors import UserError
from glasshouse.frames import PredictionColumns, tables_from_files, tables_from_frame
from hypothesis import given
from hypothesis import strategies as st

ID = 9_007_199_254_740_993
"""2^53 + 1, the first integer that float64 rounds to another one."""


def columns(*sensitive: str, edges: tuple[float, ...] = (), **roles: Any) -> PredictionColumns:
    declared = tuple(SensitiveColumn(name=name, column=name, edges=edges) for name in sensitive)
    return PredictionColumns(**{"prediction": "d", **roles}, sensitive=declared)


def csv(folder: Path, text: str, name: str = "p.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def sizes(tables: Any) -> dict[str, int]:
    """Rows by level of the only attribute."""
    return {next(iter(g.values())): int(n) for g, n in zip(tables.counts.groups, tables.counts.sizes, strict=True) if n}


def test_codes_that_look_like_numbers_stay_the_text_of_the_file(tmp_path: Path) -> None:
    path = csv(tmp_path, f"d,zip,id,v\n1,01,{ID},1.10\n0,1,{ID + 1},1.1\n1,001,{ID},1.10\n")
    assert sizes(tables_from_files([path], columns("zip"))) == {"001": 1, "01": 1, "1": 1}
    assert sizes(tables_from_files([path], columns("id"))) == {str(ID): 2, str(ID + 1): 1}
    assert sizes(tables_from_files([path], columns("v"))) == {"1.10": 2, "1.1": 1}
    clustered = tables_from_files([path], columns(clusters="id"))
    assert list(clustered.counts.clusters) == [str(ID), str(ID + 1)]  # type: ignore[union-attr]


def test_classes_with_zeros_in_front_are_not_merged(tmp_path: Path) -> None:
    path = csv(tmp_path, "y,d\n01,01\n1,1\n1,01\n")
    assert tables_from_files([path], columns(target="y")).classes == ("01", "1")


@pytest.mark.parametrize("late", ["90+", "7b", "n.s."])
def test_text_after_many_numbers_is_a_level_like_any_other(tmp_path: Path, late: str) -> None:
    rows = [f"{k % 2},{k % 9}" for k in range(200_000)]  # several blocks of the reader
    path = csv(tmp_path, "\n".join(["d,g", *rows, f"1,{late}", "0,"]) + "\n")
    found = sizes(tables_from_files([path], columns("g")))
    assert (found[late], found["missing"], found["0"], len(found)) == (1, 1, 22_223, 11)


def test_a_column_that_is_empty_at_first_and_files_of_different_types(tmp_path: Path) -> None:
    first = csv(tmp_path, "d,g\n" + "1,\n" * 150_000 + "0,b\n", "a.csv")
    assert sizes(tables_from_files([first], columns("g"))) == {"b": 1, "missing": 150_000}
    second = csv(tmp_path, "d,g\n1,7\n", "b.csv")
    third = csv(tmp_path, "g,d\n7b,1\n", "c.csv")
    assert sizes(tables_from_files([second, third], columns("g"))) == {"7": 1, "7b": 1}


def test_text_where_numbers_are_needed_is_refused_by_column_row_value_and_option(tmp_path: Path) -> None:
    rows = [f"{k % 2},{k % 90},0.5" for k in range(150_000)]
    path = csv(tmp_path, "\n".join(["d,age,p", *rows, "1,90+,0.5", '1,30,"0,5"']) + "\n")
    with pytest.raises(UserError) as error:
        tables_from_files([path], columns("age", edges=(40, 60)))
    assert f"{error.value}" == (
        f"{path}: column 'age', row 150,001: '90+' is not a number, which --sensitive needs. Correct it, or compare "
        "the values as they are: --sensitive age."
    )
    with pytest.raises(UserError, match=r"column 'p', row 150,002: '0,5' is not a number, which --score .* 12345.67"):
        tables_from_files([path], columns(score="p"))


@pytest.mark.parametrize(("name", "separator"), [("p.csv", ";"), ("p.csv", "\t"), ("p.tsv", "\t"), ("p.csv", "|")])
def test_dialects_of_csv(tmp_path: Path, name: str, separator: str) -> None:
    lines = ["\ufeffd,sex,p", "1,F,0.7", '0,"M",0.2', "1,NA,0.9"]
    path = csv(tmp_path, "\r\n".join(line.replace(",", separator) for line in lines) + "\r\n", name)
    tables = tables_from_files([path], columns("sex", score="p"))
    assert sizes(tables) == {"F": 1, "M": 1, "missing": 1}


def test_compressed_and_arrow_files(tmp_path: Path) -> None:
    table = pa.table({"d": [1, 0, 1], "sex": ["F", "M", None], "other": [[1], [2], [3]]})
    (tmp_path / "p.csv.gz").write_bytes(gzip.compress(b"d,sex\n1,F\n0,M\n1,\n"))
    pyarrow.feather.write_feather(table.drop_columns("other"), tmp_path / "p.feather")
    with pa.OSFile(str(tmp_path / "p.arrow"), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    for name in ("p.csv.gz", "p.feather", "p.arrow"):
        assert sizes(tables_from_files([tmp_path / name], columns("sex"))) == {"F": 1, "M": 1, "missing": 1}


def test_columns_in_the_names_of_folders(tmp_path: Path) -> None:
    table = pa.table({"d": [1, 0, 1, 1], "sex": ["F", "M", None, "F"], "age": [30, 50, 30, 50]})
    pq.write_to_dataset(table, tmp_path / "people", partition_cols=["sex", "age"])
    assert sizes(tables_from_files([tmp_path / "people"], columns("sex"))) == {"F": 2, "M": 1, "missing": 1}
    ages = tables_from_files([tmp_path / "people"], columns("age", edges=(40,)))
    assert sizes(ages) == {"under 40": 2, "40 and over": 2}
    with pytest.raises(UserError, match=r"there is no column 'sexes'. Did you mean 'sex'"):
        tables_from_files([tmp_path / "people"], columns("sexes"))


def test_repeated_columns_matter_only_where_they_are_used(tmp_path: Path) -> None:
    path = csv(tmp_path, "a,a,d,sex\n1,2,1,F\n1,2,0,M\n")
    assert sizes(tables_from_files([path], columns("sex"))) == {"F": 1, "M": 1}
    with pytest.raises(UserError, match=r"has 2 columns called 'a'. Rename all but one."):
        tables_from_files([path], columns("a"))
    frame = pd.DataFrame([[1, 2, 1, "F"], [1, 2, 0, "M"]], columns=["a", "a", "d", "sex"])
    assert sizes(tables_from_frame(frame, columns("sex"))) == {"F": 1, "M": 1}
    with pytest.raises(UserError, match="has 2 columns called 'a'"):
        tables_from_frame(frame, columns("a"))


def test_other_encodings_are_refused_by_name(tmp_path: Path) -> None:
    for name, content in (
        ("p.csv", "d,sex\n1,männlich\n".encode("latin-1")),
        ("q.csv", "d,sex\n1,F\n".encode("utf-16")),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=f"{name}: is not UTF-8 text. Convert it, e.g. `iconv"):
            tables_from_files([tmp_path / name], columns("sex"))


def test_names_of_intervals_periods_bytes_and_categories_and_their_order() -> None:
    ages = pd.Series([5, 120, 45, 31, 7, np.nan])
    values = {
        "cut": pd.cut(ages, [0, 30, 60, 200]),
        "quantile": pd.qcut(ages, 2),
        "month": pd.period_range("2023-11", periods=6, freq="M"),
        "bytes": [b"F", b"M", b"F", b"F", b"M", None],
        "size": pd.Categorical(
            ["small", "large", "middle", "small", "large", None], ["small", "middle", "large"], True
        ),
        "day": pd.to_datetime(["2020-01-02"] * 5 + [None]),
    }
    frame = pd.DataFrame({**values, "d": [0, 1, 1, 0, 1, 1]})
    expected = {
        "cut": {"(0, 30]": 2, "(30, 60]": 2, "(60, 200]": 1, "missing": 1},
        "quantile": {"(4.999, 31.0]": 3, "(31.0, 120.0]": 2, "missing": 1},
        "month": {f"2023-{11 + k}" if k < 2 else f"2024-0{k - 1}": 1 for k in range(6)},
        "bytes": {"F": 3, "M": 2, "missing": 1},
        "size": {"small": 2, "middle": 1, "large": 2, "missing": 1},
        "day": {"2020-01-02 00:00:00": 5, "missing": 1},
    }
    for name, levels in expected.items():
        found = sizes(tables_from_frame(frame, columns(name)))
        assert list(found.items()) == list(levels.items()), name


def test_decimals_object_columns_sparse_ones_and_numbers_as_text_are_read() -> None:
    given = [0.25, 0.5, 0.75, 1.0]
    expected = tables_from_frame(pd.DataFrame({"d": [0, 1, 1, 0], "p": given}), columns(score="p")).scores["1"]
    for values in (
        [Decimal(str(value)) for value in given],
        pd.Series(given, dtype=object),
        [str(value) for value in given],
        pd.Series([0.25, "0.5", Decimal("0.75"), 1], dtype=object),
    ):
        frame = pd.DataFrame({"d": pd.arrays.SparseArray([0, 1, 1, 0]), "p": values})
        found = tables_from_frame(frame, columns(score="p")).scores["1"]
        np.testing.assert_array_equal(found.occupied.low, expected.occupied.low)
    with pytest.raises(
        UserError, match=r"column 'w', row 3: '12,345.67' is not a number, which --weights needs. Write num"
    ):
        tables_from_frame(pd.DataFrame({"d": [0, None, 1], "w": ["1", "2", "12,345.67"]}), columns(weights="w"))


def test_objects_of_several_types_are_named_one_by_one() -> None:
    frame = pd.DataFrame({"d": [1, 0, 1, 1, 0], "g": [7, "7b", 7.0, True, None], 3: ["a", "b", "a", "a", "b"]})
    assert sizes(tables_from_frame(frame, columns("g"))) == {"7": 2, "7b": 1, "true": 1, "missing": 1}
    assert sizes(tables_from_frame(frame, columns("3"))) == {"a": 3, "b": 2}  # a column whose name is a number


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame({"d": [1, 0], "g": [[1], [2]]}), "column 'g': contains list<item: int64>; expected text"),
        (pd.DataFrame({"d": [1, 0], "g": [1j, 2]}), "column 'g': contains complex128; expected text"),
        (pd.DataFrame({"d": [1, 0], "g": [b"\xff", b"a"]}), "column 'g': contains bytes that are not UTF-8 text"),
        (pd.DataFrame({("d", "x"): [1], ("g", "x"): [1]}), "frame: its columns have names of several levels"),
        (pd.DataFrame({"d": [1, 0]}), "frame: there is no column 'g'"),
        ({"d": [1, 0], "g": [1, 0]}, "frame: expected a frame or paths of files, received dict"),
    ],
)
def test_what_has_no_name_is_refused(frame: Any, message: str) -> None:
    with pytest.raises(UserError, match=message.replace("(", "[(]")):
        tables_from_frame(frame, columns("g"))


@pytest.mark.parametrize("absent", [False, True])
def test_a_level_that_is_called_missing_is_none_of_the_rows_without_a_value(tmp_path: Path, absent: bool) -> None:
    levels = ["missing", "a", None if absent else "a", "b"]
    frame = pd.DataFrame({"d": [1, 0, 1, 1] * 30, "y": [1, 0, 0, 1] * 30, "g": levels * 30})
    tables = tables_from_frame(frame, columns("g", target="y"))
    assert sizes(tables) == {'"missing"': 30, "a": 30 if absent else 60, "b": 30} | ({"missing": 30} if absent else {})
    record = audit_predictions(frame, prediction="d", target="y", sensitive="g", favourable=1, run_dir=tmp_path)
    written = json.loads((record.folder / "record.json").read_text())
    assert [audit["status"] for audit in written["audits"] if audit["name"] == "fairness"] == ["completed"]
    assert record.measurement("selection_rate", g='"missing"').value == 1
    assert written["run"]["data"]["sensitive"][0]["levels"] == ["a", "b", '"missing"']


@pytest.mark.parametrize("source", ["csv", "parquet", "pandas", "lazy"])
def test_numbers_after_many_rows_that_look_like_classes_are_numbers(tmp_path: Path, source: str) -> None:
    n = 200_000  # more than any block that is looked at first
    frame = pd.DataFrame({"d": np.arange(n) % 5, "y": np.arange(n) % 4}).astype(float)
    frame.loc[n - 1, ["d", "y"]] = 2.5, 1.25
    frame.to_csv(tmp_path / "p.csv", index=False)
    frame.to_parquet(tmp_path / "p.parquet", row_group_size=20_000)
    asked = columns(target="y")
    found = {
        "csv": lambda: tables_from_files([tmp_path / "p.csv"], asked),
        "parquet": lambda: tables_from_files([tmp_path / "p.parquet"], asked),
        "pandas": lambda: tables_from_frame(frame, asked),
        "lazy": lambda: tables_from_frame(pl.from_pandas(frame).lazy(), asked),
    }[source]()
    assert found.kind == "regression"
    assert found.sums.mean_error()[0].value == pytest.approx(float((frame["d"] - frame["y"]).mean()))  # type: ignore[union-attr]


def test_classes_with_scores_that_turn_out_to_be_numbers_are_asked(tmp_path: Path) -> None:
    path = csv(tmp_path, "d,y,p\n" + "1,0,0.5\n" * 150_000 + "2.5,1,0.5\n")
    with pytest.raises(UserError, match="has whole numbers in its first rows and other numbers later: classes or num"):
        tables_from_files([path], columns(target="y", score="p"))


@pytest.mark.parametrize("lazy", [False, True])
def test_an_enum_of_polars_keeps_its_order(lazy: bool) -> None:
    sizes_in_order = pl.Enum(["small", "middle", "large"])
    frame = pl.DataFrame({"d": [0, 1, 1], "g": pl.Series(["large", "small", "middle"], dtype=sizes_in_order)})
    found = tables_from_frame(frame.lazy() if lazy else frame, columns("g"))
    assert list(sizes(found)) == ["small", "middle", "large"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty; expected a header"),
        (b"\n\n", "is empty; expected a header"),
        (b"d,sex\n", "have no rows"),
        (b"d,sex\n1,F\n1\n", "cannot be read: .*Expected 2 columns, got 1"),
        (b"d" * 200_000 + b",sex\n1,F\n", "has no header: field larger than field limit"),
        (b"d,sex\0\n1,F\n", "is not UTF-8 text"),
    ],
)
def test_files_that_are_no_tables(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "p.csv").write_bytes(content)
    with pytest.raises(UserError, match=message):
        tables_from_files([tmp_path / "p.csv"], columns("sex"))


def test_null_among_the_values_of_a_dictionary_is_missing() -> None:
    """Arrow allows it, and then counts no null among the rows."""
    decisions = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, 0], pa.int8()), pa.array(["no", None, "yes"]))
    assert decisions.null_count == 0
    table = pa.table({"d": decisions, "g": decisions, "y": ["no", "no", "yes", "no"]})
    found = tables_from_frame(table, columns("g", target="y"))
    assert found.left_out == {"no prediction": 1}
    assert found.counts.cells.sum(axis=0).tolist() == [[2, 0], [0, 1]]  # type: ignore[union-attr]
    whole = tables_from_frame(table, columns("g", prediction="y"))
    assert sizes(whole) == {"no": 2, "yes": 1, "missing": 1}


words = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=6
).filter(lambda word: word not in MISSING_WORDS)


@given(st.lists(words, min_size=1, max_size=30), st.sampled_from(",;\t|"))
def test_groups_are_the_cells_of_the_file_whatever_they_are(cells: list[str], delimiter: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = lines.writer(file, delimiter=delimiter)
            writer.writerows([["d", "g"], *([k % 2, cell] for k, cell in enumerate(cells))])
        found = sizes(tables_from_files([path], columns("g")))
    expected = Counter('"missing"' if cell == "missing" else cell for cell in cells)
    assert found == expected
