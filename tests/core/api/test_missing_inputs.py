"""Inputs that are missing are not said to be a model whose loss has diverged."""

from __future__ import annotations

from pathlib import Path

import glasshouse
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def loader(x: torch.Tensor) -> DataLoader:
    return DataLoader(TensorDataset(x, torch.arange(len(x)) % 2), batch_size=8)


def test_rows_whose_inputs_are_missing_are_counted_and_refused(tmp_path: Path) -> None:
    torch.manual_seed(0)
    x = torch.randn(40, 3)
    x[[3, 17], 1] = torch.nan
    with pytest.raises(glasshouse.UserError) as error:
        glasshouse.audit(nn.Linear(3, 2), loader(x), run_dir=tmp_path, audits="performance", output_kind="logits")
    assert "inputs of 2 of 40 rows of the split 'test' are NaN or infinite, and so are the model's outputs" in str(
        error.value
    )
    assert "Fill in missing values" in error.value.remedy
    assert "diverged" not in str(error.value)


def test_a_model_that_fills_them_in_is_audited(tmp_path: Path) -> None:
    class Filling(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x.nan_to_num())

    torch.manual_seed(0)
    x = torch.randn(40, 3)
    x[3, 1] = torch.nan
    record = glasshouse.audit(Filling(3, 2), loader(x), run_dir=tmp_path, audits="performance", output_kind="logits")
    assert record.measurement("accuracy").value is not None
