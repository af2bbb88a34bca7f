"""A run whose folder is a URL, as a user has it: made, looked at, audited again, and gone on with elsewhere."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import fsspec
import torch
import yaml

Glasshouse = Callable[..., tuple[int, str, str]]

RUN = {
    "name": "far",
    "seed_everything": 4,
    "trainer": {"max_epochs": 4, "accelerator": "cpu"},
    "model": {"class_path": "mlp", "init_args": {"hidden": [8]}},
    "data": "diabetes",
    "optimizer": "adamw",
    "audits": ["performance"],
}
STOP = """
from pathlib import Path
from pytorch_lightning import Callback
from glasshouse import hookimpl


class Stop(Callback):
    def on_train_batch_start(self, trainer, module, batch, index):
        if trainer.current_epoch == 2:
            raise KeyboardInterrupt


@hookimpl
def glasshouse_callbacks(run):
    return [Stop()]
"""


def test_a_run_is_made_looked_at_and_audited_again_by_its_url(glasshouse: Glasshouse, tmp_path: Path) -> None:
    Path("run.yaml").write_text(yaml.safe_dump(RUN))
    code, out, err = glasshouse("run", "--config", "run.yaml", "--run_dir", "memory://bucket/runs")
    assert code == 0, err
    url = out.splitlines()[-1]
    assert url.startswith("memory://bucket/runs/far/")
    memory = fsspec.filesystem("memory")
    files = {path.rpartition(url.removeprefix("memory:/"))[2] for path in memory.find("/bucket")}
    assert {"/config.yaml", "/record.json", "/manifest.json", "/report.html", "/checkpoints/best.ckpt"} <= files
    shutil.rmtree(tmp_path / "cache")

    code, out, _ = glasshouse("verify", url)
    assert (code, out) == (0, "no file has changed since the run\n")
    _, out, _ = glasshouse("runs", "memory://bucket/runs", "--json")
    assert [run["folder"] for run in json.loads(out)] == [url]
    code, out, _ = glasshouse("report", url, "--format", "md")
    assert (code, out.splitlines()) == (0, [f"{url}/report.md", url])
    assert memory.exists(f"{url}/report.md")
    before = memory.cat_file(f"{url}/audits/performance.json")
    code, out, err = glasshouse("audit", url, "--force")
    assert (code, out.splitlines()[-1]) == (0, url), err
    again, then = json.loads(memory.cat_file(f"{url}/audits/performance.json")), json.loads(before)
    assert again["measurements"] == then["measurements"]
    assert memory.cat_file(f"{url}/audits/performance.json") != before  # its seconds are others
    assert glasshouse("verify", url)[0] == 0


def test_a_stopped_run_goes_on_on_another_machine(glasshouse: Glasshouse, tmp_path: Path) -> None:
    Path("run.yaml").write_text(yaml.safe_dump(RUN))
    Path("stop.py").write_text(STOP)
    far = ("--config", "run.yaml", "--run_dir", "memory://bucket/runs")
    code, _, err = glasshouse("run", *far, "--plugin", "stop.py")
    assert code == 130
    memory = fsspec.filesystem("memory")
    url = "memory://bucket/runs/far/" + memory.ls("/bucket/runs/far", detail=False)[0].rpartition("/")[2]
    assert f"resume with: glasshouse run --resume {url}" in err
    shutil.rmtree(tmp_path / "cache")  # the other machine has nothing but the URL

    code, out, err = glasshouse("run", "--resume", url)
    assert (code, out.splitlines()[-1]) == (0, url), err
    code, out, err = glasshouse("run", "--config", "run.yaml")
    unbroken = torch.load(Path(out.splitlines()[-1]) / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    with memory.open(f"{url}/checkpoints/last.ckpt") as file:
        resumed = torch.load(file, weights_only=True)["state_dict"]
    assert resumed.keys() == unbroken.keys()
    assert all(torch.equal(resumed[name], unbroken[name]) for name in resumed)


def test_a_place_that_cannot_be_written_is_refused_before_anything_is_trained(glasshouse: Glasshouse) -> None:
    Path("run.yaml").write_text(yaml.safe_dump(RUN))
    code, _, err = glasshouse("run", "--config", "run.yaml", "--run_dir", "nosuchthing://bucket/runs")
    assert code == 2
    assert err.startswith("error: nosuchthing://bucket/runs: cannot be written: ")
