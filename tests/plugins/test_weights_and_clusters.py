"""Columns that say what a row counts for, and whom it belongs to: no features, known by split, and in the audits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from glasshouse import UserError
from glasshouse.cli.main import main
from glasshouse.record.record import read_record
from glasshouse_plugins.data.table import Table


@pytest.fixture
def visits(tmp_path: Path) -> Path:
    """90 patients with four visits each."""
    random = np.random.default_rng(0)
    rows = ["patient,sex,age,dose,stands_for,healed"]
    for patient in range(90):
        sex, age = random.choice(["f", "m"]), int(random.integers(20, 80))
        for _ in range(4):
            dose = random.normal()
            healed = "yes" if dose + 0.02 * age > 1 + random.normal() else "no"
            rows.append(f"p{patient},{sex},{age},{dose:.3f},{random.integers(1, 9)},{healed}")
    path = tmp_path / "visits.csv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_they_are_no_features_and_follow_their_rows(visits: Path) -> None:
    data = Table(str(visits), "healed", sensitive=["sex"], weights="stands_for", clusters="patient")
    data.setup()
    assert [feature.name for feature in data.info.features] == ["age", "dose", "sex"]
    columns = np.genfromtxt(visits, delimiter=",", skip_header=1, usecols=(4,))
    found = np.concatenate([data.row_weights(split) for split in ("train", "validate", "test")])
    np.testing.assert_array_equal(np.sort(found), np.sort(columns))
    clusters = np.concatenate([data.row_clusters(split) for split in ("train", "validate", "test")])
    np.testing.assert_array_equal(np.bincount(clusters), 4)
    age = next(feature for feature in data.info.features if feature.name == "age")
    ages = data.inputs("test")[:, age.columns[0]].numpy()  # a patient's rows have one
    for cluster in np.unique(data.row_clusters("test")):
        assert np.ptp(ages[data.row_clusters("test") == cluster]) == 0


def test_without_them_there_are_none(visits: Path) -> None:
    data = Table(str(visits), "healed", drop=["patient"])
    data.setup()
    assert data.row_weights("test") is None
    assert data.row_clusters("test") is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": "sex"}, "the weights 'sex' are not numbers of 0 or more"),
        ({"weights": "dose"}, "the weights 'dose' are not numbers of 0 or more"),
        ({"clusters": "patients"}, "`clusters` names 'patients', which is not a column"),
    ],
)
def test_columns_that_do_not_fit(visits: Path, options: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Table(str(visits), "healed", drop=["patient"], **options).setup()


def test_a_missing_cluster_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "some.csv"
    path.write_text("x,who,y\n" + "1,a,0\n2,,1\n" * 10, encoding="utf-8")
    with pytest.raises(UserError, match="the cluster 'who' is missing in 10 of 20 rows"):
        Table(str(path), "y", clusters="who").setup()


def test_a_run_audits_by_them_and_keeps_them(visits: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    data = (
        f"{{class_path: table, init_args: {{path: {visits}, target: healed, sensitive: [sex], "
        "weights: stands_for, clusters: patient}}"
    )
    (tmp_path / "run.yaml").write_text(
        f"model: linear\ndata: {data}\noptimizer: adamw\ntrainer: {{max_epochs: 2, accelerator: cpu}}\n"
        "audits: [{name: fairness, replicates: 100, permutations: 99}]\nreport: [json]\n",
        encoding="utf-8",
    )
    assert main(["run", "--config", "run.yaml"]) == 0
    folder = Path(capsys.readouterr().out.splitlines()[-1])
    (audit,) = read_record(folder / "record.json").audits
    assert any("Rows are clustered" in note for note in audit.notes)
    rates = [m for m in audit.measurements if m.name == "selection_rate"]
    assert {m.interval_method for m in rates} == {"wilson_effective"}
    # what predictions/test.parquet kept serves again without the data
    assert main(["audit", str(folder), "--force"]) == 0
    (again,) = read_record(folder / "record.json").audits
    assert [m for m in again.measurements if m.name == "selection_rate"] == rates
