"""A stranger's data module in `glasshouse run`: `data_info:` may name a file whose rows are those of the data."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import glasshouse
import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from glasshouse.cli.main import main
from glasshouse.config.allowed_packages import allow
from glasshouse.training.model_building import rebuild

PROJECT = '''
import torch
import torch.nn.functional as F
from pytorch_lightning import LightningDataModule, LightningModule
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split


def rows():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(200, 4, generator=generator)
    return x, (x[:, 0] > 0).long()


class Data(LightningDataModule):
    def setup(self, stage):
        self.parts = random_split(TensorDataset(*rows()), [120, 30, 50])  # anew each time it is called

    def train_dataloader(self):
        return DataLoader(self.parts[0], batch_size=16, shuffle=True)

    def test_dataloader(self):
        return DataLoader(self.parts[2], batch_size=16)


class Module(LightningModule):
    """Without a test_step: what Lightning cannot test, glasshouse audits all the same."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def forward(self, x):
        return self.layer(x)

    def training_step(self, batch, batch_idx):
        return F.cross_entropy(self(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)
'''


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "their_project.py").write_text(PROJECT)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    people = ["sex,age", *(f"{'fm'[k % 2]},{20 + k % 60}" for k in range(200))]
    (tmp_path / "people.csv").write_text("\n".join(people) + "\n")
    yield {
        "model": {"class_path": "their_project.Module"},
        "data": {"class_path": "their_project.Data"},
        "trainer": {"max_epochs": 1, "accelerator": "cpu"},
        "audits": ["performance", "fairness", "membership_inference"],
        "data_info": {
            "name": "theirs",
            "modality": "tabular",
            "target": {"name": "y", "kind": "binary", "classes": ["no", "yes"]},
            "input_shape": [4],
            "aligned": "people.csv",
            "bins": {"age": [40, 60]},
        },
    }
    allow(())
    sys.modules.pop("their_project", None)


def test_attributes_from_a_file_match_the_rows(config: Any) -> None:
    record = glasshouse.run(config, allow=["their_project"])
    import their_project

    x, y = their_project.rows()
    tested, trained = (pq.read_table(record.folder / f"predictions/{s}.parquet").to_pandas() for s in ("test", "train"))
    assert (len(tested), len(trained)) == (50, 120)
    # whose rows they are follows from the scores: all inputs differ
    allow(["their_project"])  # what `glasshouse.run` allowed ended with it
    network = rebuild(record.folder).module
    scores = torch.softmax(network(x), dim=1)[:, 1].detach().numpy()
    seen = []
    for part in (tested, trained):
        rows = np.abs(scores[None, :] - part["score_1"].to_numpy()[:, None]).argmin(axis=1)
        assert part["target"].tolist() == y[rows].tolist()
        assert part["group_sex"].tolist() == ["fm"[row % 2] for row in rows]
        assert part["group_age"].tolist() == [bin_of(20 + row % 60) for row in rows]
        seen.append(set(rows.tolist()))
    assert not seen[0] & seen[1]  # the data were dealt once
    assert record.audits["membership_inference"].status == "completed"

    resolved = yaml.safe_load((record.folder / "config.yaml").read_text())["data_info"]
    assert (resolved["aligned"], resolved["bins"]) == ("people.csv", {"age": [40, 60]})
    assert [a["name"] for a in resolved["sensitive"]] == ["sex", "age"]
    assert main(["--allow", "their_project", "audit", str(record.folder), "--audits", "fairness", "--force"]) == 0


def bin_of(age: int) -> str:
    return "under 40" if age < 40 else "40 to under 60" if age < 60 else "60 and over"


def test_what_nobody_says_is_looked_up_before_training(config: Any) -> None:
    del config["data_info"]
    record = glasshouse.run({**config, "audits": ["performance"]}, allow=["their_project"])
    found = yaml.safe_load((record.folder / "config.yaml").read_text())["data_info"]
    assert (found["name"], found["modality"], found["input_shape"]) == ("data", "tabular", [4])
    assert (found["target"]["kind"], found["target"]["classes"]) == ("binary", ["0", "1"])
    assert record.measurement("accuracy").n == 50
    allow(["their_project"])
    assert rebuild(record.folder).info.target.kind == "binary"


def test_what_does_not_follow_is_asked_before_training(config: Any, tmp_path: Path) -> None:
    file = tmp_path / "their_project.py"
    file.write_text(PROJECT.replace("nn.Linear(4, 2)", "nn.Linear(4, 3)").replace("(x[:, 0] > 0).long()", "x[:, 0]"))
    del config["data_info"]
    with pytest.raises(glasshouse.UserError, match=r"model has 3 outputs\. Say what is predicted"):
        glasshouse.run(config, allow=["their_project"])
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"aligned": "gone.csv"}, "gone.csv cannot be read"),
        ({"aligned": None}, "applies to attributes in files or batches"),
        ({"bins": {"height": [1]}}, "there is no attribute 'height'"),
    ],
)
def test_files_that_do_not_fit_are_refused_before_training(config: Any, change: Any, message: str) -> None:
    config["data_info"] |= change
    with pytest.raises(glasshouse.UserError, match=message):
        glasshouse.run(config, allow=["their_project"])
    assert not Path("runs").exists()


NETWORK = """class Network(nn.Linear):
    def __init__(self):
        super().__init__(4, 2)


class Module"""
THREE = (
    PROJECT.replace("TensorDataset(*rows())", "TensorDataset(rows()[0], torch.arange(200) % 3, rows()[1])")
    .replace("batch[0]), batch[1]", "batch[0]), batch[2]")
    .replace("class Module", NETWORK)
)


@pytest.mark.parametrize("model", ["Module", "Network"])
def test_batches_of_three_are_read_by_their_layout(config: Any, tmp_path: Path, model: str) -> None:
    (tmp_path / "their_project.py").write_text(THREE)
    described = {key: config["data_info"][key] for key in ("name", "modality", "target", "input_shape")}
    layout = {"batch": ["x", "sensitive.site", "y"]}
    config |= {"model": {"class_path": f"their_project.{model}"}, "audits": ["performance", "fairness"]}
    if model == "Network":
        config["optimizer"] = "sgd"
    config["data_info"] = layout if model == "Module" else {**described, **layout}
    record = glasshouse.run(config, allow=["their_project"])
    import their_project

    x, y = their_project.rows()
    allow(["their_project"])
    scores = torch.softmax(rebuild(record.folder).module(x), dim=1)[:, 1].detach().numpy()
    tested = pq.read_table(record.folder / "predictions/test.parquet").to_pandas()
    rows = np.abs(scores[None, :] - tested["score_1"].to_numpy()[:, None]).argmin(axis=1)
    assert tested["target"].tolist() == y[rows].tolist()
    assert tested["group_site"].tolist() == [str(row % 3) for row in rows]
    assert record.audits["fairness"].status == "completed"
    resolved = yaml.safe_load((record.folder / "config.yaml").read_text())["data_info"]
    assert resolved["batch"] == layout["batch"]
    assert resolved["sensitive"] == [{"name": "site", "levels": ["0", "1", "2"], "seen_by_model": None}]
    assert main(["--allow", "their_project", "audit", str(record.folder), "--audits", "fairness", "--force"]) == 0


def test_batches_of_three_without_a_layout_are_refused(config: Any, tmp_path: Path) -> None:
    (tmp_path / "their_project.py").write_text(THREE)
    for data_info in (None, config["data_info"]):
        given = {key: value for key, value in config.items() if key != "data_info"}
        given |= {"data_info": data_info} if data_info else {}
        given["audits"] = ["performance"]
        if data_info:
            given |= {"model": {"class_path": "their_project.Network"}, "optimizer": "sgd"}
        with pytest.raises(glasshouse.UserError, match=r"what is what in a batch \(float32.*`data_info: {batch: \["):
            glasshouse.run(given, allow=["their_project"])
