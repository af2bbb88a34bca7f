"""A run on two processes, as a user starts it: one folder, one record, every row once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from helpers.forks import Forks

ROWS = {"train": 600, "validate": 101, "test": 499}
"""Odd numbers of rows: two processes cannot have equally many."""


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table and the configuration of a run on it."""
    folder = tmp_path_factory.mktemp("two_processes")
    rng = np.random.default_rng(5)
    lines = ["a,b,c,sex,split,hired"]
    for split, rows in ROWS.items():
        for a, b, c in rng.normal(size=(rows, 3)):
            sex = "f" if rng.random() < 0.4 else "m"
            hired = "yes" if a - b * c + 0.5 * rng.normal() + (sex == "m") * 0.3 > 0 else "no"
            lines.append(f"{a:.4f},{b:.4f},{c:.4f},{sex},{split},{hired}")
    (folder / "people.csv").write_text("\n".join(lines) + "\n")
    data = {"path": "people.csv", "target": "hired", "sensitive": ["sex"], "split": "split", "favourable": "yes"}
    run = {
        "name": "people",
        "seed_everything": 3,
        "trainer": {"max_epochs": 2, "accelerator": "cpu"},
        "model": {"class_path": "mlp", "init_args": {"hidden": [8]}},
        "data": {"class_path": "table", "init_args": {**data, "batch_size": 64}},
        "optimizer": "adamw",
        "audits": ["performance", "fairness", {"name": "feature_attribution", "rows": 31, "background": 20}],
    }
    (folder / "run.yaml").write_text(yaml.safe_dump(run))
    return folder


@pytest.fixture(scope="module")
def done(work: Path) -> subprocess.CompletedProcess[str]:
    """The run, on two processes that Lightning starts."""
    options = ("--trainer.devices", "2", "--trainer.strategy", "ddp")
    return subprocess.run(
        [sys.executable, "-m", "glasshouse", "run", "--config", "run.yaml", *options],
        cwd=work,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def folder(work: Path, done: subprocess.CompletedProcess[str]) -> Path:
    assert done.returncode == 0, done.stderr
    return work / done.stdout.splitlines()[-1]


def measurements(record: Path) -> dict[str, Any]:
    """Every measurement's values by what identifies it."""
    found = {}
    read = json.loads(record.read_text())
    for one in [*read["performance"], *(m for audit in read["audits"] for m in audit["measurements"])]:
        key = json.dumps([one[name] for name in ("name", "group", "over", "output", "split", "parameters")])
        found[key] = [one[name] for name in ("value", "low", "high", "n", "undefined")]
    return found


def test_one_folder_and_one_voice(work: Path, folder: Path, done: subprocess.CompletedProcess[str]) -> None:
    assert list((work / "runs" / "people").iterdir()) == [folder]
    said = done.stderr.splitlines()
    assert [line for line in said if line.startswith(("training in", "audit", "verdict"))] == [
        f"training in runs/people/{folder.name}",
        "audit performance: completed",
        "audit fairness: completed",
        "audit feature_attribution: completed",
        next(line for line in said if line.startswith("verdict: ")),
    ]
    assert done.stdout.splitlines() == [f"runs/people/{folder.name}"]


def test_no_row_is_counted_twice_or_lost_and_the_record_is_that_of_one_process(
    forks: Forks, work: Path, folder: Path
) -> None:
    """The same model asked again by one process: its scores, rates, gaps and exact Shapley values are the same."""
    two, scored_by_two = measurements(folder / "record.json"), pq.read_table(folder / "predictions" / "test.parquet")
    assert scored_by_two["index"].to_pylist() == list(range(ROWS["test"]))
    (folder / "predictions" / "test.parquet").unlink()
    again = forks.run("-m", "glasshouse", "audit", str(folder), "--force", cwd=work)
    assert again.returncode == 0, again.stderr
    scored = pq.read_table(folder / "predictions" / "test.parquet")
    for column in ("index", "target", "group_sex"):
        assert scored[column].to_pylist() == scored_by_two[column].to_pylist()
    np.testing.assert_allclose(scored["score_1"], scored_by_two["score_1"], atol=1e-6)
    one = measurements(folder / "record.json")
    assert one.keys() == two.keys()
    assert any("mean_absolute_attribution" in key for key in one)
    for key, values in one.items():
        for ours, theirs in zip(values, two[key], strict=True):
            # scores are single precision, and batches of other sizes round otherwise
            assert ours == (pytest.approx(theirs, rel=1e-4, abs=1e-5) if isinstance(theirs, float) else theirs), key


def test_torchrun_starts_it_too(forks: Forks, work: Path) -> None:
    ran = forks.run(
        *("-m", "torch.distributed.run", "--nproc_per_node", "2", "--standalone", "-m", "glasshouse"),
        *("run", "--config", "run.yaml", "--name", "by_torchrun", "--no_audits"),
        *("--trainer.devices", "2", "--trainer.strategy", "ddp"),
        cwd=work,
    )
    assert ran.returncode == 0, ran.stderr
    assert [path.is_dir() for path in (work / "runs" / "by_torchrun").iterdir()] == [True]


def test_predict_says_that_it_needs_one_process(forks: Forks, work: Path, folder: Path) -> None:
    checkpoint = str(folder / "checkpoints" / "best.ckpt")
    asked = forks.run(
        *("-m", "glasshouse", "predict", "--config", "run.yaml", "--ckpt_path", checkpoint),
        *("--trainer.devices", "2", "--trainer.strategy", "ddp"),
        cwd=work,
    )
    assert asked.returncode == 2
    assert "runs in one process, and several are configured" in asked.stderr
