"""Parameter groups and penalties: what is spared, and steps against torch's own options."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from glasshouse import InMemoryLoader, Target, UserError
from glasshouse.training.optimization import SchedulerConfig
from glasshouse.training.task import Task
from glasshouse_plugins.models.mlp import MLP
from glasshouse_plugins.optimizers.adamw import AdamW
from glasshouse_plugins.optimizers.lbfgs import LBFGS
from glasshouse_plugins.optimizers.sam import SAM
from glasshouse_plugins.optimizers.schedules import Cosine, OneCycle
from glasshouse_plugins.optimizers.sgd import SGD
from glasshouse_plugins.techniques.l1_penalty import L1Penalty
from glasshouse_plugins.techniques.l2_penalty import L2Penalty
from glasshouse_plugins.techniques.parameter_groups import ParameterGroups, build_parameter_groups
from glasshouse_plugins.techniques.weights import named_parameter_kinds, parameters_except
from pytorch_lightning import LightningModule, Trainer
from torch import Tensor, nn

BINARY = Target(name="y", kind="binary", classes=("no", "yes"))


class Several(nn.Module):
    """One of each kind of parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(5, 4)
        self.recurrent = nn.GRU(4, 3, batch_first=True)
        self.norm = nn.LayerNorm(3)
        self.scale = nn.Parameter(torch.ones(3))
        self.head = nn.Linear(3, 2)
        self.frozen = nn.Parameter(torch.ones(2, 2), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(self.recurrent(self.embed(x))[0][:, -1]) * self.scale)


def test_every_parameter_is_of_one_kind() -> None:
    assert {name: kind for name, _, kind in named_parameter_kinds(Several())} == {
        "embed.weight": "embeddings",
        "recurrent.weight_ih_l0": "weights",
        "recurrent.weight_hh_l0": "weights",
        "recurrent.bias_ih_l0": "biases",
        "recurrent.bias_hh_l0": "biases",
        "norm.weight": "norms",
        "norm.bias": "norms",
        "scale": "biases",
        "head.weight": "weights",
        "head.bias": "biases",
    }


def test_embeddings_of_tables_count_as_such_and_shared_weights_once() -> None:
    assert {kind for name, _, kind in named_parameter_kinds(MLP(7, 2, [4])) if name.startswith("embeddings")} == {
        "embeddings"
    }
    network = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    network[1].weight = network[0].weight
    assert parameters_except(network, ["biases"]) == [network[0].weight]
    assert parameters_except(network, []) == [network[0].weight, network[0].bias, network[1].bias]


def names_of(network: nn.Module, group: dict[str, Any]) -> set[str]:
    return {name for name, p in network.named_parameters() if any(p is q for q in group["params"])}


def test_groups_by_hand() -> None:
    network = Several()
    groups = [{"match": "embed.*", "lr": 0.1}, {"match": "*.weight_*", "lr": 0.2, "weight_decay": 0.5}]
    found = build_parameter_groups(network, ["norms", "biases"], groups)
    assert [(names_of(network, g), {k: v for k, v in g.items() if k != "params"}) for g in found] == [
        ({"embed.weight"}, {"lr": 0.1}),
        ({"recurrent.weight_ih_l0", "recurrent.weight_hh_l0"}, {"lr": 0.2, "weight_decay": 0.5}),
        ({"head.weight"}, {}),
        (
            {"recurrent.bias_ih_l0", "recurrent.bias_hh_l0", "norm.weight", "norm.bias", "scale", "head.bias"},
            {"weight_decay": 0.0},
        ),
    ]
    everything = [p for group in found for p in group["params"]]
    assert len(everything) == len(set(everything)) == sum(p.requires_grad for p in network.parameters())


def fitted(
    *techniques: Any, network: nn.Module | None = None, optimizer: Callable[..., Any], epochs: int = 2, **extra: Any
) -> tuple[Task, Trainer]:
    torch.manual_seed(0)
    network = network or nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Linear(6, 2))
    task = Task(network, BINARY)
    task.optimizer_factory = optimizer
    task.scheduler = extra.pop("schedule", None)
    generator = torch.Generator().manual_seed(1)
    x, y = torch.randn(32, 4, generator=generator), torch.randint(2, (32,), generator=generator)
    trainer = Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        callbacks=list(techniques),
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **extra,
    )
    trainer.fit(task, InMemoryLoader(x, y, batch_size=8))
    return task, trainer


def weights(task: Task) -> Tensor:
    return torch.cat([p.detach().flatten() for p in task.network.parameters()])


def test_norms_and_biases_do_not_decay_and_weights_do() -> None:
    """With no rate to learn by, AdamW only shrinks: by lr times decay a step; here a rate so small that this is all."""
    start, _ = fitted(optimizer=lambda p: SGD(p, lr=0.0))
    before = {name: p.detach().clone() for name, p in start.network.named_parameters()}
    task, trainer = fitted(ParameterGroups(), optimizer=lambda p: AdamW(p, lr=1e-8, weight_decay=1e6))
    for name, p in task.network.named_parameters():
        shrunk = (1 - 0.01) ** 8 if name in ("0.weight", "2.weight") else 1.0
        torch.testing.assert_close(p.detach(), before[name] * shrunk, rtol=0, atol=1e-5)
    assert len(trainer.optimizers[0].param_groups) == 2
    assert task.parameter_groups is None  # nothing stays behind


