"""Models with a score of their own: training, predictions, the attribute that their data's classes become, audits.

The network is linear with one hidden number; its numbers are computed again with NumPy from its weights.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import glasshouse
import numpy as np
import pytest
import torch
import yaml
from glasshouse import Batch, DataInfo, Evidence, InMemoryLoader, ModelHandle, Sensitive, Target, UserError
from glasshouse.evidence.collect import collect
from glasshouse.evidence.self_scoring import (
    self_score_loss,
    self_score_target,
    with_default_target,
    with_self_score_target,
)
from glasshouse.measure.selection import unmet_requirement
from glasshouse.plugins import registry
from glasshouse.training.model_building import rebuild
from glasshouse.training.task import Task
from pytorch_lightning import Trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

Fit = Callable[..., Trainer]
ERROR = Target(name="reconstruction_error", kind="regression", observed=False)
ANIMALS = Target(name="animal", kind="multiclass", classes=("cat", "dog", "eel"))
INFO = DataInfo(
    name="zoo",
    modality="tabular",
    target=ANIMALS,
    input_shape=(4,),
    sensitive=(Sensitive(name="cage", levels=("in", "out")),),
)


class Narrow(nn.Module):
    """Four numbers through one and back; the score is the mean squared difference."""

    predicts = ERROR

    def __init__(self, in_features: int = 4) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(in_features, 1), nn.Linear(1, in_features)

    def forward(self, x: Tensor) -> Tensor:
        return (self.up(self.down(x)) - x).square().mean(dim=1, keepdim=True)


class Penalised(Narrow):
    """Minimises ten times its score and the squared hidden number; generates what the hidden numbers decode to."""

    def loss_per_row(self, x: Tensor) -> Tensor:
        return 10 * self(x)[:, 0] + self.down(x)[:, 0].square()

    def generate(self, count: int, *, seed: int) -> Tensor:
        return self.up(torch.randn(count, 1, generator=torch.Generator().manual_seed(seed)))


def score(network: Narrow, x: Tensor) -> np.ndarray:
    """Oracle: the score in NumPy."""
    hidden = x.numpy() @ network.down.weight.detach().numpy().T + network.down.bias.detach().numpy()
    back = hidden @ network.up.weight.detach().numpy().T + network.up.bias.detach().numpy()
    return ((back - x.numpy()) ** 2).mean(axis=1)


def rows(n: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 4, generator=generator)
    return x, torch.randint(3, (n,), generator=generator), torch.randint(2, (n, 1), generator=generator)


# ------------------------------------------------------------ training


@pytest.mark.parametrize("network", [Narrow, Penalised])
def test_what_is_logged_is_the_networks_own_loss_over_all_rows(fit: Fit, make_task: Any, network: Any) -> None:
    """At a rate of 0; the last batch has 3 rows of 103. The targets are classes, which a regression would refuse."""
    torch.manual_seed(0)
    task = make_task(network(), ERROR)
    x, y, _ = rows(103)
    held_out = rows(40, seed=1)
    trainer = fit(task, InMemoryLoader(x, y, batch_size=25), InMemoryLoader(*held_out[:2], batch_size=25))
    expected = {}
    for name, given in (("train_loss", x), ("validate_loss", held_out[0])):
        hidden = given.numpy() @ task.network.down.weight.detach().numpy().T + task.network.down.bias.detach().numpy()
        own = score(task.network, given)
        expected[name] = (own if network is Narrow else 10 * own + hidden[:, 0] ** 2).mean()
    assert {k: float(v) for k, v in trainer.callback_metrics.items()} == pytest.approx(expected, rel=1e-5)


def test_training_lowers_it_and_ignores_the_targets(fit: Fit, make_task: Any) -> None:
    x, y, _ = rows(120)
    learned = []
    for targets in (y, torch.zeros(120, 5)):
        torch.manual_seed(0)
        task = make_task(Narrow(), ERROR, lr=0.05)
        before = score(task.network, x).mean()
        fit(task, InMemoryLoader(x, targets, batch_size=20), epochs=5)
        learned.append(score(task.network, x))
        assert learned[-1].mean() < 0.9 * before
    np.testing.assert_array_equal(*learned)


def test_row_weights_and_loss_terms_act_on_it(fit: Fit, make_task: Any) -> None:
    """Rows of weight 0 teach nothing; a term sees the score of every row."""
    x, y, _ = rows(60)
    torch.manual_seed(0)
    task = make_task(Penalised(), ERROR, lr=0.05)
    start = {name: value.clone() for name, value in task.state_dict().items()}
    seen: list[Tensor] = []
    task.row_weights = lambda batch: torch.zeros(len(batch.x))
    task.loss_terms.append(lambda scores, batch: seen.append(scores.detach()) or 0.0)  # type: ignore[func-returns-value]
    fit(task, InMemoryLoader(x, y, batch_size=60))
    for name, value in task.state_dict().items():
        torch.testing.assert_close(value, start[name])
    np.testing.assert_allclose(seen[0][:, 0], score(task.network, x), rtol=1e-5)


# ------------------------------------------------------------ what is known, and predictions


def test_the_score_takes_the_targets_place_and_the_classes_become_an_attribute() -> None:
    info = with_self_score_target(INFO, Narrow())
    assert (info.target, info.labels) == (ERROR, ANIMALS)
    assert [(a.name, a.levels, a.seen_by_model) for a in info.sensitive] == [
        ("cage", ("in", "out"), False),
        ("animal", ("cat", "dog", "eel"), False),
    ]
    assert with_self_score_target(info, Narrow()) is info
    assert with_self_score_target(info, Task(Narrow(), ERROR)) is info
    assert DataInfo.from_dict(info.to_dict()) == info
    assert with_self_score_target(INFO, nn.Linear(4, 3)) is INFO


@pytest.mark.parametrize(
    "target",
    [
        Target(name="price", kind="regression"),
        Target(name="tags", kind="multilabel", classes=("a", "b")),
        Target(name="cage", kind="binary", classes=("in", "out")),  # is an attribute already
    ],
    ids=["numbers", "labels", "taken"],
)
def test_targets_that_become_no_attribute(target: Target) -> None:
    from dataclasses import replace

    info = with_self_score_target(replace(INFO, target=target), Narrow())
    assert (info.target, info.labels, info.sensitive) == (ERROR, None, INFO.sensitive)


def test_predictions_have_the_networks_losses_no_targets_and_the_classes_as_groups() -> None:
    torch.manual_seed(0)
    network = Penalised()
    info = with_self_score_target(INFO, network)
    handle = ModelHandle(Task(network, ERROR), info)
    x, y, cage = rows(50)
    order = torch.randperm(50, generator=torch.Generator().manual_seed(3))
    batches = [Batch(x[part], y[part], cage[part], part) for part in order.split(7)]
    found = collect(handle, batches, split="test", info=info, sensitive=["cage", "animal"])
    assert found.targets is None
    np.testing.assert_allclose(found.scores[:, 0], score(network, x), rtol=1e-5)
    np.testing.assert_allclose(found.losses, network.loss_per_row(x).detach(), rtol=1e-6)
    np.testing.assert_allclose(handle.loss(x, y), found.losses, rtol=1e-6)
    assert found.groups["cage"].codes.tolist() == cage[:, 0].tolist()
    assert found.groups["animal"].codes.tolist() == y.tolist()
    assert found.groups["animal"].levels == ("cat", "dog", "eel")
    chosen = collect(handle, batches, split="test", info=info, sensitive=["cage"])
    assert list(chosen.groups) == ["cage"]


def test_generate_is_a_capability_of_networks_that_have_it() -> None:
    info = with_self_score_target(INFO, Narrow())
    handle = ModelHandle(Task(Penalised(), ERROR), info)
    assert "generate" in handle.capabilities
    assert "generate" not in ModelHandle(Task(Narrow(), ERROR), info).capabilities
    made = handle.generate(6, seed=1)
    assert made.shape == (6, 4)
    assert torch.equal(made, handle.generate(6, seed=1))
    assert not torch.equal(made, handle.generate(6, seed=2))
    odd = Penalised(5)
    with pytest.raises(UserError, match=r"generates shape \(6, 5\); expected \(6, 4\)"):
        ModelHandle(Task(odd, ERROR), info).generate(6, seed=1)


# ------------------------------------------------------------ refusals


def test_refusals() -> None:
    with pytest.raises(ValueError, match="its kind must be regression"):
        Target(name="x", kind="binary", classes=("a", "b"), observed=False)
    network = nn.Linear(4, 1)
    network.predicts = Target(name="x", kind="regression")  # type: ignore[assignment]
    with pytest.raises(UserError, match="expected a target with observed=False"):
        self_score_target(network)
    wide = nn.Linear(4, 2)
    assert self_score_loss(wide, torch.zeros(3, 4)).shape == (3,)
    wide.loss_per_row = lambda x: wide(x)  # type: ignore[assignment]
    with pytest.raises(UserError, match=r"losses have shape \(3, 2\); expected \(3,\)"):
        self_score_loss(wide, torch.zeros(3, 4))


def test_a_target_that_somebody_names_is_kept() -> None:
    assert with_default_target({"target": {"name": "mine"}}, Narrow()) == {"target": {"name": "mine"}}
    assert with_default_target(INFO, Narrow()) is INFO
    assert with_default_target(None, nn.Linear(1, 1)) is None
    assert with_default_target({"name": "n"}, Narrow())["target"]["observed"] is False  # type: ignore[index]


# ------------------------------------------------------------ a run, and what comes after


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A table of patients through three numbers and back, with every audit that is installed."""
    folder = tmp_path_factory.mktemp("runs")
    from glasshouse.config.allowed_packages import allow
    from glasshouse.plugins import Registry, set_registry

    plugin = folder / "narrow_plugin.py"
    plugin.write_text(PLUGIN)
    set_registry(Registry.from_environment(files=[plugin]))
    yield glasshouse.run(
        model="narrow",
        data={"class_path": "diabetes", "init_args": {"task": "binary"}},
        optimizer={"class_path": "adam", "init_args": {"lr": 0.05}},
        trainer={"max_epochs": 3, "accelerator": "cpu", "enable_progress_bar": False},
        audits=["performance", *FITTING, "subgroups"],
        run_dir=str(folder),
        report=["html", "md", "json"],
    )
    allow(())
    set_registry(None)


