"""A typical Lightning project: it does not use glasshouse, and its batches are `(x, y)`.

Does a patient's disease progress more than the median? The data comes with scikit-learn; the patients' sex is not among
the inputs.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from pytorch_lightning import LightningDataModule, LightningModule
from sklearn.datasets import load_diabetes
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset, random_split

FEATURES = ["age", "bmi", "blood pressure", "s1", "s2", "s3", "s4", "s5", "s6"]


class Patients(LightningDataModule):
    """442 patients, split at random with a fixed seed."""

    def __init__(self, batch_size: int = 32) -> None:
        super().__init__()
        self.batch_size = batch_size

    def setup(self, stage: str) -> None:
        table = load_diabetes()
        x = np.delete(table.data, 1, axis=1)  # column 1 is sex
        y = table.target > np.median(table.target)
        patients = TensorDataset(torch.tensor(x / x.std(axis=0)).float(), torch.tensor(y).long())
        self.train, self.val, self.test = random_split(
            patients, [0.6, 0.1, 0.3], generator=torch.Generator().manual_seed(0)
        )

    def train_dataloader(self) -> DataLoader:
        return DataLoader(self.train, batch_size=self.batch_size, shuffle=True)

    def val_dataloader(self) -> DataLoader:
        return DataLoader(self.val, batch_size=self.batch_size)

    def test_dataloader(self) -> DataLoader:
        return DataLoader(self.test, batch_size=self.batch_size)


class Classifier(LightningModule):
    """A small network, its loss and its optimizer."""

    def __init__(self, hidden: int = 16, lr: float = 0.01) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(len(FEATURES), hidden), nn.ReLU(), nn.Linear(hidden, 2))
        self.lr = lr

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        x, y = batch
        loss = F.cross_entropy(self(x), y)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        x, y = batch
        self.log("val_loss", F.cross_entropy(self(x), y))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=self.lr)


def sex_of_all_patients() -> list[str]:
    """One value per patient, in the order of the published table; which code is which sex is not published."""
    codes = load_diabetes(scaled=False).data[:, 1]
    return [f"code {code:.0f}" for code in codes]
