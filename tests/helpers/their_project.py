"""A project that knows nothing of glasshouse, small enough to be trained in a moment."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from pytorch_lightning import LightningDataModule, LightningModule
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset, random_split

ROWS = 300


def people() -> tuple[Tensor, Tensor, np.ndarray]:
    """Inputs (n, 4), binary targets, and sex: women have the larger first input, so that groups differ visibly."""
    generator = torch.Generator().manual_seed(0)
    sex = np.random.default_rng(0).choice(["f", "m"], ROWS)
    x = torch.randn(ROWS, 4, generator=generator)
    x[:, 0] += torch.from_numpy(sex == "f").float()
    y = (x[:, 0] + 0.5 * torch.randn(ROWS, generator=generator) > 0.5).long()
    return x, y, sex


class Project(LightningDataModule):
    """Splits at random; the training loader shuffles."""

    def __init__(self, seed: int | None = 1) -> None:
        super().__init__()
        self.seed = seed
        self.set_ups: list[str] = []

    def setup(self, stage: str) -> None:
        self.set_ups.append(stage)
        x, y, _ = people()
        generator = None if self.seed is None else torch.Generator().manual_seed(self.seed)
        self.parts = random_split(TensorDataset(x, y), [180, 60, 60], generator=generator)

    def train_dataloader(self) -> DataLoader:
        return DataLoader(self.parts[0], batch_size=32, shuffle=True)

    def val_dataloader(self) -> DataLoader:
        return DataLoader(self.parts[1], batch_size=32)

    def test_dataloader(self) -> DataLoader:
        return DataLoader(self.parts[2], batch_size=32)


class Classifier(LightningModule):
    """With dropout and batch norm, which an evaluation must not disturb."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 2))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        return F.cross_entropy(self(batch[0]), batch[1])

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.log("val_loss", F.cross_entropy(self(batch[0]), batch[1]))

    def test_step(self, batch: Any, batch_idx: int) -> None:
        self.log("test_loss", F.cross_entropy(self(batch[0]), batch[1]))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=0.02)
