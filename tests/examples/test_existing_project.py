"""examples/existing_project as a user runs it: three ways to one kind of record, each checked against the data."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from glasshouse import RunRecord
from sklearn.datasets import load_diabetes

PROJECT = Path(__file__).resolve().parents[2] / "examples" / "existing_project"
WAYS = {
    "train_with_callback": "glasshouse.AuditCallback after Trainer.fit",
    "audit_afterwards": "glasshouse.audit",
    "plain_loop": "glasshouse.audit",
}

pytestmark = [pytest.mark.examples, pytest.mark.xdist_group("existing_project")]


def test_the_project_knows_nothing_of_glasshouse() -> None:
    assert "import glasshouse" not in (PROJECT / "project.py").read_text(encoding="utf-8")
    scripts = {path.stem for path in PROJECT.glob("*.py")} - {"project"}
    assert scripts == set(WAYS)
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    assert all(f"[{script}.py]({script}.py)" in readme for script in scripts)


@pytest.mark.parametrize("script", WAYS)
def test_the_record_is_of_the_projects_rows(script: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(PROJECT / f"{script}.py")],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    record = RunRecord.read(tmp_path / done.stdout.splitlines()[-1])
    assert {result.status for result in record.audits.values()} == {"completed"}
    config = yaml.safe_load((record.folder / "config.yaml").read_text(encoding="utf-8"))
    assert config["made_by"] == WAYS[script]

    # the oracle: the published table, split as random_split splits under the project's seed
    order = torch.randperm(442, generator=torch.Generator().manual_seed(0)).numpy()
    parts = {"train": order[:266], "test": order[310:]}  # shares of 442, the first two given one row more
    table = load_diabetes(scaled=False)
    fast = table.target > np.median(table.target)
    for split, rows in parts.items():
        kept = pq.read_table(record.folder / "predictions" / f"{split}.parquet").to_pandas()
        assert kept["target"].tolist() == fast[rows].astype(int).tolist()
        assert kept["group_sex"].tolist() == [f"code {code:.0f}" for code in table.data[rows, 1]]
    slow = kept[kept["group_sex"] == "code 1"]["score_0"] > 0.5
    rate = record.measurement("selection_rate", sex="code 1")
    assert (rate.value, rate.n) == (pytest.approx(slow.mean()), len(slow))
