"""Clusters named in files: the table of the rows, however they are split into files, formats and batches."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq
import pytest
from glasshouse import UserError
from glasshouse.cli.main import main
from glasshouse.data.raw_table import SensitiveColumn
from glasshouse.evidence.predictions import Groups
from glasshouse.frames import PredictionColumns, tables_from_batches, tables_from_files, tables_from_frame
from glasshouse.statistics import count_clusters, effective_counts

COLUMNS = PredictionColumns(
    prediction="decision",
    target="outcome",
    score="score",
    clusters="family",
    sensitive=(SensitiveColumn(name="sex", column="sex"), SensitiveColumn(name="age", column="age", edges=(40,))),
)


@pytest.fixture
def table() -> pa.Table:
    rng = np.random.default_rng(0)
    n = 600
    family = rng.integers(10**17, 10**17 + 120, n)  # as floats, two of them would be one
    score = np.round(np.clip(rng.random(n) + 0.3 * (family % 2), 0, 1), 3)
    return pa.table(
        {
            "family": family,
            "sex": pa.array(rng.choice(["f", "m"], n), mask=rng.random(n) < 0.05),
            "age": rng.integers(20, 70, n),
            "score": score,
            "decision": np.where(score > 0.5, "yes", "no"),
            "outcome": np.where(rng.random(n) < score, "yes", "no"),
            "weight": rng.integers(1, 5, n),
        }
    )


def of_rows(table: pa.Table, weights: bool = False):
    """The same by `count_clusters` on arrays."""
    sex = np.array([{"f": 0, "m": 1, None: -1}[value] for value in table["sex"].to_pylist()])
    groups = [
        Groups(name="sex", levels=("f", "m"), codes=sex),
        Groups(name="age", levels=("under 40", "40 and over"), codes=(table["age"].to_numpy() >= 40).astype(int)),
    ]
    yes = [np.array(table[name].to_pylist()) == "yes" for name in ("outcome", "decision")]
    return count_clusters(
        groups,
        *(each.astype(int) for each in yes),
        classes=("no", "yes"),
        clusters=table["family"].to_numpy().astype(str),
        weights=table["weight"].to_numpy() if weights else None,
    )


def same(found, expected) -> None:
    for metric in ("selection_rate", "true_positive_rate", "accuracy"):
        np.testing.assert_allclose(effective_counts(found, metric), effective_counts(expected, metric), rtol=1e-10)
    assert found.clusters.tolist() == expected.clusters.tolist()
    np.testing.assert_allclose(found.sums.toarray(), expected.sums.toarray())


def test_files_of_both_formats_make_the_table_of_the_rows(table: pa.Table, tmp_path: Path) -> None:
    order = np.random.default_rng(1).permutation(len(table))
    parts = [table.take(order[:250]), table.take(order[250:251]), table.take(order[251:])]
    pq.write_table(parts[0], tmp_path / "1.parquet", row_group_size=60)
    pq.write_table(parts[1], tmp_path / "2.parquet")
    pcsv.write_csv(parts[2], tmp_path / "3.csv")
    found = tables_from_files([tmp_path], COLUMNS)
    assert found.clustered
    same(found.counts, of_rows(table))
    same(found.over(["age"]).counts, of_rows(table).marginal(["age"]))


def test_weights_batches_and_frames(table: pa.Table) -> None:
    columns = PredictionColumns(**{**COLUMNS.__dict__, "weights": "weight"})
    same(tables_from_batches(table.to_batches(max_chunksize=77), columns).counts, of_rows(table, weights=True))
    same(tables_from_frame(table.to_pandas(), COLUMNS).counts, of_rows(table))


def test_a_missing_cluster_and_numbers_are_refused(table: pa.Table) -> None:
    holes = table.set_column(0, "family", pa.array([None, *table["family"].to_pylist()[1:]]))
    with pytest.raises(UserError, match="expected a cluster for every row, found 1 without"):
        tables_from_batches(holes.to_batches(), COLUMNS)
    numbers = PredictionColumns(prediction="score", clusters="family")
    with pytest.raises(UserError, match="is for classes; the predictions are numbers"):
        tables_from_batches(table.to_batches(), numbers)


def test_the_command_line_takes_them(table: pa.Table, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    frame: pd.DataFrame = table.to_pandas()
    frame.to_csv("people.csv", index=False)
    asked = ["audit", "--predictions", "people.csv", "--prediction", "decision", "--target", "outcome"]
    assert main([*asked, "--score", "score", "--sensitive", "sex", "--clusters", "family"]) == 0
    folder = Path(capsys.readouterr().out.splitlines()[-1])
    found = json.loads((folder / "record.json").read_text())
    assert found["run"]["config"]["clusters"] == "family"
    (fairness,) = [audit for audit in found["audits"] if audit["name"] == "fairness"]
    methods = {m["interval_method"] for m in fairness["measurements"] if m["name"] == "selection_rate"}
    assert methods == {"wilson_effective"}
