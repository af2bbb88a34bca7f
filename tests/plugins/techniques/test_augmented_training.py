"""Augmentation in a training: the loss of mixed rows, other splits untouched, resumed bit by bit, refused in time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from glasshouse import Batch, DataInfo, InMemoryLoader, Target, UserError
from glasshouse.training.task import Task
from glasshouse.training.trainer import make_trainer
from glasshouse_plugins.models.ensemble import Ensemble
from glasshouse_plugins.techniques.adversarial_debiasing import AdversarialDebiasing
from glasshouse_plugins.techniques.cutmix import CutMix
from glasshouse_plugins.techniques.fair_regularizer import FairRegularizer
from glasshouse_plugins.techniques.feature_masking import FeatureMasking
from glasshouse_plugins.techniques.feature_noise import FeatureNoise
from glasshouse_plugins.techniques.l2_penalty import L2Penalty
from glasshouse_plugins.techniques.mixup import Mixup
from glasshouse_plugins.techniques.random_crop import RandomCrop
from glasshouse_plugins.techniques.random_flip import RandomFlip
from glasshouse_plugins.techniques.reweighing import Reweighing
from glasshouse_plugins.techniques.token_dropout import TokenDropout
from pytorch_lightning import Callback, LightningDataModule, LightningModule
from torch import Tensor, nn
from torch.nn import functional as F

THREE = Target(name="y", kind="multiclass", classes=("a", "b", "c"))
LABELS = Target(name="y", kind="multilabel", classes=("a", "b", "c"))
PRICE = Target(name="y", kind="regression", center=1.0, scale=2.0)
OWN = Target(name="error", kind="regression", observed=False)


class Pictures(LightningDataModule):
    """32 small pictures of three classes, all of them in every split."""

    def __init__(self, target: Target = THREE, modality: Any = "image") -> None:
        super().__init__()
        self.info = DataInfo(name="pictures", modality=modality, target=target, input_shape=(1, 4, 4))
        generator = torch.Generator().manual_seed(0)
        self.x = torch.rand(32, 1, 4, 4, generator=generator)
        self.y = torch.randint(3, (32,), generator=generator)
        if target is LABELS:
            self.y = torch.randint(2, (32, 3), generator=generator)
        elif target is PRICE:
            self.y = torch.randn(32, generator=generator)

    def train_dataloader(self) -> InMemoryLoader:
        return InMemoryLoader(self.x, self.y, batch_size=16, shuffle=True)

    def val_dataloader(self) -> InMemoryLoader:
        return InMemoryLoader(self.x, self.y, batch_size=16)

    test_dataloader = val_dataloader


class Noting(nn.Module):
    """A linear layer that keeps what it was given, while training and otherwise."""

    def __init__(self, outputs: int = 3) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.layer = nn.Linear(16, outputs)
        self.trained: list[Tensor] = []
        self.evaluated: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        (self.trained if self.training else self.evaluated).append(x.clone())
        return self.layer(x.flatten(1))


def fitted(
    folder: Path,
    *techniques: Any,
    data: Any = None,
    network: nn.Module | None = None,
    epochs: int = 1,
    lr: float = 0.1,
    checkpoint: Path | None = None,
    factory: Any = None,
) -> tuple[Task, Any]:
    data = data or Pictures()
    target = data.info.target
    task = Task(network or Noting(target.num_outputs), target)
    task.optimizer_factory = factory or (lambda parameters: torch.optim.SGD(parameters, lr=lr))
    folder.mkdir(exist_ok=True)
    trainer = make_trainer(
        {"max_epochs": epochs, "accelerator": "cpu", "enable_progress_bar": False, "num_sanity_val_steps": 0},
        folder=folder,
        monitor=None,
        callbacks=list(techniques),
        loggers=[],
    )
    torch.manual_seed(11)
    trainer.fit(task, datamodule=data, ckpt_path=checkpoint, weights_only=True)
    return task, trainer


class Batches(Callback):
    """The batches as they are."""

    def __init__(self) -> None:
        self.seen: list[Batch] = []

    def on_train_batch_start(self, trainer: Any, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        self.seen.append(batch)


class Remembering(Mixup):
    """Mixup that keeps its draws."""

    def __init__(self) -> None:
        super().__init__(1.0)
        self.draws: list[Any] = []

    def transform(self, x: Tensor) -> Any:
        self.draws.append(super().transform(x))
        return self.draws[-1]


def loss_of(raw: Tensor, y: Tensor, target: Target) -> Tensor:
    if target is PRICE:
        return (raw[:, 0] * target.scale + target.center - y).square()
    if target is LABELS:
        return F.binary_cross_entropy_with_logits(raw, y.float(), reduction="none").sum(dim=1)
    return F.cross_entropy(raw, y, reduction="none")


@pytest.mark.parametrize("target", [THREE, LABELS, PRICE], ids=lambda target: target.kind)
@pytest.mark.parametrize("weighted", [False, True])
def test_the_loss_of_mixed_rows_is_that_against_both(tmp_path: Path, target: Target, weighted: bool) -> None:
    mixup, batches = Remembering(), Batches()
    importance = torch.linspace(0, 2, 32)

    class Weigh(Callback):
        def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
            pl_module.row_weights = lambda batch: importance[batch.index]

    extra = [Weigh()] if weighted else []
    task, trainer = fitted(tmp_path, mixup, batches, *extra, data=Pictures(target), lr=0.0)
    expected = []
    for batch, draw in zip(batches.seen, mixup.draws, strict=True):
        raw = task.network.layer(draw.x.flatten(1))
        w = importance[batch.index] if weighted else torch.ones(16)
        own = draw.share * w * loss_of(raw, batch.y, target)
        other = (1 - draw.share) * w[draw.partner] * loss_of(raw, batch.y[draw.partner], target)
        expected.append(float((own + other).mean()))
    assert float(trainer.callback_metrics["train_loss"]) == pytest.approx(sum(expected) / 2, rel=1e-5)
    assert task.batch_transforms == []  # nothing stays behind


def test_members_of_an_ensemble_learn_from_the_same_mixed_rows(tmp_path: Path) -> None:
    mixup, batches = Remembering(), Batches()
    network = Ensemble([Noting(), Noting()])
    _, trainer = fitted(tmp_path, mixup, batches, network=network, lr=0.0)
    first, second = network.members
    assert all(torch.equal(a, b) for a, b in zip(first.trained, second.trained, strict=True))
    expected = [
        float((draw.share * F.cross_entropy(raw, batch.y, reduction="none")).mean())
        + float(((1 - draw.share) * F.cross_entropy(raw, batch.y[draw.partner], reduction="none")).mean())
        for batch, draw in zip(batches.seen, mixup.draws, strict=True)
        for raw in [first.layer(draw.x.flatten(1))]
    ]
    assert float(trainer.callback_metrics["train_loss"]) == pytest.approx(sum(expected) / 2, rel=1e-5)


def test_only_training_batches_are_changed(tmp_path: Path) -> None:
    data = Pictures()
    task, trainer = fitted(tmp_path, RandomFlip(horizontal=1.0), data=data)
    trained, evaluated = (torch.cat(seen) for seen in (task.network.trained, task.network.evaluated))
    assert torch.equal(evaluated, data.x)
    flipped = {tuple(row.flatten().tolist()) for row in data.x.flip(3)}
    assert {tuple(row.flatten().tolist()) for row in trained} == flipped
    task.network.evaluated.clear()
    trainer.test(task, datamodule=data, verbose=False)
    assert torch.equal(torch.cat(task.network.evaluated), data.x)


def test_a_killed_training_goes_on_with_the_draws_it_would_have_made(tmp_path: Path) -> None:
    def techniques() -> list[Any]:
        return [RandomCrop(1), RandomFlip(), CutMix(), L2Penalty(0.01)]

    whole, _ = fitted(tmp_path / "whole", *techniques(), epochs=4)
    fitted(tmp_path / "half", *techniques(), epochs=2)
    last = tmp_path / "half" / "checkpoints" / "last.ckpt"
    rest, _ = fitted(tmp_path / "rest", *techniques(), epochs=4, checkpoint=last)
    assert torch.equal(rest.network.layer.weight, whole.network.layer.weight)
    other, _ = fitted(tmp_path / "other", epochs=4)
    assert not torch.equal(other.network.layer.weight, whole.network.layer.weight)


class Own(LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(16, 3)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        return self.layer(batch.x.flatten(1)).sum()

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def test_what_does_not_fit_is_refused_before_training(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^technique 'token_dropout': supports text data, not image\. Leave it out"):
        fitted(tmp_path, TokenDropout())
    with pytest.raises(UserError, match="technique 'random_flip': supports image data, not text"):
        fitted(tmp_path, RandomFlip(), data=Pictures(modality="text"))
    with pytest.raises(UserError, match="technique 'mixup': supports tabular and image and sequence data, not text"):
        fitted(tmp_path, Mixup(), data=Pictures(modality="text"))
    with pytest.raises(UserError, match=r"technique 'feature_noise': the data has no numeric feature\. Try `feature_m"):
        fitted(tmp_path, FeatureNoise(), data=Pictures(modality="tabular"))
    with pytest.raises(UserError, match=r"technique 'feature_masking': the data declares no features"):
        fitted(tmp_path, FeatureMasking(), data=Pictures(modality="tabular"))
    with pytest.raises(UserError, match=r"technique 'mixup': mixes targets, but this model trains without targets"):
        fitted(tmp_path, Mixup(), data=Pictures(OWN))
    trainer = make_trainer(
        {"max_epochs": 1, "accelerator": "cpu"}, folder=tmp_path, monitor=None, callbacks=[RandomFlip()], loggers=[]
    )
    with pytest.raises(
        UserError,
        match="model 'Own' is a LightningModule whose training step cannot be changed",
    ):
        trainer.fit(Own(), datamodule=Pictures())


@pytest.mark.parametrize("other", [FairRegularizer, AdversarialDebiasing])
@pytest.mark.parametrize("mixed_first", [True, False])
def test_mixed_rows_belong_to_no_group(train: Any, other: Any, mixed_first: bool) -> None:
    both = [Mixup(), other()] if mixed_first else [other(), Mixup()]
    with pytest.raises(
        UserError, match="technique 'mixup': mixes rows of different groups, but another technique compares groups"
    ):
        train(*both, epochs=1)


def test_tables_learn_from_noise_holes_and_mixtures(train: Any, plain: Any) -> None:
    noisy = train(FeatureNoise(0.2), FeatureMasking(0.1), Mixup(), Reweighing(), epochs=3)
    assert noisy.accuracy > 0.55
    assert noisy.accuracy != plain.accuracy
    assert noisy.task.batch_transforms == []


def test_pictures_of_data_that_say_nothing_are_looked_at(tmp_path: Path) -> None:
    task = Task(Noting(), THREE)
    task.optimizer_factory = lambda parameters: torch.optim.SGD(parameters, lr=0.1)
    trainer = make_trainer(
        {"max_epochs": 1, "accelerator": "cpu"}, folder=tmp_path, monitor=None, callbacks=[RandomFlip()], loggers=[]
    )
    with pytest.raises(UserError, match=r"'random_flip': expected images \(n, channels, height, width\), received \(4"):
        trainer.fit(task, InMemoryLoader(torch.rand(4, 16), torch.zeros(4, dtype=torch.long)))
