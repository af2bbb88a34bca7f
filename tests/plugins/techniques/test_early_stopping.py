"""Early stopping ends training at the epoch that counting by hand gives."""

from __future__ import annotations

import pytest
import torch
from glasshouse_plugins.techniques.early_stopping import EarlyStopping
from pytorch_lightning import LightningModule, Trainer
from torch import Tensor, nn

LOSSES = [5.0, 4.0, 4.5, 4.2, 3.9, 3.95, 4.1, 4.0, 3.0]
"""Best at epochs 0, 1 and 4; with a patience of 2, training ends after epoch 3, with 3 after epoch 7."""


class Scripted(LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        return self.weight.sum()

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        self.log("validate_loss", LOSSES[self.current_epoch])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


@pytest.mark.parametrize(("patience", "min_delta", "epochs"), [(2, 0.0, 4), (3, 0.0, 8), (3, 0.5, 5)])
def test_training_ends_when_the_loss_no_longer_falls(patience: int, min_delta: float, epochs: int) -> None:
    trainer = Trainer(
        max_epochs=len(LOSSES),
        callbacks=[EarlyStopping(patience=patience, min_delta=min_delta)],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    trainer.fit(Scripted(), [torch.zeros(1)], [torch.zeros(1)])
    assert trainer.current_epoch == epochs


def test_no_patience_is_refused() -> None:
    with pytest.raises(ValueError, match="patience is 0; expected at least 1"):
        EarlyStopping(patience=0)
