"""Models and data by someone who has never seen glasshouse's code: a plain network, a LightningModule, a GAN."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from glasshouse import DataInfo, DataPlugin, ModelPlugin, Target, hookimpl
from pytorch_lightning import LightningDataModule, LightningModule
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset


class Net(nn.Module):
    """A network that asks for its sizes."""

    def __init__(self, in_features: int, num_classes: int, hidden: int = 8) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(in_features, hidden), nn.Tanh(), nn.Linear(hidden, num_classes))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class Untyped(nn.Module):
    """A network without a single annotation."""

    def __init__(self, in_features, num_classes, scale=1.0):
        super().__init__()
        self.linear = nn.Linear(in_features, num_classes)
        self.scale = scale

    def forward(self, x):
        return self.linear(x) * self.scale


class ForeignModule(LightningModule):
    """A full LightningModule with its own optimizer, and a Path among its hyper-parameters."""

    def __init__(self, in_features: int, lr: float = 0.05, vocabulary: Path = Path("words.txt")) -> None:
        super().__init__()
        self.save_hyperparameters({"in_features": in_features, "lr": lr, "vocabulary": Path(vocabulary)})
        self.linear = nn.Linear(in_features, 1)
        self.lr = lr

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x).squeeze(1)

    def training_step(self, batch: tuple[Tensor, ...], batch_idx: int) -> Tensor:
        return F.binary_cross_entropy_with_logits(self(batch[0]), batch[1].float())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adagrad(self.parameters(), lr=self.lr)


class Gan(LightningModule):
    """Two networks, two optimizers, manual optimization; scores a row by its discriminator."""

    def __init__(self, in_features: int, latent: int = 3) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.latent = latent
        self.generator = nn.Linear(latent, in_features)
        self.discriminator = nn.Linear(in_features, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.discriminator(x).squeeze(1)

    def training_step(self, batch: tuple[Tensor, ...], batch_idx: int) -> None:
        real = batch[0]
        of_generator, of_discriminator = self.optimizers()
        fake = self.generator(torch.randn(len(real), self.latent, device=self.device))
        self._step(of_discriminator, F.softplus(-self(real)).mean() + F.softplus(self(fake.detach())).mean())
        self._step(of_generator, F.softplus(-self(fake)).mean())

    def _step(self, optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
        optimizer.zero_grad()
        self.manual_backward(loss)
        optimizer.step()

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        return [
            torch.optim.SGD(self.generator.parameters(), lr=0.05),
            torch.optim.Adam(self.discriminator.parameters()),
        ]


class Blobs(LightningDataModule):
    """Two Gaussian clouds as `(x, y)`, from a DataLoader, with an `info` that says what they are."""

    def __init__(self, rows: int = 96, width: int = 4) -> None:
        super().__init__()
        self.rows, self.width = rows, width

    @property
    def info(self) -> DataInfo:
        return DataInfo(
            name="blobs",
            modality="tabular",
            target=Target(name="cloud", kind="binary", classes=("left", "right")),
            input_shape=(self.width,),
            sizes={"in_features": self.width, "num_classes": 2},
        )

    def _loader(self, seed: int) -> DataLoader[tuple[Tensor, ...]]:
        generator = torch.Generator().manual_seed(seed)
        y = torch.randint(0, 2, (self.rows,), generator=generator)
        x = torch.randn(self.rows, self.width, generator=generator) + 2 * y[:, None]
        return DataLoader(TensorDataset(x, y), batch_size=16)

    def train_dataloader(self) -> DataLoader[tuple[Tensor, ...]]:
        return self._loader(0)

    def test_dataloader(self) -> DataLoader[tuple[Tensor, ...]]:
        return self._loader(1)


class Silent(LightningDataModule):
    """The same clouds, by someone who says nothing about them."""

    def train_dataloader(self) -> DataLoader[tuple[Tensor, ...]]:
        return Blobs().train_dataloader()

    def test_dataloader(self) -> DataLoader[tuple[Tensor, ...]]:
        return Blobs().test_dataloader()


@hookimpl
def glasshouse_models() -> Iterator[ModelPlugin]:
    yield ModelPlugin(name="their_net", target="stranger:Net", summary="a plain network")
    yield ModelPlugin(name="untyped", target="stranger:Untyped", summary="a network without annotations")
    yield ModelPlugin(name="foreign", target="stranger:ForeignModule", summary="a LightningModule")
    yield ModelPlugin(name="two_sided", target="stranger:Gan", summary="two optimizers")


@hookimpl
def glasshouse_data() -> Iterator[DataPlugin]:
    yield DataPlugin(name="blobs", target="stranger:Blobs", summary="two Gaussian clouds")
    yield DataPlugin(name="silent", target="stranger:Silent", summary="the same, undeclared")
