"""ProPublica's two-year file in small: its columns, its repeated names, its filters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from glasshouse import UserError
from glasshouse_plugins.data.compas import Compas

HEADER = (
    "id,name,first,last,compas_screening_date,sex,dob,age,age_cat,race,juv_fel_count,decile_score,juv_misd_count,"
    "juv_other_count,priors_count,days_b_screening_arrest,c_charge_degree,c_charge_desc,is_recid,r_charge_desc,"
    "decile_score,score_text,priors_count,two_year_recid"
)
"""Columns of the published file, less some dates; `decile_score` and `priors_count` stand twice in it too."""

ROWS = 240


def people() -> list[dict[str, Any]]:
    random = np.random.default_rng(0)
    rows = []
    for i in range(ROWS):
        age = int(random.integers(18, 70))
        rows.append(
            {
                "id": i,
                "name": f'"Doe, {i}"',
                "compas_screening_date": f"2013-{1 + i // 28:02}-{1 + i % 28:02}",
                "sex": ("Male", "Female")[i % 4 == 0],
                "age": age,
                "age_cat": "Less than 25" if age < 25 else "25 - 45" if age <= 45 else "Greater than 45",
                "race": ("African-American", "Caucasian", "Hispanic")[i % 3],
                "priors_count": i % 7,
                "days_b_screening_arrest": ("", "31", "-30", "30", "-1", "-31")[int(random.integers(6))],
                "c_charge_degree": ("F", "M", "O")[int(random.choice(3, p=[0.5, 0.4, 0.1]))],
                "c_charge_desc": '"Possess ""X"", again"',
                "is_recid": (-1, 0, 1)[int(random.choice(3, p=[0.1, 0.5, 0.4]))],
                "score_text": ("Low", "High", "N/A")[int(random.choice(3, p=[0.5, 0.4, 0.1]))],
                "two_year_recid": int(random.integers(2)),
            }
        )
    return rows


def write(folder: Path) -> Path:
    lines = [HEADER]
    for person in people():
        cells, seen = [], set()
        for name in HEADER.split(","):
            second = name in seen
            seen.add(name)
            cells.append("99" if second else str(person.get(name, 0)))
        lines.append(",".join(cells))
    path = folder / "compas-scores-two-years.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def ready(path: Path, **options: Any) -> Compas:
    data = Compas(path=str(path), **{"check_files": False, **options})
    data.setup()
    return data


def as_propublica_did() -> pd.DataFrame:
    """Their own conditions (how-we-analyzed-the-compas-recidivism-algorithm, cell 4) by pandas."""
    table = pd.DataFrame(people())
    days = pd.to_numeric(table["days_b_screening_arrest"])
    kept = (days <= 30) & (days >= -30) & (table["is_recid"] != -1)
    return table[kept & (table["c_charge_degree"] != "O") & (table["score_text"] != "N/A")]


def test_the_rows_that_propublica_kept(tmp_path: Path) -> None:
    path = write(tmp_path)
    expected = as_propublica_did()
    for data in (ready(path), ready(tmp_path)):
        info = data.info
        assert sum(info.rows.values()) == len(expected) < ROWS / 2
        assert (info.target.classes, info.target.favourable) == (("recidivism", "no recidivism"), "no recidivism")
        rows = [data.loader(split).rows for split in info.rows]
        y, sensitive = torch.cat([r.y for r in rows]), torch.cat([r.sensitive for r in rows])
        assert int(y.sum()) == int((expected["two_year_recid"] == 0).sum())
        race, sex, age = info.sensitive
        assert [(s.name, s.seen_by_model) for s in (race, sex, age)] == [
            ("race", True),
            ("sex", True),
            ("age_cat", False),
        ]
        for column, attribute in enumerate(info.sensitive):
            counts = torch.bincount(sensitive[:, column], minlength=len(attribute.levels)).tolist()
            assert counts == [int((expected[attribute.name] == level).sum()) for level in attribute.levels]
        priors = next(f for f in info.features if f.name == "priors_count")
        values = np.concatenate([r.x[:, priors.columns[0]].numpy() for r in rows]) * priors.scale + priors.center
        assert sorted(np.round(values).tolist()) == sorted(expected["priors_count"].tolist())  # the first of that name


def test_all_rows_and_a_split_by_time(tmp_path: Path) -> None:
    path = write(tmp_path)
    data = ready(path, filtered=False, split={"by": "time", "column": "compas_screening_date"})
    assert data.info.rows == {"train": 144, "validate": 48, "test": 48}
    assert "compas_screening_date" not in [f.name for f in data.info.features]
    assert "all rows" in data.info.source


def test_files_that_are_not_as_published(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no file .*Put https://raw\.githubusercontent\.com/propublica"):
        ready(tmp_path)
    path = write(tmp_path)
    with pytest.raises(UserError, match=r"has [\d,]+ bytes; expected 2,546,489 as published"):
        ready(path, check_files=True)
    with pytest.raises(UserError, match=r"has no column 'agee'\. Did you mean 'age'\?"):
        ready(path, features=["agee"])
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"cannot be read|has no column"):
        ready(path)