LABEL = "progression above the median"
FITTING = ["fairness", "membership_inference", "counterfactual_flip"]

PLUGIN = """
from glasshouse import ModelPlugin, Target, hookimpl
from torch import nn

class Narrow(nn.Module):
    predicts = Target(name="reconstruction_error", kind="regression", observed=False)

    def __init__(self, in_features: int) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(in_features, 3), nn.Linear(3, in_features)

    def forward(self, x):
        return (self.up(self.down(x)) - x).square().mean(dim=1, keepdim=True)

@hookimpl
def glasshouse_models():
    yield ModelPlugin(name="narrow", target="narrow_plugin:Narrow", summary="three numbers in the middle")
"""


def test_every_audit_fits_or_says_why_not(run: Any) -> None:
    status = {audit.name: (audit.status, audit.reason) for audit in run.record.audits}
    assert not [name for name, (state, _) in status.items() if state == "error"], status
    reason = "no data hold the truth of the model's own score, reconstruction_error"
    assert status["performance"] == ("skipped", reason)
    assert status["subgroups"] == ("skipped", reason)
    for name in FITTING:
        assert status[name][0] == "completed", status[name]


def test_the_mean_score_by_group_and_its_gaps(run: Any) -> None:
    """The oracle reads the predictions' file with pandas."""
    import pandas as pd

    frame = pd.read_parquet(run.folder / "predictions" / "test.parquet")
    assert "target" not in frame
    for attribute in ("sex", LABEL):
        means = frame.groupby(f"group_{attribute}", observed=True)["score_0"].mean()
        for level, expected in means.items():
            found = run.measurement("mean_prediction", group={attribute: level})
            assert found.value == pytest.approx(expected, rel=1e-5)
            assert found.low < found.value < found.high
        gap = run.measurement("mean_prediction_difference", over=[attribute])
        assert gap.value == pytest.approx(means.max() - means.min(), rel=1e-4)
    membership = run.measurement("attack_roc_auc")
    assert 0.3 < membership.value < 0.7
    assert "(computed by the model; the data have no such target)" in (run.folder / "report.md").read_text()


