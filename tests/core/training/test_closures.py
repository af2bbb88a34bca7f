"""Optimizers that look at all rows at once, or at a batch more than once, inside a Trainer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from glasshouse import InMemoryLoader, Target, UserError
from glasshouse.training.task import Task
from glasshouse.training.trainer import make_trainer
from glasshouse_plugins.optimizers.adagrad import Adagrad
from glasshouse_plugins.optimizers.adam import Adam
from glasshouse_plugins.optimizers.gd import GD
from glasshouse_plugins.optimizers.lbfgs import LBFGS
from glasshouse_plugins.optimizers.nesterov import Nesterov
from glasshouse_plugins.optimizers.sam import SAM
from glasshouse_plugins.optimizers.schedules import Cosine
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor, nn

BINARY = Target(name="y", kind="binary", classes=("no", "yes"))
PRICE = Target(name="price", kind="regression", center=3.0, scale=2.0)
Fit = Callable[..., Trainer]


def network(seed: int = 0, outputs: int = 2) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, outputs))


def weights(module: nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in module.parameters()])


def by_hand(net: nn.Module, optimizer: torch.optim.Optimizer, loss: Callable[[], Tensor], steps: int) -> Tensor:
    """Oracle: torch's own optimizer on the loss of all rows in one piece."""

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    for _ in range(steps):
        optimizer.step(closure)
    return weights(net)


@pytest.mark.parametrize("batch_size", [50, 16, 7])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (lambda p: GD(p, lr=0.5), lambda p: torch.optim.SGD(p, lr=0.5)),
        (
            lambda p: LBFGS(p, max_iter=5),
            lambda p: torch.optim.LBFGS(p, max_iter=5, history_size=10, line_search_fn="strong_wolfe"),
        ),
    ],
    ids=["gd", "lbfgs"],
)
def test_a_step_is_about_all_rows_whatever_the_batches(
    fit: Fit, make_task: Any, make_rows: Any, ours: Any, theirs: Any, batch_size: int
) -> None:
    """50 rows in batches of 16 end in one of 2, whose mean must not count as much as the others'. In float64, since
    L-BFGS makes much of little differences."""
    x, y = make_rows(BINARY, 50)
    x, oracle = x.double(), network().double()
    expected = by_hand(oracle, theirs(oracle.parameters()), lambda: nn.functional.cross_entropy(oracle(x), y), steps=4)
    task = make_task(network().double(), BINARY)
    task.optimizer_factory = ours
    trainer = fit(task, InMemoryLoader(x, y, batch_size=batch_size, shuffle=True), epochs=4)
    torch.testing.assert_close(weights(task.network), expected, rtol=0, atol=1e-8)
    assert trainer.global_step == 4


def test_weights_of_rows_and_units_of_a_target_are_kept(fit: Fit, make_task: Any, make_rows: Any) -> None:
    x, y = make_rows(PRICE, 30)
    importance = torch.linspace(0.1, 1.9, 30)
    oracle = network(outputs=1)

    def loss() -> Tensor:
        return (importance * (oracle(x)[:, 0] - (y - PRICE.center) / PRICE.scale).square()).mean()

    expected = by_hand(oracle, torch.optim.SGD(oracle.parameters(), lr=0.1), loss, steps=3)
    task: Task = make_task(network(outputs=1), PRICE)
    task.optimizer_factory = lambda p: GD(p, lr=0.1)
    task.row_weights = lambda batch: importance[batch.index]
    fit(task, InMemoryLoader(x, y, batch_size=8), epochs=3)
    torch.testing.assert_close(weights(task.network), expected, rtol=1e-5, atol=1e-6)


def test_the_logged_loss_is_that_before_the_step(fit: Fit, make_task: Any, make_rows: Any) -> None:
    """However often a line search tries."""
    x, y = make_rows(BINARY, 40)
    task = make_task(network(), BINARY)
    before = float(nn.functional.cross_entropy(task.network(x), y).detach())
    task.optimizer_factory = LBFGS
    trainer = fit(task, InMemoryLoader(x, y, batch_size=8), log_every_n_steps=1)
    assert float(trainer.callback_metrics["train_loss"]) == pytest.approx(before, rel=1e-6)
    after = float(nn.functional.cross_entropy(task.network(x), y).detach())
    assert after < 0.9 * before


