"""``--ckpt_path``: Lightning lets a checkpoint's values win in silence; here the contradiction is named."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from helpers import stranger

pytestmark = pytest.mark.usefixtures("fresh_process")

FIT = ("--model", "mlp", "--data", "diabetes", "--optimizer", "adamw", "--trainer.max_epochs", "1", "--run_dir", "runs")


@pytest.fixture
def checkpoint(command) -> Path:
    """The last checkpoint of a finished run."""
    return Path(command("fit", *FIT).folder / "checkpoints" / "last.ckpt")


@pytest.fixture
def given(command, checkpoint) -> Callable[..., str]:
    def refusal(word: str, *options: str, path: Path = checkpoint) -> str:
        error: str = command(word, *FIT, *options, "--ckpt_path", str(path)).refused()
        assert f"--ckpt_path {path}: " in error
        return error

    return refusal


@pytest.mark.parametrize("word", ["run", "fit", "validate", "test", "predict"])
def test_a_fitting_checkpoint_is_taken(command, checkpoint, word):
    assert command(word, *FIT, "--audits", "[]", "--ckpt_path", str(checkpoint)).code == 0


@pytest.mark.parametrize("word", ["run", "test"])
def test_a_model_with_other_options(given, word):
    error = given(word, "--model.hidden", "[3]")
    assert "was made with model.hidden: [64, 64], the configuration has [3]." in error
    assert "Set the checkpoint's value, or remove --ckpt_path" in error
    assert "was made with model.dropout: 0.0, the configuration has 0.5." in given(word, "--model.dropout", "0.5")


def test_another_model(given):
    assert "was made with model.class_path: 'glasshouse_plugins.models.mlp.MLP'" in given("test", "--model", "linear")


def test_data_of_another_shape(given):
    assert "was made with model.num_classes: 2, the configuration has 1." in given("test", "--data.task", "regression")


def test_an_optimizer_with_other_options_matters_where_one_trains(command, given, checkpoint):
    assert "was made with optimizer.lr: 0.001, the configuration has 0.5." in given("fit", "--optimizer.lr", "0.5")
    assert command("test", *FIT, "--optimizer.lr", "0.5", "--ckpt_path", str(checkpoint)).code == 0


def test_a_checkpoint_away_from_its_run_is_held_against_its_own_content(given, checkpoint, tmp_path):
    moved = tmp_path / "moved.ckpt"
    shutil.copy(checkpoint, moved)
    error = given("test", "--model.hidden", "[3]", path=moved)
    assert "'network.layers.0.weight' has shape (64, 11), the model's has (3, 11)." in error
    error = given("fit", "--optimizer.lr", "0.5", path=moved)
    assert "was made with optimizer.lr: 0.001, the configuration has 0.5." in error


def test_hyper_parameters_inside_a_checkpoint(command, tmp_path):
    plugin = Path(stranger.__file__)
    foreign = ("--plugin", str(plugin), "fit", "--model", "foreign", "--data", "blobs", "--run_dir", "runs")
    run = command(*foreign, "--trainer.max_epochs", "1").folder
    moved = tmp_path / "moved.ckpt"
    shutil.copy(run / "checkpoints" / "last.ckpt", moved)
    done = command(*foreign, "--trainer.max_epochs", "2", "--model.lr", "0.5", "--ckpt_path", str(moved))
    assert "was made with model.lr: 0.05, the configuration has 0.5." in done.refused()


def test_no_such_file(given, tmp_path):
    assert "there is no such file." in given("test", path=tmp_path / "nope.ckpt")


class Ran:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("ran"),)  # type: ignore[return-value]


@pytest.mark.parametrize("content", [b"hello", b"", Ran()])
def test_a_file_that_is_no_checkpoint_runs_nothing(given, tmp_path, content):
    path = tmp_path / "bad.ckpt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save({"state_dict": content}, path)
    assert "cannot be read as tensors and plain values" in given("test", path=path)
    assert not Path("ran").exists()


def test_tensors_that_are_no_checkpoint(given, tmp_path):
    path = tmp_path / "weights.pt"
    torch.save({"weight": torch.zeros(2)}, path)
    assert "is not a Lightning checkpoint: no state_dict." in given("test", path=path)
