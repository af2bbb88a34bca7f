"""Averages by hand, learning apart against each member alone, and a run from short names to the rebuilt model."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import yaml
from glasshouse import Target, UserError
from glasshouse.config.model_sizes import fill_sizes
from glasshouse.data.data_info import DataInfo
from glasshouse.evidence.model_outputs import loss_per_row
from glasshouse.plugins import registry
from glasshouse.training.task import Task
from glasshouse_plugins.models.ensemble import Ensemble
from jsonargparse import Namespace
from pytorch_lightning import LightningModule, Trainer
from torch import Tensor, nn

BINARY = Target(name="y", kind="binary", classes=("no", "yes"))
THREE = Target(name="y", kind="multiclass", classes=("a", "b", "c"))
LABELS = Target(name="y", kind="multilabel", classes=("a", "b", "c"))
PRICE = Target(name="y", kind="regression", center=5.0, scale=2.0)
OWN = Target(name="error", kind="regression", observed=False)


class Fixed(nn.Module):
    """The same output for every row."""

    def __init__(self, *output: float) -> None:
        super().__init__()
        self.output = nn.Parameter(torch.tensor(output))

    def forward(self, x: Tensor) -> Tensor:
        return self.output.expand(len(x), -1)


@pytest.mark.parametrize(
    ("target", "outputs", "expected"),
    [
        (THREE, [(0.0, 0.0, 0.0), (9.0, 9.0, 9.0)], [1 / 3, 1 / 3, 1 / 3]),
        (THREE, [(100.0, 0.0, 0.0), (0.0, 100.0, 0.0)], [0.5, 0.5, 0.0]),
        (BINARY, [(0.0,), (100.0,)], [0.25, 0.75]),
        (LABELS, [(0.0, 100.0, 0.0), (0.0, 0.0, -100.0)], [0.5, 0.75, 0.25]),
    ],
)
def test_probabilities_are_averaged(target: Target, outputs: Any, expected: list[float]) -> None:
    """Not logits: of a certain member and one that knows nothing, the mean of logits would be certain."""
    task = Task(Ensemble([Fixed(*output) for output in outputs]), target)
    assert task.output_kind == "probabilities"
    torch.testing.assert_close(task(torch.zeros(2, 1)).detach(), torch.tensor([expected, expected]))


def test_values_are_averaged_in_the_units_of_the_target() -> None:
    """1 and 3 standard deviations above the mean of 5, at 2 each: 7 and 11."""
    task = Task(Ensemble([Fixed(1.0), Fixed(3.0)]), PRICE)
    found = task.predict_step((torch.zeros(1, 1), torch.zeros(1)), 0)
    assert found.tolist() == [[9.0]]


def fitted(network: nn.Module, target: Target, x: Tensor, y: Tensor, *, lr: float = 0.3) -> tuple[Task, Trainer]:
    task = Task(network, target)
    task.optimizer_factory = lambda parameters: torch.optim.SGD(parameters, lr=lr)
    options: dict[str, Any] = {
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    trainer = Trainer(max_epochs=3, accelerator="cpu", **options)
    trainer.fit(task, torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=8))
    return task, trainer


@pytest.mark.parametrize("target", [BINARY, THREE, PRICE], ids=lambda target: target.kind)
def test_each_member_learns_as_it_would_alone(target: Target) -> None:
    torch.manual_seed(0)
    x = torch.randn(24, 4)
    y = torch.randn(24) if target is PRICE else torch.randint(target.num_outputs, (24,))
    starts = [nn.Linear(4, target.num_outputs) for _ in range(3)]
    members = [nn.Linear(4, target.num_outputs) for _ in range(3)]
    for member, start in zip(members, starts, strict=True):
        member.load_state_dict(start.state_dict())
    _, trainer = fitted(Ensemble(members), target, x, y)
    losses = []
    for member, start in zip(members, starts, strict=True):
        _, alone = fitted(start, target, x, y)
        torch.testing.assert_close(member.weight, start.weight, rtol=1e-5, atol=1e-6)
        losses.append(float(alone.callback_metrics["train_loss"]))
    assert float(trainer.callback_metrics["train_loss"]) == pytest.approx(sum(losses) / 3, rel=1e-5)


def test_the_mean_is_never_worse_than_the_members_are_on_average() -> None:
    """Jensen's inequality, row by row: -log of a mean is at most the mean of -log."""
    torch.manual_seed(0)
    task = Task(Ensemble(member=lambda: nn.Linear(4, 3), copies=4), THREE)
    x, y = torch.randn(50, 4), torch.randint(3, (50,))
    whole = loss_per_row(task(x), y, THREE, "probabilities")
    each = torch.stack([loss_per_row(member(x), y, THREE, "logits") for member in task.network.members])
    assert bool((whole <= each.mean(dim=0) + 1e-6).all())