def test_a_schedule_by_the_step_has_a_step_an_epoch(fit: Fit, make_task: Any, make_loader: Any) -> None:
    from glasshouse.training.optimization import SchedulerConfig

    task: Task = make_task(network(), BINARY)
    task.optimizer_factory = lambda p: GD(p, lr=0.4)
    task.scheduler = SchedulerConfig(Cosine, {}, "step")
    trainer = fit(task, make_loader(64, batch_size=8), epochs=3)
    (schedule,) = trainer.lr_scheduler_configs
    assert schedule.scheduler.T_max == 3
    assert schedule.scheduler.get_last_lr() == pytest.approx([0], abs=1e-9)


def test_gradients_are_clipped_as_those_of_all_rows(fit: Fit, make_task: Any, make_rows: Any) -> None:
    x, y = make_rows(BINARY, 50)
    task = make_task(network(), BINARY)
    start = weights(task.network)
    task.optimizer_factory = lambda p: GD(p, lr=1.0)
    fit(task, InMemoryLoader(x, y, batch_size=16), gradient_clip_val=0.01)
    assert float((weights(task.network) - start).norm()) == pytest.approx(0.01, rel=1e-4)


class Clipped(Callback):
    """The norm of the gradient of every step, as the optimizer sees it."""

    def __init__(self) -> None:
        self.norms: list[float] = []

    def on_before_zero_grad(self, trainer: Trainer, pl_module: LightningModule, optimizer: Any) -> None:
        gradients = [p.grad.flatten() for p in pl_module.parameters() if p.grad is not None]
        if gradients:
            self.norms.append(float(torch.cat(gradients).norm()))


@pytest.mark.parametrize("optimizer", [lambda p: SAM(p, lr=0.1), Nesterov, Adagrad, Adam])
def test_clipping_works_with_all_others(fit: Fit, make_task: Any, make_loader: Any, optimizer: Any) -> None:
    task = make_task(network(), BINARY)
    task.optimizer_factory = optimizer
    clipped = Clipped()
    fit(task, make_loader(32, batch_size=8), gradient_clip_val=0.01, epochs=2, callbacks=[clipped])
    assert clipped.norms
    assert max(clipped.norms) == pytest.approx(0.01, rel=1e-3)