def test_the_best_checkpoint_is_that_of_the_lowest_loss(run: Any) -> None:
    import csv

    with (run.folder / "metrics.csv").open() as file:
        losses = [float(row["validate_loss"]) for row in csv.DictReader(file) if row.get("validate_loss")]
    assert losses[-1] < losses[0]
    assert (run.folder / "checkpoints" / "best.ckpt").is_file()


def test_config_rebuilt_model_and_another_audit_know_the_same(run: Any, tmp_path: Path) -> None:
    config = yaml.safe_load((run.folder / "config.yaml").read_text())
    info = DataInfo.from_dict(config["data_info"])
    assert info.target == ERROR
    assert info.labels is not None
    assert [a.name for a in info.sensitive] == ["sex", "age_group", LABEL]
    handle = rebuild(run.folder)
    assert handle.info == info
    from glasshouse.cli.commands.audit import main

    before = (run.folder / "predictions" / "test.parquet").read_bytes()
    measured = run.measurement("mean_prediction", group={LABEL: "yes"})
    assert main([str(run.folder), "--audits", "fairness", "--force"]) == 0
    assert (run.folder / "predictions" / "test.parquet").read_bytes() == before
    again = glasshouse.RunRecord.read(run.folder)
    assert again.measurement("mean_prediction", group={LABEL: "yes"}) == measured
    data = registry().load(registry().find("data", "diabetes"))(task="binary")
    direct = glasshouse.audit(handle.lightning_module, data, audits=["fairness"], run_dir=tmp_path)
    assert direct.measurement("mean_prediction", group={LABEL: "yes"}) == measured


