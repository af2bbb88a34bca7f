"""Scripts that start runs: what can be run here is run, the rest is at least well-formed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

LAUNCH = Path(__file__).resolve().parents[2] / "examples" / "launch"
RUN = {
    "seed_everything": 1,
    "trainer": {"max_epochs": 3, "accelerator": "cpu"},
    "model": {"class_path": "linear"},
    "data": "diabetes",
    "optimizer": "adamw",
    "audits": ["performance"],
    "report": ["json"],
}
TAKEN_AWAY = """
import os, signal
from pytorch_lightning import Callback
from glasshouse import hookimpl


class TakenAway(Callback):
    def on_train_epoch_end(self, trainer, module):
        if trainer.current_epoch == 1:
            os.kill(os.getpid(), signal.SIGKILL)


@hookimpl
def glasshouse_callbacks(run):
    return [TakenAway()]
"""

pytestmark = [pytest.mark.examples, pytest.mark.xdist_group("launch")]


@pytest.mark.parametrize("script", ["torchrun.sh", "slurm.sbatch", "spot.sh"])
def test_scripts_are_well_formed_and_start_what_exists(script: str) -> None:
    subprocess.run(["bash", "-n", LAUNCH / script], check=True)
    assert "glasshouse run" in (LAUNCH / script).read_text() or '-m glasshouse "$@"' in (LAUNCH / script).read_text()


def test_the_job_set_is_well_formed() -> None:
    """Field names as in JobSet's API, jobset.x-k8s.io/v1alpha2."""
    jobset = yaml.safe_load((LAUNCH / "jobset.yaml").read_text())
    assert (jobset["apiVersion"], jobset["kind"]) == ("jobset.x-k8s.io/v1alpha2", "JobSet")
    (workers,) = jobset["spec"]["replicatedJobs"]
    job = workers["template"]["spec"]
    assert job["completionMode"] == "Indexed"
    assert job["parallelism"] == job["completions"]
    (container,) = job["template"]["spec"]["containers"]
    environment = {entry["name"]: entry["value"] for entry in container["env"]}
    assert int(environment["NODES"]) == job["parallelism"]
    assert int(environment["DEVICES"]) == container["resources"]["limits"]["nvidia.com/gpu"]
    host = f"{jobset['metadata']['name']}-{workers['name']}-0-0.{jobset['metadata']['name']}"
    assert environment["ENDPOINT"].startswith(f"{host}:")


def test_a_machine_that_is_taken_away_goes_on_where_it_was(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(RUN))
    (tmp_path / "taken.py").write_text(TAKEN_AWAY)
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "glasshouse"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m glasshouse "$@"\n')
    command.chmod(0o755)

    def start(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PATH": f"{command.parent}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
        script = ["sh", str(LAUNCH / "spot.sh"), *arguments]
        return subprocess.run(script, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    runs = tmp_path / "runs" / "spot"
    assert start("--plugin", "taken.py").returncode == -9
    (begun,) = runs.iterdir()
    assert not (begun / "record.json").exists()
    gone_on = start()
    assert gone_on.returncode == 0, gone_on.stderr
    assert gone_on.stdout.splitlines()[-1] == str(begun.relative_to(tmp_path))
    assert (begun / "record.json").exists()
    another = start()
    assert another.returncode == 0, another.stderr
    assert len(list(runs.iterdir())) == 2