class Counting(nn.Module):
    """Batch norm before a linear layer; notes what it was given."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.norm, self.layer = nn.BatchNorm1d(4, momentum=0.5), nn.Linear(4, 2)
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(x.detach().clone())
        return self.layer(self.norm(x))


def test_sam_sees_a_batch_twice_and_batch_norm_keeps_it_once(fit: Fit, make_task: Any, make_rows: Any) -> None:
    x, y = make_rows(BINARY, 24)
    task: Task = make_task(Counting(), BINARY)
    task.optimizer_factory = lambda p: SAM(p, lr=0.1, rho=0.1)
    task.batch_transforms.append(lambda rows: rows + torch.rand(()))  # drawn once for both evaluations
    trainer = fit(task, InMemoryLoader(x, y, batch_size=8))
    seen = task.network.seen
    assert len(seen) == 6
    assert all(torch.equal(seen[2 * k], seen[2 * k + 1]) for k in range(3))
    expected = nn.BatchNorm1d(4, momentum=0.5)
    for batch in seen[::2]:
        expected(batch)
    torch.testing.assert_close(task.network.norm.running_mean, expected.running_mean)
    torch.testing.assert_close(task.network.norm.running_var, expected.running_var)
    assert int(task.network.norm.num_batches_tracked) == 3
    assert task.network.norm.track_running_stats
    assert trainer.global_step == 3


def test_sam_in_a_trainer_is_sam_by_hand(fit: Fit, make_task: Any, make_rows: Any) -> None:
    x, y = make_rows(BINARY, 24)
    oracle = network()
    optimizer = torch.optim.SGD(oracle.parameters(), lr=0.1, momentum=0.9)
    first_losses = []
    for part in range(3):
        rows = slice(8 * part, 8 * part + 8)
        start = [p.detach().clone() for p in oracle.parameters()]
        for turn in range(2):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(oracle(x[rows]), y[rows])
            loss.backward()
            if turn == 0:
                first_losses.append(loss.item())
                length = torch.cat([p.grad.flatten() for p in oracle.parameters()]).norm()
                with torch.no_grad():
                    for p in oracle.parameters():
                        p += 0.1 * p.grad / length
        with torch.no_grad():
            for p, old in zip(oracle.parameters(), start, strict=True):
                p.copy_(old)
        optimizer.step()
    task = make_task(network(), BINARY)
    task.optimizer_factory = lambda p: SAM(p, lr=0.1, rho=0.1)
    trainer = fit(task, InMemoryLoader(x, y, batch_size=8))
    torch.testing.assert_close(weights(task.network), weights(oracle), rtol=1e-5, atol=1e-6)
    assert float(trainer.callback_metrics["train_loss"]) == pytest.approx(sum(first_losses) / 3, rel=1e-5)


@pytest.mark.parametrize(
    "optimizer",
    [GD, Nesterov, Adagrad, lambda p: LBFGS(p, max_iter=3), lambda p: SAM(p, lr=0.1, base="adam")],
    ids=["gd", "nesterov", "adagrad", "lbfgs", "sam"],
)
def test_a_training_goes_on_bit_by_bit(make_task: Any, make_rows: Any, tmp_path: Path, optimizer: Any) -> None:
    x, y = make_rows(BINARY, 40)

    def train(folder: Path, epochs: int, checkpoint: Path | None = None) -> Tensor:
        folder.mkdir(exist_ok=True)
        task = make_task(network(), BINARY)
        task.optimizer_factory = optimizer
        trainer = make_trainer(
            {"max_epochs": epochs, "accelerator": "cpu", "enable_progress_bar": False},
            folder=folder,
            monitor=None,
            callbacks=[],
            loggers=[],
        )
        loader = InMemoryLoader(x, y, batch_size=16, shuffle=True)
        trainer.fit(task, loader, ckpt_path=checkpoint, weights_only=True)
        return weights(task.network)

    whole = train(tmp_path / "whole", 4)
    train(tmp_path / "half", 2)
    assert torch.equal(train(tmp_path / "rest", 4, tmp_path / "half" / "checkpoints" / "last.ckpt"), whole)


class Own(LightningModule):
    """A training step of its own, and no optimizer."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        return nn.functional.cross_entropy(self.layer(batch.x), batch.y)


def test_what_is_refused(fit: Fit, make_task: Any, make_loader: Any) -> None:
    def task_with(optimizer: Any) -> Task:
        task: Task = make_task(network(), BINARY)
        task.optimizer_factory = optimizer
        return task

    with pytest.raises(UserError, match=r"^optimizer 'GD': uses all rows in one step already\. Remove `accumulate"):
        fit(task_with(GD), make_loader(16, batch_size=4), accumulate_grad_batches=2)
    with pytest.raises(
        UserError, match=r"^optimizer 'lbfgs': estimates curvature from gradients, so they cannot be clipped"
    ):
        fit(task_with(LBFGS), make_loader(16, batch_size=4), gradient_clip_val=1.0)
    with pytest.raises(UserError, match=r"^optimizer: evaluates each batch several times, which cannot be comb"):
        fit(task_with(SAM), make_loader(16, batch_size=4), accumulate_grad_batches=2)
    with pytest.raises(UserError, match=r"^optimizer 'GD': requires a known number of batches"):
        fit(task_with(GD), iter(make_loader(16, batch_size=4)))
    from glasshouse.training.optimization import configure_optimizers

    own: Any = Own()
    own.optimizer_factory, own.scheduler = GD, None
    own.configure_optimizers = lambda: configure_optimizers(own)
    with pytest.raises(UserError, match=r"model 'Own' has its own training step\. Pass the network as a plain"):
        fit(own, make_loader(16, batch_size=4))
