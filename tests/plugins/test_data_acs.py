"""Person files as the Census Bureau publishes them and folktables writes them, in small."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from glasshouse import UserError
from glasshouse_plugins.data.acs import ACS
from glasshouse_plugins.data.acs_tasks import RACES, TASKS

ROWS = 600


def people(seed: int = 0) -> pd.DataFrame:
    """Columns of all tasks; blank where the survey asks only some (children have no income, and no way to work)."""
    random = np.random.default_rng(seed)

    def code(high: int, low: int = 1) -> np.ndarray:
        return random.integers(low, high + 1, ROWS)

    age = code(95, 0)
    table = pd.DataFrame(
        {
            "RT": "P",
            "SERIALNO": [f"2018GQ{i // 2:07}" for i in range(ROWS)],
            "PUMA": 100 + code(5),
            "ST": 6,
            "PWGTP": code(90, 0),
            "AGEP": age,
            "SEX": code(2),
            "RAC1P": code(9),
            "SCHL": np.where(age > 2, code(24), np.nan),
            "COW": np.where(age > 15, code(9), np.nan),
            "WKHP": np.where((age > 15) & (code(3) > 1), code(60), np.nan),
            "PINCP": np.where(age > 14, random.integers(-2_000, 110_000, ROWS).astype(float), np.nan),
            "JWMNP": np.where((age > 15) & (code(2) > 1), code(60), np.nan),
            "ESR": np.where(age > 15, code(6), np.nan),
            "MIG": np.where(age > 0, code(3), np.nan),
            "PUBCOV": code(2),
            "POVPIP": np.where(code(9) > 1, code(501, 0), np.nan),
        }
    )
    for name in ("MAR", "DIS", "CIT", "MIL", "ANC", "NATIVITY", "DEAR", "DEYE", "DREM", "ESP", "FER", "GCL", "JWTR"):
        table[name] = np.where(code(8) > 1, code(4), np.nan)
    for name, high in (("OCCP", 30), ("POBP", 20), ("RELP", 17), ("POWPUMA", 9)):
        table[name] = np.where(code(9) > 1, 10 * code(high), np.nan)
    return table


def write(folder: Path, table: pd.DataFrame, name: str = "2018/1-Year/psam_p06.csv") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if name.endswith(".parquet"):
        table.to_parquet(path)
    else:  # whole numbers without a point, and nothing where nothing is known, as the Census Bureau has it
        table.astype(dict.fromkeys(table.columns[4:], "Int64")).to_csv(path, index=False)
    return folder


def ready(folder: Path, **options: Any) -> ACS:
    data = ACS(path=str(folder), **options)
    data.setup()
    return data


def folktables(task: str, table: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """The people and the labels of folktables 0.0.12 (`folktables/acs.py`), written out again from its definitions."""
    age, income = table["AGEP"], table["PINCP"]
    if task == "income":
        kept = table[(age > 16) & (income > 100) & (table["WKHP"] > 0) & (table["PWGTP"] >= 1)]
        return kept, kept["PINCP"] > 50_000
    if task == "employment":
        return table, table["ESR"] == 1
    if task == "public_coverage":
        kept = table[(age < 65) & (income <= 30_000)]
        return kept, kept["PUBCOV"] == 1
    if task == "mobility":
        kept = table.drop(table.loc[(age <= 18) | (age >= 35)].index)
        return kept, kept["MIG"] == 1
    kept = table[(age > 16) & (table["PWGTP"] >= 1) & (table["ESR"] == 1)]
    return kept, kept["JWMNP"] > 20


@pytest.mark.parametrize("name", ["2018/1-Year/psam_p06.csv", "california.parquet"])
@pytest.mark.parametrize("task", list(TASKS))
def test_people_and_labels_are_those_of_folktables(tmp_path: Path, task: str, name: str) -> None:
    table = people()
    data = ready(write(tmp_path, table, name), task=task)
    kept, label = folktables(task, table)
    info = data.info
    assert sum(info.rows.values()) == len(kept)
    assert info.target.classes == ("no", "yes")
    assert info.target.favourable == {"mobility": None, "travel_time": "no"}.get(task, "yes")
    rows = [data.loader(split).rows for split in info.rows]
    y, sensitive = torch.cat([r.y for r in rows]), torch.cat([r.sensitive for r in rows])
    assert int(y.sum()) == int(label.sum())
    race, sex, _ = info.sensitive
    assert race.levels == tuple(RACES.values())
    counts = kept["RAC1P"].value_counts()
    assert torch.bincount(sensitive[:, 0], minlength=9).tolist() == [int(counts.get(k, 0)) for k in RACES]
    women = label[kept["SEX"] == 2]
    assert int(y[sensitive[:, 1] == sex.levels.index("female")].sum()) == int(women.sum())
    named = {"RAC1P": "race", "SEX": "sex"}
    assert sorted(f.name for f in info.features) == sorted(named.get(n, n) for n in TASKS[task].features)
    kinds = {f.name: f.kind for f in info.features}
    assert kinds["AGEP"] == "numeric"
    assert kinds["MAR" if "MAR" in kinds else "sex"] == "categorical"


def test_csv_and_parquet_say_the_same(tmp_path: Path) -> None:
    table = people()
    csv = ready(write(tmp_path / "csv", table))
    parquet = ready(write(tmp_path / "parquet", table, "ca.parquet"))
    assert csv.table_fingerprint == parquet.table_fingerprint


def test_files_of_a_folder_are_put_together_and_later_names_known(tmp_path: Path) -> None:
    write(tmp_path, people(), "psam_p06.csv")
    later = people(1).rename(columns={"RELP": "RELSHIPP", "JWTR": "JWTRNS"})
    write(tmp_path, later, "2021/psam_p48.csv")
    (tmp_path / "psam_h06.csv").write_text("SERIALNO,ST\n1,6\n")  # households lie beside
    data = ready(tmp_path, task="employment", weighted=True, split={"by": "group", "column": "SERIALNO"})
    assert sum(data.info.rows.values()) == 2 * ROWS
    assert "RELP" in [f.name for f in data.info.features]
    assert "SERIALNO" not in [f.name for f in data.info.features]
    weights = np.concatenate([data.row_weights(split) for split in data.info.rows])
    assert weights.sum() == people()["PWGTP"].sum() + later["PWGTP"].sum()


def test_what_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="task is 'wealth'; expected one of income, employment"):
        ACS(task="wealth")  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"there is no CSV or Parquet file in .*Unpack csv_pca\.zip"):
        ready(tmp_path)
    write(tmp_path, people().drop(columns="OCCP"))
    with pytest.raises(UserError, match=r"psam_p06\.csv has no column 'OCCP'"):
        ready(tmp_path)
    write(tmp_path, people().assign(AGEP=3))
    with pytest.raises(UserError, match=r"no row of .* passes the filters of task 'mobility'"):
        ready(tmp_path, task="mobility")