def test_a_strangers_loaders_need_no_description(tmp_path: Path) -> None:
    torch.manual_seed(0)
    x, y, cage = rows(80)
    network = Narrow()
    loader = DataLoader(TensorDataset(x, y), batch_size=16)
    found = glasshouse.audit(
        network,
        {"test": loader},
        sensitive={"cage": np.array(["in", "out"])[cage[:, 0]]},
        audits=["fairness"],
        run_dir=tmp_path,
    )
    mean = score(network, x)[cage[:, 0].numpy() == 0].mean()
    assert found.measurement("mean_prediction", group={"cage": "in"}).value == pytest.approx(mean, rel=1e-5)
    assert found.record.run["data"]["target"]["name"] == "reconstruction_error"


def test_why_an_audit_does_not_fit() -> None:
    info = with_self_score_target(INFO, Narrow())
    x, y, cage = rows(10)
    handle = ModelHandle(Task(Narrow(), ERROR), info)
    predictions = collect(handle, [Batch(x, y, cage, torch.arange(10))], split="test", info=info, sensitive=["cage"])
    evidence = Evidence(info=info, predictions={"test": predictions}, model=handle)
    plugin = registry().find("audit", "performance").plugin
    assert (
        unmet_requirement(plugin, evidence) == "no data hold the truth of the model's own score, reconstruction_error"
    )  # type: ignore[arg-type]
    assert not evidence.has("generate")