def test_members_of_a_member_are_members() -> None:
    a, b, c = Fixed(0.0), Fixed(1.0), Fixed(2.0)
    assert list(Ensemble([a, Ensemble([b, c])]).members) == [a, b, c]


def test_copies_begin_apart() -> None:
    torch.manual_seed(0)
    ensemble = Ensemble(member=lambda: nn.Linear(4, 2), copies=3)
    weights = [member.weight for member in ensemble.members]
    assert not any(torch.equal(a, b) for i, a in enumerate(weights) for b in weights[:i])
    assert len({id(p) for p in ensemble.parameters()}) == 6


class OwnScore(Fixed):
    predicts = OWN

    def loss_per_row(self, x: Tensor) -> Tensor:
        return 2 * self(x)[:, 0]


def test_scores_of_the_members_own_are_averaged_and_their_losses_summed() -> None:
    ensemble = Ensemble([OwnScore(1.0), OwnScore(3.0)])
    assert ensemble.predicts is OWN
    assert ensemble(torch.zeros(1, 2)).tolist() == [[2.0]]
    assert ensemble.loss_per_row(torch.zeros(1, 2)).tolist() == [8.0]
    task, _ = fitted(ensemble, OWN, torch.zeros(8, 2), torch.zeros(8), lr=0.1)
    assert [member.output.item() for member in ensemble.members] == pytest.approx([1 - 3 * 0.2, 3 - 3 * 0.2])
    assert task.output_kind == "values"


class Foreign(LightningModule):
    pass


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, r"expected either `members` or `member`, received neither\. Set `model: {class_path: ensemble"),
        (
            {"members": [Fixed(1.0)], "member": lambda: Fixed(1.0)},
            "expected either `members` or `member`, received both",
        ),
        ({"members": []}, "has no members"),
        ({"members": [Fixed(1.0), Foreign()]}, "member 'Foreign' is a LightningModule with its own training step"),
        ({"members": [Fixed(1.0), OwnScore(1.0)]}, "members have different kinds of output"),
    ],
)
def test_what_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=f"^model 'ensemble': {message}"):
        Ensemble(**options)


def test_without_a_target_there_are_no_probabilities() -> None:
    with pytest.raises(UserError, match="has no target yet"):
        Ensemble([Fixed(1.0)])(torch.zeros(1, 1))


def test_sizes_of_members_are_those_of_the_data_and_given_ones_stay() -> None:
    info = DataInfo(
        name="d",
        modality="tabular",
        target=THREE,
        input_shape=(7,),
        sizes={"in_features": 7, "num_classes": 3, "cardinalities": [4]},
    )
    path = registry().class_path
    own = {"class_path": path("model", "mlp"), "init_args": {"hidden": [5], "cardinalities": []}}
    inner = {"class_path": path("model", "ensemble"), "init_args": {"member": {"class_path": path("model", "linear")}}}
    model = Namespace(class_path=path("model", "ensemble"), init_args=Namespace(members=[own, inner]))
    fill_sizes(model, info)
    first, second = model.init_args.members
    assert first.init_args.as_dict() == {"hidden": [5], "cardinalities": [], "in_features": 7, "num_classes": 3}
    assert second.init_args.member.init_args.as_dict() == {"in_features": 7, "num_classes": 3}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A run on inside data, from a file with short names."""
    import glasshouse

    folder = tmp_path_factory.mktemp("ensemble")
    members = [
        "mlp",
        {"class_path": "linear"},
        {"class_path": "ensemble", "init_args": {"member": "linear", "copies": 2}},
    ]
    config = {
        "name": "ensemble",
        "run_dir": str(folder / "runs"),
        "trainer": {"max_epochs": 2, "enable_progress_bar": False},
        "model": {"class_path": "ensemble", "init_args": {"members": members}},
        "data": {"class_path": "diabetes", "init_args": {"task": "binary"}},
        "optimizer": "adamw",
        "audits": ["performance"],
    }
    (folder / "run.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return glasshouse.run(folder / "run.yaml")


def test_a_run_is_rebuilt_from_its_files(finished: Any) -> None:
    from glasshouse.training.model_building import rebuild

    folder = finished.folder
    handle = rebuild(folder)
    saved = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))["model"]["init_args"]
    assert [member["init_args"].get("in_features") for member in saved["members"]] == [11, 11, None]
    x = torch.randn(5, 11)
    scores = handle.scores(x)
    torch.testing.assert_close(scores.sum(dim=1), torch.ones(5))
    again = handle.rebuild(seed=3)
    assert not torch.equal(again.scores(x), scores)
    torch.testing.assert_close(rebuild(folder).scores(x), scores, rtol=0, atol=0)