def test_a_rate_by_name_and_a_schedule_moves_it_along() -> None:
    technique = ParameterGroups(no_decay=[], groups=[{"match": "0.*", "lr": 0.0}, {"match": "2.*", "lr": 0.5}])
    schedule = SchedulerConfig(Cosine, {}, "step")
    start, _ = fitted(optimizer=lambda p: SGD(p, lr=0.0))
    task, trainer = fitted(technique, optimizer=lambda p: SGD(p, lr=0.1), schedule=schedule)
    assert torch.equal(task.network[0].weight, start.network[0].weight)
    assert not torch.equal(task.network[2].weight, start.network[2].weight)
    assert [group["initial_lr"] for group in trainer.optimizers[0].param_groups] == [0.0, 0.5, 0.1]
    cycle = SchedulerConfig(OneCycle, {}, "step")
    _, trainer = fitted(technique, optimizer=lambda p: SGD(p, lr=0.1), schedule=cycle)
    assert [group["max_lr"] for group in trainer.optimizers[0].param_groups] == [0.0, 0.5, 0.1]


def test_groups_work_with_sam() -> None:
    task, trainer = fitted(ParameterGroups(), optimizer=lambda p: SAM(p, lr=0.1, weight_decay=0.1))
    assert [group["weight_decay"] for group in trainer.optimizers[0].param_groups] == [0.1, 0.0]
    assert bool(torch.isfinite(weights(task)).all())


def test_an_l2_penalty_is_half_of_sgds_weight_decay() -> None:
    with_penalty, _ = fitted(L2Penalty(0.05, spare=[]), optimizer=lambda p: SGD(p, lr=0.1))
    with_decay, _ = fitted(optimizer=lambda p: SGD(p, lr=0.1, weight_decay=0.1))
    torch.testing.assert_close(weights(with_penalty), weights(with_decay), rtol=1e-5, atol=1e-6)
    spared_, _ = fitted(L2Penalty(0.05), optimizer=lambda p: SGD(p, lr=0.1))
    grouped_, _ = fitted(ParameterGroups(), optimizer=lambda p: SGD(p, lr=0.1, weight_decay=0.1))
    torch.testing.assert_close(weights(spared_), weights(grouped_), rtol=1e-5, atol=1e-6)


def test_an_l1_penalty_pulls_by_its_strength_whatever_the_weight() -> None:
    """One step on a loss without a gradient: inputs are zero, so that weights move by lr times strength alone."""
    network = nn.Linear(4, 2)
    before = network.weight.detach().clone()
    task = Task(network, BINARY)
    task.optimizer_factory = lambda p: SGD(p, lr=0.1)
    options: Any = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = Trainer(max_epochs=1, accelerator="cpu", callbacks=[L1Penalty(0.2)], **options)
    trainer.fit(task, InMemoryLoader(torch.zeros(8, 4), torch.zeros(8, dtype=torch.long), batch_size=8))
    torch.testing.assert_close(network.weight.detach(), before - 0.1 * 0.2 * before.sign())
    assert task.penalties == []
    # the logged loss is that of the data: log 2 at zero logits, here of two biases
    assert float(trainer.callback_metrics["train_loss"]) < 1.5


def test_l1_leaves_fewer_weights_that_matter_than_l2() -> None:
    def small(task: Task) -> float:
        return float((task.network[0].weight.abs() < 0.02).float().mean())

    one, _ = fitted(L1Penalty(0.02), optimizer=lambda p: SGD(p, lr=0.05), epochs=40)
    none, _ = fitted(optimizer=lambda p: SGD(p, lr=0.05), epochs=40)
    assert small(one) > small(none) + 0.2


class Own(LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        return self.layer(batch.x).sum()

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def test_what_is_refused() -> None:
    with pytest.raises(
        UserError, match=r"'parameter_groups': no remaining parameter matches 'embd\.\*'\. Names: 0\.we"
    ):
        fitted(ParameterGroups(groups=[{"match": "embd.*", "lr": 0.1}]), optimizer=SGD)
    with pytest.raises(UserError, match=r"SGD has no option 'learning_rate'\. Options: .*lr"):
        fitted(ParameterGroups(groups=[{"match": "0.*", "learning_rate": 0.1}]), optimizer=SGD)
    with pytest.raises(ValueError, match=r"LBFGS doesn't support per-parameter options"):
        fitted(ParameterGroups(), optimizer=LBFGS)
    for technique in (ParameterGroups(), L1Penalty(), L2Penalty()):
        trainer = Trainer(
            max_epochs=1, accelerator="cpu", callbacks=[technique], logger=False, enable_checkpointing=False
        )
        with pytest.raises(UserError, match=r"Own' (configures its own|is a LightningModule whose tr)"):
            trainer.fit(Own(), InMemoryLoader(torch.zeros(8, 4), torch.zeros(8)))
    with pytest.raises(ValueError, match=r"a group is .*expected a pattern and options"):
        ParameterGroups(groups=[{"match": "0.*"}])
    with pytest.raises(ValueError, match=r"spare is \['norm'\]; expected a list of norms, biases, embeddings"):
        L1Penalty(spare=["norm"])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="strength is -1; expected 0 or more"):
        L2Penalty(-1)
