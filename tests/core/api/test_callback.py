"""`AuditCallback`: training is the same with it to the last bit, and what was trained is what is audited."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import glasshouse
import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from glasshouse.pipeline.existing_model import weights_digest
from pytorch_lightning import LightningDataModule, seed_everything
from pytorch_lightning.callbacks import ModelCheckpoint
from torch.utils.data import DataLoader

AUDITS = ["performance", "fairness"]
Losses = dict[str, torch.Tensor]


@pytest.fixture
def _deterministic() -> Iterator[None]:
    state = torch.random.get_rng_state()
    yield
    torch.random.set_rng_state(state)


@pytest.mark.usefixtures("_deterministic")
def test_training_is_the_same_to_the_last_bit(project: Any, classifier: Any, quiet_trainer: Any, table: Any) -> None:
    """Two trainings in a row, so that what the first audit might disturb would show in the second."""

    def trained(*callbacks: Any) -> tuple[str, str, torch.Tensor, Losses]:
        seed_everything(5, verbose=False)
        model, data = classifier(), project()
        quiet_trainer(callbacks=[*callbacks]).fit(model, datamodule=data)
        first = weights_digest(model)
        trainer = quiet_trainer(callbacks=[*callbacks])
        trainer.fit(model, datamodule=data)
        trainer.test(model, datamodule=data, verbose=False)
        return first, weights_digest(model), torch.random.get_rng_state(), dict(trainer.callback_metrics)

    callback = glasshouse.AuditCallback(sensitive={"sex": table[2]}, audits=[*AUDITS, "membership_inference"])
    without, with_it = trained(), trained(callback)
    assert with_it[:2] == without[:2]
    assert with_it[0] != with_it[1]
    assert torch.equal(with_it[2], without[2])
    assert with_it[3] == without[3]
    assert len(callback.records) == 2


def test_the_record_is_of_the_trained_model_on_the_projects_rows(
    project: Any, classifier: Any, quiet_trainer: Any, table: Any
) -> None:
    x, y, sex = table
    model, data = classifier(), project()
    callback = glasshouse.AuditCallback(sensitive={"sex": sex}, audits=[*AUDITS, "membership_inference"], name="mine")
    assert callback.record is None
    trainer = quiet_trainer(callbacks=[callback])
    trainer.fit(model, datamodule=data)
    record = callback.record
    assert record is not None
    rows = np.array(data.parts[2].indices)
    model.eval()
    with torch.no_grad():
        chosen = model(x[rows]).argmax(dim=1).numpy() == 1
    for level in ("f", "m"):
        expected = chosen[sex[rows] == level].mean()
        assert record.measurement("selection_rate", sex=level).value == pytest.approx(expected)
    kept = pq.read_table(record.folder / "predictions" / "train.parquet").to_pandas()
    assert kept["target"].tolist() == y[np.array(data.parts[0].indices)].tolist()  # shuffled in training
    assert data.set_ups == ["fit"]
    assert record.folder.parent == Path("runs/mine")
    config = yaml.safe_load((record.folder / "config.yaml").read_text())
    assert config["made_by"] == "glasshouse.AuditCallback after Trainer.fit"
    assert config["trainer"] == {"epochs": 2, "steps": 12, "precision": "32-true"}
    assert config["data"]["class_path"].endswith("Project")
    assert config["model"]["weights_sha256"] == weights_digest(model)
    assert (record.folder / "report.html").is_file()


def test_after_a_test_of_the_same_weights_nothing_new_is_to_be_said(
    project: Any, classifier: Any, quiet_trainer: Any
) -> None:
    model, data = classifier(), project()
    callback = glasshouse.AuditCallback(audits=["performance"])
    trainer = quiet_trainer(callbacks=[callback])
    trainer.fit(model, datamodule=data)
    trainer.test(model, datamodule=data, verbose=False)
    assert len(callback.records) == 1


def test_a_test_of_the_best_weights_is_audited_too(
    project: Any, classifier: Any, quiet_trainer: Any, tmp_path: Path
) -> None:
    best = ModelCheckpoint(tmp_path / "kept", monitor="val_loss", mode="max")  # the worst epoch, for certain another
    callback = glasshouse.AuditCallback(audits=["performance"])
    trainer = quiet_trainer(callbacks=[best, callback], max_epochs=4, enable_checkpointing=True)
    model, data = classifier(), project()
    trainer.fit(model, datamodule=data)
    trainer.test(model, datamodule=data, ckpt_path="best", verbose=False, weights_only=True)
    after_fit, after_test = callback.records
    losses = [record.measurement("log_loss").value for record in (after_fit, after_test)]
    assert losses[1] == pytest.approx(float(trainer.callback_metrics["test_loss"]), rel=1e-4)
    assert losses[0] != losses[1]
    assert yaml.safe_load((after_test.folder / "config.yaml").read_text())["made_by"].endswith("Trainer.test")


def test_loaders_without_a_data_module(project: Any, classifier: Any, quiet_trainer: Any) -> None:
    data = project()
    data.setup("fit")
    model = classifier()
    waiting = glasshouse.AuditCallback(audits=["performance"])
    validating = glasshouse.AuditCallback(audits=["performance"], evaluate_on="validate", after=("fit",))
    trainer = quiet_trainer(callbacks=[waiting, validating], max_epochs=1)
    trainer.fit(model, data.train_dataloader(), data.val_dataloader())
    assert waiting.record is None  # nobody has said yet what the test rows are
    assert validating.record is not None
    assert validating.record.measurement("accuracy").n == 60
    trainer.test(model, data.test_dataloader(), verbose=False)
    assert waiting.record is not None
    assert waiting.record.measurement("accuracy").split == "test"


def test_data_that_describe_themselves_need_nothing_said(quiet_trainer: Any) -> None:
    from glasshouse.training.task import Task
    from glasshouse_plugins.data.diabetes import Diabetes

    data = Diabetes()
    data.setup("fit")
    torch.manual_seed(0)
    task = Task(torch.nn.Linear(data.info.input_shape[0], 2), data.info.target)
    task.optimizer_factory = torch.optim.SGD
    callback = glasshouse.AuditCallback(sensitive=["sex"], audits=AUDITS)
    quiet_trainer(callbacks=[callback], max_epochs=1).fit(task, datamodule=data)
    assert callback.record is not None
    assert {a for m in callback.record.measurements("selection_rate") for a in m.group} == {"sex"}


def test_a_trial_of_the_code_writes_nothing(project: Any, classifier: Any, quiet_trainer: Any) -> None:
    callback = glasshouse.AuditCallback(audits=["performance"])
    quiet_trainer(callbacks=[callback], fast_dev_run=True).fit(classifier(), datamodule=project())
    assert callback.record is None
    assert not Path("runs").exists()


class WithoutTest(LightningDataModule):
    def __init__(self, project: Any) -> None:
        super().__init__()
        self.project = project
        project.setup("fit")

    def train_dataloader(self) -> DataLoader:
        return self.project.train_dataloader()


def test_what_could_not_be_audited_is_refused_before_training(
    project: Any, classifier: Any, quiet_trainer: Any
) -> None:
    model = classifier()
    before = weights_digest(model)
    callback = glasshouse.AuditCallback(audits=["performance"], after=("fit",))
    with pytest.raises(glasshouse.UserError, match="neither data module nor model has a test_dataloader"):
        quiet_trainer(callbacks=[callback]).fit(model, datamodule=WithoutTest(project()))
    assert weights_digest(model) == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"after": "fit"}, r"after is 'fit'; expected \('fit',\)"),
        ({"after": ()}, "expected"),
        ({"audits": ["fairnes"]}, "Did you mean 'fairness'"),
        ({"sensitive": "nowhere.csv"}, "nowhere.csv cannot be read"),
        ({"policy": "nowhere.yaml"}, "nowhere.yaml"),
        ({"evaluate_on": "tset"}, "expected train, validate or test, received 'tset'"),
        ({"small_group_limit": -1}, "expected 0 or more"),
    ],
)
def test_mistakes_are_said_when_the_callback_is_made(options: dict[str, Any], message: str) -> None:
    with pytest.raises(glasshouse.UserError, match=message):
        glasshouse.AuditCallback(**options)
