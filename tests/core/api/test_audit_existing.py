"""`glasshouse.audit`: a stranger's model and data give the numbers of a loop by hand, and are left as they were.

The oracle is the data set itself: predictions row by row in its own order, with attributes at the same positions.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import glasshouse
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
import torch.nn.functional as F
import yaml
from glasshouse.cli.main import main
from glasshouse.data.data_info import DataInfo
from glasshouse.external_data.adapter import LoaderAdapter
from glasshouse.pipeline.existing_model import weights_digest
from pytorch_lightning import LightningDataModule, LightningModule
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset, Subset, SubsetRandomSampler, TensorDataset

AUDITS = ["performance", "fairness"]


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 2)).train()


def selection_rates(network: nn.Module, x: Tensor, sex: np.ndarray) -> dict[str, float]:
    """By hand: the share of each group whose second score is the larger."""
    network.eval()
    with torch.no_grad():
        chosen = network(x).argmax(dim=1).numpy() == 1
    network.train()
    return {level: float(chosen[sex == level].mean()) for level in ("f", "m")}


def measured(record: glasshouse.RunRecord) -> dict[str, float | None]:
    return {level: record.measurement("selection_rate", sex=level).value for level in ("f", "m")}


def test_attributes_of_all_rows_match_shuffled_subsets(project: Any, network: nn.Module, table: Any) -> None:
    x, y, sex = table
    data = project()
    record = glasshouse.audit(network, data, sensitive={"sex": sex}, audits="fairness", evaluate_on="train")
    rows = np.array(data.parts[0].indices)
    assert measured(record) == pytest.approx(selection_rates(network, x[rows], sex[rows]))
    found = pq.read_table(record.folder / "predictions" / "train.parquet").to_pandas()
    assert found["target"].tolist() == y[rows].tolist()
    assert found["group_sex"].tolist() == sex[rows].tolist()
    assert found["index"].tolist() == list(range(len(rows)))
    network.eval()
    expected = torch.softmax(network(x[rows]), dim=1).detach().numpy()
    np.testing.assert_allclose(found[["score_0", "score_1"]], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("form", ["mapping", "frame", "file", "by split"])
def test_attributes_of_the_judged_split(network: nn.Module, table: Any, form: str, tmp_path: Path) -> None:
    x, y, sex = table
    pd.DataFrame({"sex": sex}).to_csv(tmp_path / "people.csv", index=False)
    given = {
        "mapping": {"sex": sex},
        "frame": pd.DataFrame({"sex": sex}),
        "file": tmp_path / "people.csv",
        "by split": {"test": {"sex": list(sex)}},
    }[form]
    loader = DataLoader(TensorDataset(x, y), batch_size=64, shuffle=True)
    record = glasshouse.audit(network, loader, sensitive=given, audits="fairness")
    assert measured(record) == pytest.approx(selection_rates(network, x, sex))


def test_a_split_by_sampler_is_not_the_whole_data_set(network: nn.Module, table: Any) -> None:
    x, y, sex = table
    rows = np.random.default_rng(1).permutation(len(x))[:120]
    loader = DataLoader(TensorDataset(x, y), batch_size=50, sampler=SubsetRandomSampler(rows.tolist()))
    record = glasshouse.audit(network, {"test": loader}, sensitive={"sex": sex}, audits="fairness")
    assert measured(record) == pytest.approx(selection_rates(network, x[rows], sex[rows]))
    assert record.record.run["data"]["rows"] == {"test": 120}


def test_numbers_are_binned(network: nn.Module, table: Any) -> None:
    x, y, _ = table
    age = np.linspace(18, 80, len(x))
    loader = DataLoader(TensorDataset(x, y), batch_size=64)
    record = glasshouse.audit(network, loader, sensitive={"age": age}, bins={"age": (40, 60)}, audits="fairness")
    (middle,) = record.measurements("selection_rate", age="40 to under 60")
    assert middle.n == int(((age >= 40) & (age < 60)).sum())


def test_batches_may_say_themselves_which_rows_they_hold(network: nn.Module, table: Any) -> None:
    x, y, sex = table

    class Stream(IterableDataset):
        def __iter__(self):
            order = torch.randperm(len(x), generator=torch.Generator().manual_seed(5))
            return iter([{"x": x[k], "y": y[k], "index": k} for k in order])

    loader = DataLoader(Stream(), batch_size=32)
    record = glasshouse.audit(network, loader, sensitive={"sex": sex}, audits="fairness")
    assert measured(record) == pytest.approx(selection_rates(network, x, sex))
    data = LoaderAdapter({"test": loader}.get, judged="test")
    data.info = DataInfo.from_dict(record.record.run["data"])
    assert torch.equal(data.inputs("test"), x)


class Pairs(IterableDataset):
    """An order that nobody can know."""

    def __init__(self, x: Tensor, y: Tensor) -> None:
        self.rows = list(zip(x, y, strict=True))

    def __iter__(self):
        return iter(random.sample(self.rows, len(self.rows)))


def test_attributes_beside_an_unknown_order_are_refused(network: nn.Module, table: Any) -> None:
    x, y, sex = table
    loader = DataLoader(Pairs(x, y), batch_size=32)
    with pytest.raises(glasshouse.UserError, match="order of the rows of split 'test' is not known"):
        glasshouse.audit(network, loader, sensitive={"sex": sex}, audits="fairness")
    assert not any(path.is_file() for path in Path("runs").rglob("*"))  # nothing is left behind
    record = glasshouse.audit(network, loader, audits=AUDITS)
    assert record.audits["performance"].status == "completed"
    assert record.audits["fairness"].status == "skipped"


def test_nothing_is_disturbed(project: Any, network: nn.Module, table: Any) -> None:
    data = project()
    data.setup("fit")
    F.cross_entropy(network(table[0]), table[1]).backward()
    network[0].eval()  # a mixture of modes
    before = {
        "weights": weights_digest(network),
        "modes": [m.training for m in network.modules()],
        "gradients": [p.grad.clone() for p in network.parameters()],
        "torch": torch.random.get_rng_state(),
        "numpy": np.random.get_state()[1].copy(),
        "python": random.getstate(),
    }
    differentiating = {"name": "feature_attribution", "rows": 5}
    glasshouse.audit(network, data, sensitive={"sex": table[2]}, audits=["performance", differentiating])
    assert weights_digest(network) == before["weights"]
    assert [m.training for m in network.modules()] == before["modes"]
    assert all(torch.equal(p.grad, g) for p, g in zip(network.parameters(), before["gradients"], strict=True))
    assert torch.equal(torch.random.get_rng_state(), before["torch"])
    assert (np.random.get_state()[1] == before["numpy"]).all()
    assert random.getstate() == before["python"]


def test_data_that_split_at_random_are_not_split_anew(project: Any, classifier: Any, quiet_trainer: Any) -> None:
    data, model = project(seed=None), classifier()
    quiet_trainer(max_epochs=1).fit(model, datamodule=data)
    trained_on = list(data.parts[0].indices)
    record = glasshouse.audit(model, data, audits=["performance", "membership_inference"])
    assert data.set_ups == ["fit"]
    assert list(data.parts[0].indices) == trained_on
    assert record.record.run["data"]["rows"] == {"train": 180, "test": 60}


def test_data_that_are_not_set_up_are(project: Any, classifier: Any) -> None:
    data = project()
    glasshouse.audit(classifier(), data, audits="performance")
    assert data.set_ups == ["test"]


def test_the_projects_batch_hooks_are_heeded(network: nn.Module, table: Any) -> None:
    x, y, _ = table

    class Scaled(LightningDataModule):
        def test_dataloader(self) -> DataLoader:
            return DataLoader(TensorDataset(100 * x, y), batch_size=64)

        def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
            return batch[0] / 100, batch[1]

    plain = glasshouse.audit(network, DataLoader(TensorDataset(x, y), batch_size=64), audits="performance")
    scaled = glasshouse.audit(network, Scaled(), audits="performance")
    losses = [record.measurement("log_loss").value for record in (plain, scaled)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_a_part_called_network_is_not_taken_for_the_whole(table: Any) -> None:
    x, y, _ = table

    class Sharp(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network = nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            return 5 * self.network(x)

    torch.manual_seed(0)
    model = Sharp()
    record = glasshouse.audit(model, DataLoader(TensorDataset(x, y), batch_size=64), audits="performance")
    expected = F.cross_entropy(5 * model.network(x), y).item()
    assert record.measurement("log_loss").value == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("said", [None, "probabilities"])
def test_probabilities_are_not_squashed_again(table: Any, said: Any) -> None:
    x, y, _ = table
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 2), nn.Softmax(dim=1))
    record = glasshouse.audit(
        model, DataLoader(TensorDataset(x, y), batch_size=64), audits="performance", output_kind=said
    )
    assert record.measurement("log_loss").value == pytest.approx(F.nll_loss(model(x).log(), y).item(), rel=1e-4)


def test_targets_in_a_column_of_floats(table: Any) -> None:
    x, y, _ = table
    torch.manual_seed(0)
    model = nn.Linear(4, 1)
    loader = DataLoader(TensorDataset(x, y[:, None].float()), batch_size=64)
    record = glasshouse.audit(model, loader, audits="performance")
    expected = ((model(x)[:, 0] > 0).long() == y).float().mean().item()
    assert record.measurement("accuracy").value == pytest.approx(expected)


def test_the_folder_says_how_it_came_about(network: nn.Module, table: Any, capsys: Any) -> None:
    x, y, sex = table
    loaders = {"test": DataLoader(TensorDataset(x, y), batch_size=64)}
    record = glasshouse.audit(network, loaders, sensitive={"sex": sex}, audits=["performance"], name="hand made")
    config = yaml.safe_load((record.folder / "config.yaml").read_text())
    assert config["made_by"] == "glasshouse.audit"
    assert config["model"] == {
        "class_path": "torch.nn.modules.container.Sequential",
        "weights_sha256": weights_digest(network),
    }
    assert (config["data"], config["sensitive_from"], config["sensitive"]) == ("loaders", "values", ["sex"])
    assert record.folder.parent == Path("runs/hand made")
    assert {"record.json", "report.html", "report.json", "provenance.json"} <= {p.name for p in record.folder.iterdir()}
    data = record.record.run["data"]
    assert data["sensitive"] == [{"name": "sex", "levels": ["f", "m"], "seen_by_model": None}]
    assert "unknown whether it is a model input" in (record.folder / "report.html").read_text()
    capsys.readouterr()
    for command in (["audit", str(record.folder)], ["run", "--config", str(record.folder / "config.yaml")]):
        assert main(command) == 2
        assert "describes an audit by glasshouse.audit" in capsys.readouterr().err
    assert main(["report", str(record.folder)]) == 0
    assert main(["verify", str(record.folder)]) == 0  # the manifest has every file


def test_digests_tell_weights_apart(network: nn.Module) -> None:
    before = weights_digest(network)
    with torch.no_grad():
        network[0].bias[0] += 1e-6
    assert weights_digest(network) != before


class NoForward(LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 2)


class TwoAnswers(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x, x


Arguments = Callable[[Any], dict[str, Any]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (lambda t: {"model": "net.pt"}, "expected a torch module first, received str"),
        (lambda t: {"model": NoForward()}, "model 'NoForward': has no `forward`"),
        (lambda t: {"model": TwoAnswers()}, "model 'TwoAnswers': returns tuple; expected one tensor"),
        (lambda t: {"data": {"tset": t}}, "expected a data module, or loaders by split, received tset"),
        (lambda t: {"data": 3}, "received int"),
        (lambda t: {"data": {"train": t}}, "there is no loader for the split 'test'. Set evaluate_on to one of: train"),
        (lambda t: {"data": [t, t]}, r"has 2 loaders \(dataloader_idx_0, dataloader_idx_1\); expected one"),
        (lambda t: {"data": {"test": {"clean": t, "shifted": t}}}, r"has 2 loaders \(clean, shifted\); expected one"),
        (lambda t: {"audits": ["fairnes"]}, "Did you mean 'fairness'"),
        (lambda t: {"audits": [{"name": "fairness", "levle": 1}]}, "has no option 'levle'"),
        (lambda t: {"policy": "strict.yaml"}, "strict.yaml"),
        (lambda t: {"report": ["pdf"]}, "pdf"),
        (lambda t: {"sensitive": ["sex"]}, "has no attribute 'sex'"),
        (lambda t: {"bins": {"age": (1,)}}, "applies to attributes in files or batches"),
        (lambda t: {"sensitive": {"sex": ["f"]}}, "has 1 rows for split 'test'; its data have 300"),
        (
            lambda t: {"info": {"target": {"name": "y", "kind": "multiclass", "classes": [*"abc"]}}},
            r"expected \(n, 3\)",
        ),
        (lambda t: {"data": DataLoader(Subset(t.dataset, []))}, "has no batch"),
    ],
)
def test_what_cannot_be_used_is_refused_and_nothing_written(
    network: nn.Module, table: Any, arguments: Arguments, message: str
) -> None:
    loader = DataLoader(TensorDataset(table[0], table[1]), batch_size=64)
    asked: dict[str, Any] = {"model": network, "data": loader, "audits": ["performance"], **arguments(loader)}
    with pytest.raises(glasshouse.UserError, match=message):
        glasshouse.audit(asked.pop("model"), asked.pop("data"), **asked)
    assert not any(path.is_file() for path in Path("runs").rglob("*"))


def test_targets_outside_the_classes_are_refused(network: nn.Module, table: Any) -> None:
    loader = DataLoader(TensorDataset(table[0], table[1] + 1), batch_size=64)
    with pytest.raises(glasshouse.UserError, match="the binary target has values from 1 to 2; expected the codes 0"):
        glasshouse.audit(network, loader, audits="performance")
