"""Ends that are not kills: Ctrl-C, a full disk, a folder that is gone, another process, and the user's own errors."""

from __future__ import annotations

import json
import resource
import signal
from pathlib import Path
from typing import Any

import pytest

from helpers.same_run import assert_same

BEGIN = ("run", "--config", "run.yaml", "--plugin", "killer.py")


def the_run(place: Path) -> Path:
    (folder,) = (place / "runs" / "toy").iterdir()
    return folder


def go_on(place: Path) -> tuple[str, ...]:
    return ("run", "--resume", str(the_run(place).relative_to(place)), "--plugin", "killer.py")


@pytest.mark.parametrize(
    ("point", "number"),
    [("on_train_batch_end:8", signal.SIGINT), ("on_train_batch_end:8", signal.SIGTERM), ("audit=drawn", signal.SIGINT)],
)
def test_an_interrupted_run_says_how_to_go_on(
    runner: Any, furnish: Any, tmp_path: Path, point: str, number: signal.Signals
) -> None:
    place = furnish(tmp_path)
    ended = runner(place, *BEGIN, KILL=point, SIGNAL=str(int(number)))
    folder = the_run(place).relative_to(place)
    assert ended.code == 130
    assert ended.out == ""
    assert ended.err.splitlines()[-2:] == [
        f"ended early; resume with: glasshouse run --resume {folder} --plugin killer.py",
        "interrupted",
    ]
    assert "Traceback" not in ended.err
    assert runner(place, *go_on(place)).folder == folder


FILLED = """
import errno, os
from pathlib import Path
from glasshouse import hookimpl
from pytorch_lightning import Callback

class Filled(Callback):
    def on_train_epoch_end(self, trainer, pl_module):
        WHAT

@hookimpl
def glasshouse_callbacks(run):
    yield Filled()
"""
LIMITED = """import resource
        if "FULL" in os.environ:
            resource.setrlimit(resource.RLIMIT_FSIZE, (6000, resource.RLIM_INFINITY))"""
GONE = "import shutil; shutil.rmtree('runs')"


def test_a_disk_without_room_is_told_and_the_run_goes_on_once_there_is_some(
    runner: Any, furnish: Any, tmp_path: Path
) -> None:
    """RLIMIT_FSIZE refuses what is longer than 6,000 bytes, as a disk does that is nearly full; a checkpoint is."""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    whole, place = (furnish(tmp_path / name) for name in ("whole", "place"))
    for folder in (whole, place):
        (folder / "filled.py").write_text(FILLED.replace("WHAT", LIMITED))
    ended = runner(place, *BEGIN, "--plugin", "filled.py", FULL="yes")
    folder = the_run(place).relative_to(place)
    assert ended.code == 2
    assert ended.err.splitlines()[-2].startswith(f"error: {folder}: cannot be written: ")
    assert ended.err.splitlines()[-1].startswith("       Free disk space, then resume with `glasshouse run --resume")
    assert not list(folder.rglob("*.partial"))
    runner(place, *go_on(place), "--plugin", "filled.py")
    runner(whole, *BEGIN, "--plugin", "filled.py")
    assert_same(the_run(whole), the_run(place))


def test_a_folder_that_is_gone_stays_gone(runner: Any, furnish: Any, tmp_path: Path) -> None:
    place = furnish(tmp_path)
    (place / "gone.py").write_text(FILLED.replace("WHAT", GONE))
    ended = runner(place, *BEGIN, "--plugin", "gone.py")
    assert ended.code == 2
    assert "is gone: it was deleted or moved while the run wrote there" in ended.err.splitlines()[-1]
    assert not list(place.glob("runs/toy/*/config.yaml"))


def test_two_at_once(runner: Any, furnish: Any, tmp_path: Path) -> None:
    """In one parent folder each has its own; in one run's folder the second is refused while the first lives."""
    place = furnish(tmp_path, audits=["performance", "second"], trainer={"max_epochs": 1, "accelerator": "cpu"})
    (place / "second.py").write_text(SECOND)
    ended = runner(place, *BEGIN, "--plugin", "second.py")
    assert ended.code == 0, ended.err
    assert len(list((place / "runs" / "toy").iterdir())) == 2
    refused = (place / "refused.txt").read_text().splitlines()
    assert refused[:2] == ["2", f"error: {ended.folder}: another process is using this folder."]


SECOND = '''
import os, subprocess, sys
from pathlib import Path
from glasshouse import AuditPlugin, AuditResult, hookimpl

class Second:
    """Starts others while the run is at work."""

    def measure(self, evidence):
        (own,) = Path("runs/toy").iterdir()
        others = [["--resume", str(own)], ["--config", "run.yaml", "--no_audits"]]
        for arguments in others:
            done = subprocess.run([sys.executable, "-m", "glasshouse", "run", *arguments, "--plugin", "killer.py",
                "--plugin", "second.py"], capture_output=True, text=True)
            if arguments[0] == "--resume":
                Path("refused.txt").write_text(f"{done.returncode}\\n{done.stderr}")
        return AuditResult(name="second", family="data")

@hookimpl
def glasshouse_audits():
    yield AuditPlugin(name="second", target=f"{__name__}:Second", summary="starts others")
'''


