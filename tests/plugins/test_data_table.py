from __future__ import annotations

import contextlib
import datetime
import gzip
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from glasshouse import UserError
from glasshouse_plugins.data.table import Table
from pyarrow import feather


def people(rows: int = 60) -> pd.DataFrame:
    i = np.arange(rows)
    return pd.DataFrame(
        {
            "points": 2 * i,
            "age": 20 + i % 50,
            "zip": np.array(["01234", "56789"])[i % 2],
            "member": i % 3 == 0,
            "sex": np.array(["f", "m"])[i // 2 % 2],
            "loan": np.array(["denied", "granted"])[i % 4 // 2],
        }
    )


@pytest.fixture
def csv(tmp_path: Path) -> str:
    people().to_csv(tmp_path / "people.csv", index=False)
    return str(tmp_path / "people.csv")


def ready(path: str, target: str = "loan", **options: Any) -> Table:
    data = Table(path, target, **options)
    data.setup()
    return data


def test_a_csv_file_with_nothing_but_a_target(csv: str) -> None:
    info = ready(csv).info
    assert [(f.name, f.kind, f.categories) for f in info.features] == [
        ("points", "numeric", ()),
        ("age", "numeric", ()),
        ("zip", "categorical", ("01234", "56789")),
        ("member", "categorical", ("false", "true")),
        ("sex", "categorical", ("f", "m")),
    ]
    assert (info.target.kind, info.target.classes) == ("binary", ("denied", "granted"))
    assert (info.sensitive, info.source) == ((), "people.csv")


def test_every_option(csv: str) -> None:
    data = ready(
        csv,
        drop=["points", "sex"],
        sensitive=["sex", "age"],
        bins={"age": [40]},
        types={"zip": "categorical"},
        favourable="granted",
        immutable=["age"],
    )
    info = data.info
    assert [(f.name, f.categories, f.immutable) for f in info.features] == [
        ("age", (), True),
        ("zip", ("01234", "56789"), False),
        ("member", ("false", "true"), False),
    ]
    assert [(s.name, s.levels, s.seen_by_model) for s in info.sensitive] == [
        ("sex", ("f", "m"), False),
        ("age", ("under 40", "40 and over"), True),
    ]
    assert info.target.favourable == "granted"


def test_all_formats_say_the_same(tmp_path: Path, csv: str) -> None:
    table = people()
    options: dict[str, Any] = {"types": {"zip": "categorical"}, "sensitive": ["sex"]}
    expected = ready(csv, **options)
    table.to_parquet(tmp_path / "people.parquet", row_group_size=7)
    table.assign(sex=table["sex"].astype("category")).to_parquet(tmp_path / "coded.parquet", row_group_size=7)
    table.to_csv(tmp_path / "people.tsv", sep="\t", index=False)
    table.to_csv(tmp_path / "semicolon.csv", sep=";", index=False)
    with gzip.open(tmp_path / "people.csv.gz", "wt") as file:
        table.to_csv(file, index=False)
    feather.write_feather(table, str(tmp_path / "people.feather"), compression="zstd")
    arrow = pa.Table.from_pandas(table.assign(sex=table["sex"].astype("category")), preserve_index=False)
    with pa.OSFile(str(tmp_path / "people.arrow"), "wb") as file, pa.ipc.new_file(file, arrow.schema) as writer:
        writer.write_table(arrow, max_chunksize=7)
    for name in (
        *("people.parquet", "coded.parquet", "people.tsv", "semicolon.csv", "people.csv.gz", "people.feather"),
        "people.arrow",
    ):
        data = ready(str(tmp_path / name), delimiter=";" if name == "semicolon.csv" else None, **options)
        assert data.table_fingerprint == expected.table_fingerprint, name
        assert torch.equal(data.inputs("train"), expected.inputs("train")), name


def test_parquet_types_can_be_overridden(tmp_path: Path) -> None:
    people().assign(text=[str(i) for i in range(60)]).to_parquet(tmp_path / "t.parquet")
    info = ready(str(tmp_path / "t.parquet"), features=["text", "member", "age"], types={"text": "numeric"}).info
    assert {f.name: f.kind for f in info.features} == {"text": "numeric", "age": "numeric", "member": "categorical"}


def test_multiclass_and_regression_are_inferred_and_overridable(csv: str) -> None:
    assert ready(csv, "age").info.target.kind == "regression"
    assert ready(csv, "points", task="multiclass").info.sizes["num_classes"] == 60
    assert ready(csv, "member", favourable="true").info.target.classes == ("False", "True")


def test_a_split_column_is_followed_and_is_no_feature(tmp_path: Path) -> None:
    table = people()
    table["part"] = ["train", "train", "train", "train", "validate", "test"] * 10
    table.to_csv(tmp_path / "t.csv", index=False)
    data = ready(str(tmp_path / "t.csv"), features=["points"], split="part")
    assert data.info.rows == {"train": 40, "validate": 10, "test": 10}
    ids = data.inputs("test")[:, 0]
    assert torch.allclose(ids.diff(), ids.diff()[0], atol=1e-5)  # every sixth row: equal steps
    assert "part" not in [f.name for f in ready(str(tmp_path / "t.csv"), split="part").info.features]


def test_missing_values_in_files(tmp_path: Path) -> None:
    path = tmp_path / "gaps.csv"
    table = people().astype({"age": object, "sex": object})
    table.loc[::10, "age"] = "NA"
    table.loc[::20, "sex"] = "?"
    table.to_csv(path, index=False)
    with pytest.raises(
        UserError, match=r"data 'table': column 'age' is missing \(NaN\) in 6 of 60 rows. Set `missing:"
    ):
        ready(str(path))
    imputed = ready(str(path), missing="impute", sensitive=["sex"])
    assert imputed.info.features[-1].categories == ("f", "m", "missing")
    assert imputed.info.sensitive[0].levels == ("f", "m")
    assert sum(int((imputed.loader(s).rows.sensitive == -1).sum()) for s in imputed.info.rows) == 3
    assert sum(ready(str(path), missing="drop").info.rows.values()) == 54


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "lone"}, r"`target` names 'lone', which is not a column of .*people.csv. Did you mean 'loan'\?"),
        ({"features": ["ages"]}, r"`features` names 'ages', .*Did you mean 'age'\?"),
        ({"drop": ["x9"]}, r"`drop` names 'x9', .*Known: age, loan, member, points, sex, zip\."),
        ({"sensitive": ["race"]}, "`sensitive` names 'race'"),
        ({"sensitive": ["points"]}, r"the sensitive attribute 'points' has 60 levels; expected at most 50. Bin it"),
        ({"bins": {"age": [30]}}, "`bins` names 'age', which is not in `sensitive`"),
        ({"types": {"agee": "numeric"}}, r"`types` names 'agee', .*Did you mean 'age'\?"),
        ({"types": {"age": "number"}}, "type of column 'age' is 'number'; expected one of numeric, categorical"),
        ({"types": {"sex": "numeric"}}, "column 'sex', row 1: 'f' is not a number. Correct it, "),
        ({"split": "part"}, "`split` names 'part'"),
        ({"immutable": ["part"]}, "`immutable` names 'part'"),
        ({"favourable": "maybe"}, "the favourable class 'maybe' is not a class of 'loan'"),
    ],
)
def test_columns_that_do_not_fit(csv: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=f"data 'table': .*{message}"):
        ready(csv, **options)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("gone.csv", None, r"there is no file .*gone.csv. Relative paths start"),
        ("t.xlsx", "", "t.xlsx is not a supported table; expected a name that ends in .csv"),
        ("t.csv", "", "t.csv is empty; expected a header"),
        ("t.csv", "a,loan\n1,2\n1,2,3\n", "t.csv cannot be read: .*Expected 2 columns, got 3"),
        ("t.csv", "a,a,loan\n1,2,3\n", "has several columns called 'a'"),
        ("t.csv", "a,loan\n", "column 'a' contains null|the table has no rows"),
        ("t.parquet", "not parquet", "t.parquet cannot be read: "),
        ("t.arrow", "not arrow", "t.arrow cannot be read: "),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, name: str, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=message):
        ready(str(tmp_path / name))


