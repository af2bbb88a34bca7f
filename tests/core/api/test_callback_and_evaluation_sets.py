"""`AuditCallback` with several evaluation sets and several stages: a record for each set, and none of another's rows.

What it writes is what `glasshouse.audit` writes of the same weights and rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import glasshouse
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from glasshouse.external_data.evaluation_sets import named_loaders, same_rows
from glasshouse_plugins.data.diabetes import Diabetes
from pytorch_lightning import LightningDataModule, LightningModule
from torch import Tensor
from torch.utils.data import DataLoader, Subset, TensorDataset

from helpers.their_project import Classifier

AUDITS = ["performance", "membership_inference"]


def accuracy(model: LightningModule, x: Tensor, y: Tensor) -> float:
    """By hand."""
    model.eval()
    with torch.no_grad():
        return float((model(x).argmax(dim=1) == y).double().mean())


def measurements(record: Any) -> list[Any]:
    return [measurement for audit in record.record.audits for measurement in audit.measurements]


@pytest.fixture
def parts(table: Any) -> dict[str, DataLoader]:
    """Loaders of train, validate and test, and of other rows that are like none of them."""
    data = TensorDataset(table[0], table[1])
    other = TensorDataset(table[0][:40] - 1, 1 - table[1][:40])
    cut = {"train": range(150), "validate": range(150, 200), "test": range(200, 300)}
    loaders = {
        name: DataLoader(Subset(data, rows), batch_size=32, shuffle=name == "train") for name, rows in cut.items()
    }
    return {**loaders, "other": DataLoader(other, batch_size=32)}


def test_training_rows_are_known_after_a_test(parts: Any, classifier: Any, quiet_trainer: Any, table: Any) -> None:
    explained = {"name": "feature_attribution", "rows": 4}
    callback = glasshouse.AuditCallback(audits=[*AUDITS, explained])
    model, trainer = classifier(), quiet_trainer(callbacks=[callback])
    trainer.fit(model, parts["train"], parts["validate"])
    assert callback.record is None
    trainer.test(model, parts["test"], verbose=False)
    record = callback.record
    assert record is not None
    assert [audit.status for audit in record.record.audits] == ["completed"] * 3
    trained = pq.read_table(record.folder / "predictions" / "train.parquet").to_pandas()
    assert trained["target"].tolist() == table[1][:150].tolist()
    loaders = {split: parts[split] for split in ("train", "validate", "test")}
    assert measurements(record) == measurements(glasshouse.audit(model, loaders, audits=[*AUDITS, explained]))


def test_other_models_do_not_get_these_training_rows(parts: Any, classifier: Any, quiet_trainer: Any) -> None:
    callback = glasshouse.AuditCallback(audits=AUDITS)
    quiet_trainer(callbacks=[callback]).fit(classifier(), parts["train"], parts["validate"])
    quiet_trainer(callbacks=[callback]).test(classifier(), parts["test"], verbose=False)
    assert callback.record is not None
    assert callback.record.audits["membership_inference"].status == "skipped"


def test_a_second_test_on_other_rows_is_audited(parts: Any, classifier: Any, quiet_trainer: Any, table: Any) -> None:
    callback = glasshouse.AuditCallback(audits=["performance"])
    model, trainer = classifier(), quiet_trainer(callbacks=[callback])
    trainer.fit(model, parts["train"], parts["validate"])
    same = DataLoader(TensorDataset(table[0][200:], table[1][200:]), batch_size=32)
    for loader in (parts["test"], parts["other"], parts["test"], same):
        trainer.test(model, loader, verbose=False)
    first, second = callback.records
    assert first.measurement("accuracy").value == pytest.approx(accuracy(model, table[0][200:], table[1][200:]))
    expected = accuracy(model, table[0][:40] - 1, 1 - table[1][:40])
    assert second.measurement("accuracy").value == pytest.approx(expected)
    assert second.measurement("accuracy").n == 40


@pytest.mark.parametrize("form", ["list", "mapping"])
def test_each_of_several_loaders_has_a_record_with_its_name(
    parts: Any, quiet_trainer: Any, table: Any, form: str
) -> None:
    callback = glasshouse.AuditCallback(audits=["performance"], name="mine")
    model, trainer = SeveralTests(), quiet_trainer(callbacks=[callback])
    trainer.fit(model, parts["train"], parts["validate"])
    given: Any = [parts["test"], parts["other"]]
    names = ["dataloader_idx_0", "dataloader_idx_1"]
    if form == "mapping":
        names = ["clean", "harder/rows"]
        given = dict(zip(names, given, strict=True))
    trainer.test(model, given, verbose=False)
    assert [yaml.safe_load((r.folder / "config.yaml").read_text())["evaluation_set"] for r in callback.records] == names
    assert [r.folder.parent.name for r in callback.records] == [f"mine-{name.replace('/', '_')}" for name in names]
    assert f"test split ({names[1]}), 40 rows" in (callback.records[1].folder / "report.html").read_text()
    values = [record.measurement("accuracy").value for record in callback.records]
    rows = [(table[0][200:], table[1][200:]), (table[0][:40] - 1, 1 - table[1][:40])]
    assert values == pytest.approx([accuracy(model, x, y) for x, y in rows])


def test_each_evaluation_set_may_have_attributes_of_its_own(parts: Any, quiet_trainer: Any, table: Any) -> None:
    _, _, sex = table
    sensitive = {"clean": {"sex": sex[200:]}, "harder": pd.DataFrame({"sex": sex[:40]})}
    callback = glasshouse.AuditCallback(audits=["fairness"], sensitive=sensitive)
    model, trainer = SeveralTests(), quiet_trainer(callbacks=[callback])
    trainer.fit(model, parts["train"], parts["validate"])
    trainer.test(model, {"clean": parts["test"], "harder": parts["other"]}, verbose=False)
    model.eval()
    rows = [(table[0][200:], sex[200:]), (table[0][:40] - 1, sex[:40])]
    for record, (x, known) in zip(callback.records, rows, strict=True):
        chosen = model(x).argmax(dim=1).numpy() == 1
        for level in ("f", "m"):
            (rate,) = [m for m in record.measurements("selection_rate", sex=level) if len(m.group) == 1]
            assert rate.value == pytest.approx(chosen[known == level].mean())
    with pytest.raises(glasshouse.UserError, match=r"no split or evaluation set 'clean'\. Known: other, test"):
        trainer.test(model, {"other": parts["other"]}, verbose=False)
    with pytest.raises(glasshouse.UserError, match="there is no split or evaluation set 'clean'"):
        glasshouse.audit(model, parts["test"], sensitive=sensitive, audits=["fairness"])


class SeveralTests(Classifier):
    """Lightning asks for `dataloader_idx` where there are several loaders."""

    def test_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
        self(batch[0])


class TwoSets(LightningDataModule):
    """Two test loaders, of which the second is in other units until the hook sees it."""

    def __init__(self, parts: Any, table: Any) -> None:
        super().__init__()
        self.parts = parts
        self.scaled = DataLoader(TensorDataset(100 * table[0][:40], table[1][:40]), batch_size=32)

    def train_dataloader(self) -> DataLoader:
        return self.parts["train"]

    def test_dataloader(self) -> list[DataLoader]:
        return [self.parts["test"], self.scaled]

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        return (batch[0] / 100, batch[1]) if dataloader_idx == 1 else batch


def test_several_loaders_of_a_data_module_after_fit(parts: Any, quiet_trainer: Any, table: Any) -> None:
    callback = glasshouse.AuditCallback(audits=AUDITS)
    model, trainer = SeveralTests(), quiet_trainer(callbacks=[callback])
    data = TwoSets(parts, table)
    trainer.fit(model, datamodule=data)
    trainer.test(model, datamodule=data, verbose=False)
    assert len(callback.records) == 2
    values = [record.measurement("accuracy").value for record in callback.records]
    assert values[0] == pytest.approx(accuracy(model, table[0][200:], table[1][200:]))
    assert values[1] == pytest.approx(accuracy(model, table[0][:40], table[1][:40]))
    assert {record.audits["membership_inference"].status for record in callback.records} == {"completed"}


class Centred(LightningDataModule):
    """Training rows in other units until the hook sees them."""

    def __init__(self, parts: Any, table: Any) -> None:
        super().__init__()
        self.scaled = DataLoader(TensorDataset(100 * table[0][:150], table[1][:150]), batch_size=32)

    def train_dataloader(self) -> DataLoader:
        return self.scaled

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        return batch[0] / 100, batch[1]


def test_each_loader_has_the_hooks_of_its_owner(parts: Any, classifier: Any, quiet_trainer: Any, table: Any) -> None:
    callback = glasshouse.AuditCallback(audits=AUDITS)
    model, trainer = classifier(), quiet_trainer(callbacks=[callback])
    trainer.fit(model, datamodule=Centred(parts, table))
    trainer.test(model, parts["test"], verbose=False)
    (record,) = callback.records
    expected = glasshouse.audit(model, {"train": parts["train"], "test": parts["test"]}, audits=AUDITS)
    for split in ("train", "test"):
        one, other = (pq.read_table(r.folder / "predictions" / f"{split}.parquet") for r in (record, expected))
        np.testing.assert_allclose(one["score_1"], other["score_1"], rtol=1e-4)


def test_several_training_loaders_leave_the_test_to_be_audited(
    parts: Any, classifier: Any, quiet_trainer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    callback = glasshouse.AuditCallback(audits=AUDITS)
    model = classifier()
    step = type(model).training_step
    monkeypatch.setattr(type(model), "training_step", lambda self, batch, at: step(self, batch["labelled"], at))
    trainer = quiet_trainer(callbacks=[callback])
    trainer.fit(model, {"labelled": parts["train"], "others": parts["other"]})
    with pytest.warns(UserWarning, match="the split 'train' has 2 loaders; audits do without it"):
        trainer.test(model, parts["test"], verbose=False)
    assert callback.record is not None
    assert callback.record.audits["performance"].status == "completed"
    assert callback.record.audits["membership_inference"].status == "skipped"


def test_loaders_of_data_that_describe_themselves_keep_their_attributes(quiet_trainer: Any) -> None:
    from glasshouse.training.task import Task

    data = Diabetes()
    data.setup("fit")
    torch.manual_seed(0)
    task = Task(torch.nn.Linear(data.info.input_shape[0], 2), data.info.target)
    task.optimizer_factory = torch.optim.SGD
    callback = glasshouse.AuditCallback(audits=["performance", "fairness"])
    trainer = quiet_trainer(callbacks=[callback], max_epochs=1)
    trainer.fit(task, datamodule=data)
    trainer.test(task, datamodule=data, verbose=False)
    trainer.test(task, data.test_dataloader(), verbose=False)
    assert len(callback.records) == 1
    trainer.test(task, data.val_dataloader(), verbose=False)
    tested, validated = callback.records
    assert measurements(tested) == measurements(glasshouse.audit(task, data, audits=["performance", "fairness"]))
    expected = glasshouse.audit(task, data, audits=["performance", "fairness"], evaluate_on="validate")
    values = [
        {(m.id.partition("@")[0], m.value) for m in measurements(record) if m.name in ("accuracy", "selection_rate")}
        for record in (validated, expected)
    ]
    assert values[0] == values[1]
    assert len(values[0]) > 3


def forms(project: Any) -> dict[str, Callable[[], Any]]:
    data = project()
    data.setup("fit")
    loaders = {"train": data.train_dataloader(), "validate": data.val_dataloader(), "test": data.test_dataloader()}
    return {"data module": lambda: data, "loaders": lambda: loaders}


@pytest.mark.parametrize("form", ["data module", "loaders"])
def test_the_record_is_that_of_an_audit(form: str, project: Any, classifier: Any, quiet_trainer: Any) -> None:
    data = forms(project)[form]()
    audits = ["performance", "fairness", "membership_inference", {"name": "feature_attribution", "rows": 4}]
    callback = glasshouse.AuditCallback(audits=audits)
    model, trainer = classifier(), quiet_trainer(callbacks=[callback])
    if form == "loaders":
        trainer.fit(model, data["train"], data["validate"])
        trainer.test(model, data["test"], verbose=False)
    else:
        trainer.fit(model, datamodule=data)
        trainer.test(model, datamodule=data, verbose=False)
    (record,) = callback.records
    again = glasshouse.audit(model, data, audits=audits)
    assert measurements(record) == measurements(again)
    for part in ("data", "model"):
        assert record.record.run[part] == again.record.run[part]
    for split in ("train", "test"):
        one, other = (pq.read_table(each.folder / "predictions" / f"{split}.parquet") for each in (record, again))
        assert one.equals(other)


def test_the_record_of_batches_with_a_layout_is_that_of_an_audit(
    classifier: Any, quiet_trainer: Any, table: Any
) -> None:
    x, y, _ = table
    rows = TensorDataset(x, y, torch.arange(len(x)) % 3, torch.linspace(0.5, 2, len(x)))
    cut = {"train": range(180), "test": range(180, 300)}
    loaders = {name: DataLoader(Subset(rows, part), batch_size=32, shuffle=True) for name, part in cut.items()}
    asked: dict[str, Any] = {"batch": ["x", "y", "sensitive.site", "weight"], "audits": ["performance", "fairness"]}
    callback = glasshouse.AuditCallback(**asked)
    model, trainer = classifier(), quiet_trainer(callbacks=[callback])
    trainer.fit(model, loaders["train"])
    trainer.test(model, loaders["test"], verbose=False)
    (record,) = callback.records
    assert measurements(record) == measurements(glasshouse.audit(model, loaders, **asked))
    kept = pq.read_table(record.folder / "predictions" / "test.parquet").to_pandas()
    assert kept["group_site"].tolist() == [str(k % 3) for k in cut["test"]]
    np.testing.assert_allclose(kept["weight"], torch.linspace(0.5, 2, len(x))[180:].double())
    assert yaml.safe_load((record.folder / "config.yaml").read_text())["batch"] == asked["batch"]


def test_names_of_nested_loaders() -> None:
    nested = {"a": 1, "b": {"c": 2, "d": [3, 4]}, "e": [5]}
    assert named_loaders(nested) == {"a": 1, "b-c": 2, "b-d-0": 3, "b-d-1": 4, "e": 5}
    assert named_loaders([1, [2, 3]]) == {f"dataloader_idx_{k}": k + 1 for k in range(3)}
    assert named_loaders([[7]]) == named_loaders(7) == {"": 7}


def test_the_same_rows_are_recognised(table: Any) -> None:
    x, y, _ = table

    def loader(x: Tensor, **options: Any) -> DataLoader:
        return DataLoader(TensorDataset(x, y[: len(x)]), batch_size=32, **options)

    assert same_rows(loader(x), loader(x.clone()))
    assert same_rows(loader(x, shuffle=True), loader(x))
    assert not same_rows(loader(x), loader(x[:-1]))
    assert not same_rows(loader(x), loader(torch.cat([x[:-1], x[:1]])))
    assert not same_rows(loader(x), loader(x.double()))
    batches = [{"x": x, "y": y.numpy(), "name": "a"}]
    assert same_rows(batches, [{"x": x.clone(), "y": y.numpy().copy(), "name": "a"}])
    assert not same_rows(batches, [{"x": x, "y": y.numpy(), "name": "b"}])
    assert not same_rows(iter(batches), iter(batches))  # an order that nobody knows