def test_a_run_goes_on_as_it_began(runner: Any, furnish: Any, tmp_path: Path) -> None:
    place = furnish(tmp_path)
    assert runner(place, *BEGIN, KILL="on_train_batch_end:8").code == -signal.SIGKILL
    folder = the_run(place).relative_to(place)

    def refused(*arguments: str) -> str:
        ended = runner(place, *go_on(place), *arguments)
        assert ended.code == 2, ended.err
        return str(ended.err)

    assert "`optimizer.init_args.lr` was 0.05 when the run started and is 0.1 now." in refused("--optimizer.lr", "0.1")
    with (place / "rows.csv").open("a") as rows:
        rows.write("0,0,0,a,no\n")
    assert "the data have changed since it started: `data_info." in refused()
    rows_before = (place / "rows.csv").read_text().splitlines()[:-1]
    (place / "rows.csv").write_text("\n".join(rows_before) + "\n")
    provenance = place / folder / "provenance.json"
    began = json.loads(provenance.read_text())
    provenance.write_text(json.dumps({**began, "data_fingerprint": "sha256:00"}))
    assert "have changed since it started: `data_fingerprint` differs.\n       Start a new run." in refused()
    provenance.write_text(json.dumps(began))
    (place / "elsewhere").mkdir()
    (place / folder).rename(place / "elsewhere" / "run")
    ended = runner(place, "run", "--resume", "elsewhere/run", "--plugin", "killer.py")
    assert f"error: --resume elsewhere/run: was made as {place / folder}." in ended.err.splitlines()
    for wrong in (["--resume"], ["--resume", "nowhere"], ["--resume", str(place)], ["--resume=a", "--resume=b"]):
        ended = runner(place, "run", *wrong)
        assert ended.code == 2
        assert ended.err.startswith("error: --resume")


BROKEN = """
import torch
from glasshouse import ModelPlugin, hookimpl
from torch import nn

class Broken(nn.Module):
    def __init__(self, in_features: int, at: int = 3) -> None:
        super().__init__()
        self.at, self.linear = at, nn.Linear(in_features, 2)

    def forward(self, x):
        if self.training:
            self.at -= 1
        return self.linear(x if self.at else x[:, 1:])

@hookimpl
def glasshouse_models():
    yield ModelPlugin(name="broken", target=f"{__name__}:Broken", summary="breaks")
"""


def test_what_the_users_model_raises_is_told_in_two_lines(runner: Any, furnish: Any, tmp_path: Path) -> None:
    place = furnish(tmp_path, model="broken")
    (place / "broken.py").write_text(BROKEN)
    ended = runner(place, *BEGIN, "--plugin", "broken.py")
    folder = the_run(place).relative_to(place)
    assert ended.code == 2
    said, remedy = ended.err.splitlines()[-2:]
    expected = "error: broken.py, line 14, in Broken.forward: RuntimeError: mat1 and mat2 shapes cannot be multiplied ("
    assert said.startswith(expected)
    assert remedy == f"       The traceback is in {folder / 'error.txt'}; --debug shows it."
    assert "Traceback" not in ended.err
    written = (place / folder / "error.txt").read_text()
    assert written.startswith("Traceback (most recent call last):")
    assert 'broken.py", line 14, in forward' in written
    assert 'broken.py", line 14, in forward' in runner(place, *BEGIN, "--plugin", "broken.py", "--debug").err


def test_repeats_and_their_spread(runner: Any, furnish: Any, tmp_path: Path) -> None:
    """Every repeat is what a run with its seed is; killed in the second, the run goes on there."""
    changes = {"trainer": {"max_epochs": 2, "accelerator": "cpu"}, "audits": ["performance"]}
    place = furnish(tmp_path, repeats=3, report=["json", "md"], **changes)
    assert runner(place, *BEGIN, KILL="on_train_epoch_end:6").code == -signal.SIGKILL
    folder = the_run(place)
    assert [path.name for path in sorted((folder / "repeats").iterdir())] == ["43", "44"]
    assert place / runner(place, *go_on(place)).folder == folder
    record = json.loads((folder / "record.json").read_text())
    assert record["repeats"]["seeds"] == [42, 43, 44]
    accuracy = next(one for one in record["repeats"]["spread"] if one["measurement"] == "performance/accuracy@test")
    alone = runner(place, *BEGIN, "--repeats", "1", "--seed_everything", "44", "--run_dir", "alone").folder
    assert_same_weights(place / alone, folder / "repeats" / "44")
    own = [
        next(m["value"] for m in json.loads(path.read_text())["performance"] if m["id"] == "performance/accuracy@test")
        for path in (folder / "record.json", *sorted(folder.glob("repeats/*/record.json")))
    ]
    assert accuracy["values"] == own
    mean = sum(own) / 3
    assert accuracy["mean"] == pytest.approx(mean)
    assert accuracy["standard_deviation"] == pytest.approx((sum((x - mean) ** 2 for x in own) / 2) ** 0.5)
    assert f"(3 seeds: mean {mean:.3f}, standard deviation " in (folder / "report.md").read_text()
    assert runner(place, "verify", str(folder)).code == 0


def assert_same_weights(one: Path, other: Path) -> None:
    import torch

    a, b = (
        torch.load(folder / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"] for folder in (one, other)
    )
    assert a.keys() == b.keys()
    assert all(torch.equal(a[name], b[name]) for name in a)