ID = 9_007_199_254_740_993
"""2^53 + 1, which float64 rounds to 2^53."""


def coded_people(rows: int = 60) -> pd.DataFrame:
    i = np.arange(rows)
    return people().assign(
        version=np.array(["1.10", "1.1", "2"])[i % 3], id=ID + i % 2, region=np.array(["01", "1", "001"])[i // 4 % 3]
    )


def test_codes_that_look_like_numbers_are_categories_and_the_record_says_so(tmp_path: Path) -> None:
    coded_people().to_csv(tmp_path / "p.csv", index=False)
    data = ready(str(tmp_path / "p.csv"), features=["points", "zip", "id", "region"], sensitive=["version", "region"])
    assert {f.name: f.categories for f in data.info.features} == {
        "points": (),
        "zip": ("01234", "56789"),
        "id": (str(ID), str(ID + 1)),
        "region": ("001", "01", "1"),
    }
    assert [s.levels for s in data.info.sensitive] == [("1.1", "1.10", "2"), ("001", "01", "1")]
    said = "Column 'zip' has codes with leading zeros and is read as categories. For numbers: `types: {zip: numeric}`."
    assert said in data.info.notes
    assert said in data.notes
    assert any(note.startswith("Column 'id' has integers beyond 2^53") for note in data.info.notes)
    as_numbers = ready(str(tmp_path / "p.csv"), features=["zip"], types={"zip": "numeric"})
    assert as_numbers.info.features[0].kind == "numeric"
    assert not as_numbers.info.notes


def test_classes_and_clusters_are_the_text_of_the_file(tmp_path: Path) -> None:
    coded_people().to_csv(tmp_path / "p.csv", index=False)
    path = str(tmp_path / "p.csv")
    assert ready(path, "region", features=["points"]).info.target.classes == ("001", "01", "1")
    assert ready(path, "version", features=["points"], task="multiclass").info.target.classes == ("1.1", "1.10", "2")
    clusters = ready(path, features=["points"], clusters="id").row_clusters("train")
    assert clusters is not None
    assert len(np.unique(clusters)) == 2


def test_large_integers_stay_apart_in_typed_files_and_databases(tmp_path: Path) -> None:
    table = coded_people()
    table.to_parquet(tmp_path / "p.parquet")
    with contextlib.closing(sqlite3.connect(tmp_path / "p.db")) as connection:
        table.to_sql("people", connection, index=False)
    url = f"sqlite:///{tmp_path / 'p.db'}"
    for path, query in ((str(tmp_path / "p.parquet"), None), (url, "select * from people")):
        info = ready(path, features=["points", "id"], sensitive=["id"], clusters="id", query=query).info
        assert info.sensitive[0].levels == info.features[1].categories == (str(ID), str(ID + 1))
        assert "Column 'id' has integers beyond 2^53" in info.notes[0]


def test_values_of_several_types_in_a_database_are_text(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "p.db")) as connection:
        connection.execute("create table people (age, sex, loan)")
        rows = [(age, "fm"[k % 2], k // 2 % 2) for k, age in enumerate([30, "90+", 41.5, None, 50, 60] * 10)]
        connection.executemany("insert into people values (?, ?, ?)", rows)
        connection.commit()
    url = f"sqlite:///{tmp_path / 'p.db'}"
    info = ready(url, query="select * from people").info
    assert info.features[0].categories == ("30", "41.5", "50", "60", "90+", "missing")
    with pytest.raises(UserError, match=r"column 'age', row 2: '90\+' is not a number"):
        ready(url, query="select * from people", types={"age": "numeric"})


@pytest.mark.parametrize("favourable", [True, "true", "yes", 1, "True"])
def test_the_favourable_class_may_be_written_as_yaml_reads_it(csv: str, favourable: Any) -> None:
    assert ready(csv, "member", favourable=favourable).info.target.favourable == "True"


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        ([[1], [2]], {"types": {"x": "numeric"}}, "column 'x' contains list<.*>; `types: {x: numeric}` needs numbers"),
        ([[1], [2]], {"types": {"x": "categorical"}}, "column 'x': contains list<.*>; expected text, numbers"),
        ([[1], [2]], {"features": ["points"], "split": {"by": "group", "column": "x"}}, "column 'x': contains list"),
        ([datetime.date(2020, 1, 1)] * 2, {"types": {"x": "numeric"}}, "column 'x' contains date32"),
        ([b"1", b"\xff"], {"types": {"x": "categorical"}}, "column 'x': contains bytes that are not UTF-8 text"),
    ],
)
def test_types_that_have_no_numbers_or_names_are_refused(
    tmp_path: Path, values: list[Any], options: dict[str, Any], message: str
) -> None:
    people().assign(x=values * 30).to_parquet(tmp_path / "p.parquet")
    with pytest.raises(UserError, match=message):
        ready(str(tmp_path / "p.parquet"), **options)


def test_values_of_any_type_with_a_name_may_be_categories_and_groups_of_a_split(tmp_path: Path) -> None:
    months = pd.period_range("2020-01", periods=60, freq="M")
    table = people().assign(
        month=months, half=np.array([0.5, 1.0], dtype="float16")[np.arange(60) % 2], when=months.start_time
    )
    table.to_parquet(tmp_path / "p.parquet")
    path = str(tmp_path / "p.parquet")
    info = ready(path, features=["half", "when"], types=dict.fromkeys(["half", "when"], "categorical")).info
    assert info.features[0].categories == ("0.5", "1")
    assert info.features[1].categories[0].startswith("20")
    assert sum(ready(path, features=["points"], split={"by": "group", "column": "month"}).info.rows.values()) == 60
