from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from glasshouse import UserError
from glasshouse_plugins.data.text_table import TextTable
from pyarrow import parquet

ROWS = 60
TEXTS = [("null and void", "?", 'said "yes", then\nleft', "plain words")[i % 4] for i in range(ROWS)]
COLUMNS = {
    "note": TEXTS,
    "kind": [("good", "bad", "odd")[i % 3] for i in range(ROWS)],
    "age": [20 + i % 40 for i in range(ROWS)],
    "part": [("train", "train", "val", "test")[i % 4] for i in range(ROWS)],
}


def csv_file(folder: Path, name: str = "notes.csv", delimiter: str = ",") -> Path:
    path = folder / name
    quoted = ['"' + text.replace('"', '""') + '"' for text in TEXTS]
    rows = zip(quoted, COLUMNS["kind"], COLUMNS["age"], COLUMNS["part"], strict=True)
    lines = [delimiter.join(COLUMNS), *(delimiter.join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def ready(path: Path, **options: Any) -> TextTable:
    data = TextTable(**{"path": str(path), "text": "note", "target": "kind", **options})
    data.setup()
    return data


def all_words(data: TextTable) -> list[str]:
    return sorted(" ".join(w) for s, n in data.info.rows.items() for w in data.words(s, np.arange(n)))


@pytest.mark.parametrize("name", ["notes.csv", "notes.tsv", "notes.parquet"])
def test_the_same_texts_from_every_format(tmp_path: Path, name: str) -> None:
    if name.endswith(".parquet"):
        parquet.write_table(pa.table(COLUMNS), tmp_path / name)
        path = tmp_path / name
    else:
        path = csv_file(tmp_path, name, "\t" if name.endswith(".tsv") else ",")
    data = ready(path)
    expected = ["null and void", "?", 'said " yes " , then left', "plain words"]
    assert all_words(data) == sorted(expected * 15)
    assert data.info.target.classes == ("bad", "good", "odd")
    assert data.info.target.kind == "multiclass"
    assert data.info.modality == "text"


def test_sensitive_columns_and_a_given_split(tmp_path: Path) -> None:
    data = ready(csv_file(tmp_path), sensitive=["age"], bins={"age": [40]}, split="part")
    assert data.info.rows == {"train": 30, "validate": 15, "test": 15}
    (age,) = data.info.sensitive
    assert age.levels == ("under 40", "40 and over")
    codes = data.loader("test").rows.sensitive[:, 0].tolist()
    assert codes == [int(COLUMNS["age"][i] >= 40) for i in range(3, ROWS, 4)]


def test_missing_texts_are_empty(tmp_path: Path) -> None:
    texts = [None if i % 10 == 0 else text for i, text in enumerate(TEXTS)]
    parquet.write_table(pa.table({**COLUMNS, "note": pa.array(texts, pa.string())}), tmp_path / "n.parquet")
    assert all_words(ready(tmp_path / "n.parquet")).count("") == 6


def test_what_is_refused(tmp_path: Path) -> None:
    path = csv_file(tmp_path)
    with pytest.raises(UserError, match=r"`text` names 'nota', which is not a column .* Did you mean 'note'"):
        ready(path, text="nota")
    with pytest.raises(UserError, match="`sensitive` names 'sex'"):
        ready(path, sensitive=["sex"])
    with pytest.raises(UserError, match="`bins` names 'age', which is not in `sensitive`"):
        ready(path, bins={"age": [3]})
    with pytest.raises(UserError, match="data 'text_table': there is no file"):
        ready(tmp_path / "no.csv")
    (tmp_path / "notes.xls").write_text("")
    with pytest.raises(UserError, match=r"notes\.xls is not a supported table"):
        ready(tmp_path / "notes.xls")
    parquet.write_table(pa.table(COLUMNS), tmp_path / "n.parquet")
    with pytest.raises(UserError, match="column 'age' has type int64; expected text"):
        ready(tmp_path / "n.parquet", text="age")
