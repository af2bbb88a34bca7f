"""Processes that die under SIGKILL, and runs that go on as if nothing had happened."""

from __future__ import annotations

import json
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
import yaml

from helpers.same_run import assert_same

BEGIN = ("run", "--config", "run.yaml", "--plugin", "killer.py")


def the_run(place: Path) -> Path:
    """The one folder of a run under runs/toy."""
    (folder,) = (place / "runs" / "toy").iterdir()
    return folder


def go_on(place: Path) -> tuple[str, ...]:
    return ("run", "--resume", str(the_run(place).relative_to(place)), "--plugin", "killer.py")


def assert_whole(folder: Path) -> None:
    """Whatever has its final name can be read."""
    for path in folder.rglob("*"):
        if path.suffix == ".json":
            json.loads(path.read_text())
        elif path.suffix == ".yaml":
            assert yaml.safe_load(path.read_text())
        elif path.suffix == ".ckpt":
            assert torch.load(path, weights_only=True)["state_dict"]
        elif path.suffix == ".parquet":
            assert pq.read_table(path).num_rows


@pytest.fixture(scope="module")
def unbroken(runner: Any, furnish: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = furnish(tmp_path_factory.mktemp("unbroken"))
    return place / runner(place, *BEGIN).folder


def kill_again_and_again(runner: Any, place: Path, points: Sequence[str]) -> Path:
    """Begin a run that dies at the first point, go on until it dies at the next, and so on; then let it end."""
    for at, point in enumerate(points):
        ended = runner(place, *(go_on(place) if at else BEGIN), KILL=point)
        assert ended.code == -signal.SIGKILL, (point, ended.err)
        assert_whole(the_run(place))
    ended = runner(place, *go_on(place))
    assert place / ended.folder == the_run(place)
    return the_run(place)


def test_killed_in_training(runner: Any, furnish: Any, unbroken: Path, tmp_path: Path) -> None:
    """Training has four epochs of five batches; the fourth stops it early."""
    points = [
        "on_sanity_check_end",  # before the first step
        "on_train_batch_end:3",  # before the first checkpoint
        "half=last.ckpt",
        "replaced=last.ckpt",  # from here on the second epoch is ahead
        "written=best.ckpt",
        "replaced=best.ckpt",  # which is then an epoch further than last.ckpt
        "on_train_batch_end:8",  # within the third
        "on_train_epoch_end",
        "on_validation_end:2",  # the fourth, whose end stops the training
        "on_train_end",
    ]
    assert_same(unbroken, kill_again_and_again(runner, furnish(tmp_path), points))


def test_killed_after_training(runner: Any, furnish: Any, unbroken: Path, tmp_path: Path) -> None:
    points = [
        "on_fit_end",
        "stage=fit",
        "on_test_end",
        "half=test.parquet",
        "replaced=test.parquet",
        "audit=drawn",
        "written=drawn.json",
        "replaced=drawn.json",
        "half=record.json",
        "replaced=record.json",
        "stage=report",
        "finished",
    ]
    folder = kill_again_and_again(runner, furnish(tmp_path), points)
    assert_same(unbroken, folder)
    later = json.loads((folder / "provenance.json").read_text())["later"]
    assert [entry["action"] for entry in later] == ["resumed"] * len(points)


def test_finished_audits_are_kept(runner: Any, furnish: Any, tmp_path: Path) -> None:
    place = furnish(tmp_path)
    assert runner(place, *BEGIN, KILL="audit=drawn").code == -signal.SIGKILL
    kept = the_run(place) / "audits" / "performance.json"
    changed = kept.read_text().replace('"seconds": ', '"seconds": 4321')
    kept.write_text(changed)
    record = json.loads((place / runner(place, *go_on(place)).folder / "record.json").read_text())
    assert kept.read_text() == changed
    assert record["audits"][0]["seconds"] > 4321


LOADERS = '''
import torch
from glasshouse import DataInfo, DataPlugin, Sensitive, Target, hookimpl
from pytorch_lightning import LightningDataModule
from torch.utils.data import DataLoader, TensorDataset

class Shuffled(LightningDataModule):
    """Loaders of torch whose order comes from the global generator."""

    def setup(self, stage):
        x = torch.randn(60, 3, generator=torch.Generator().manual_seed(0))
        self.rows = TensorDataset(x, (x[:, 0] > 0).long())

    @property
    def info(self):
        target = Target(name="y", kind="binary", classes=("no", "yes"))
        return DataInfo(name="shuffled", modality="tabular", target=target, input_shape=(3,))

    def train_dataloader(self):
        return DataLoader(self.rows, batch_size=12, shuffle=True)

    def val_dataloader(self):
        return DataLoader(self.rows, batch_size=30)

    test_dataloader = val_dataloader

@hookimpl
def glasshouse_data():
    yield DataPlugin(name="shuffled", target=f"{__name__}:Shuffled", summary="loaders of torch")
'''

OTHERS = {
    "limited by steps": {"trainer": {"max_steps": 13, "max_epochs": -1, "accelerator": "cpu"}, "techniques": []},
    "loaders of torch": {
        "data": "shuffled",
        "model": {
            "class_path": "mlp",
            "init_args": {"in_features": 3, "num_classes": 2, "hidden": [6], "dropout": 0.3},
        },
        "audits": ["drawn"],
    },
    "no validation, a cosine": {
        "trainer": {"max_epochs": 4, "accelerator": "cpu", "limit_val_batches": 0, "accumulate_grad_batches": 2},
        "techniques": [],
        "lr_scheduler": "one_cycle",
    },
    "checkpoints of one's own": {
        "trainer": {
            "max_epochs": 4,
            "accelerator": "cpu",
            "callbacks": [
                {
                    "class_path": "ModelCheckpoint",
                    "init_args": {"monitor": "validate_accuracy", "mode": "max", "save_last": True},
                }
            ],
        }
    },
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_trainings(runner: Any, furnish: Any, tmp_path: Path, name: str) -> None:
    """Their random numbers, counts and checkpoints are others; killed in the second epoch and the third."""
    folders = []
    for broken in (False, True):
        place = tmp_path / str(broken)
        place.mkdir()
        furnish(place, **OTHERS[name])
        (place / "loaders.py").write_text(LOADERS)
        for at, point in enumerate(("on_train_batch_end:7", "on_train_batch_end:8") if broken else ()):
            ended = runner(place, *(go_on(place) if at else BEGIN), "--plugin", "loaders.py", KILL=point)
            assert ended.code == -signal.SIGKILL, ended.err
        ended = runner(place, *(go_on(place) if broken else BEGIN), "--plugin", "loaders.py")
        folders.append(place / ended.folder)
    assert_same(*folders)
