"""The explainer on a model with known Shapley values."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from glasshouse import DataInfo, ModelHandle, NotExplainableError, Question, Target, UserError
from pytorch_lightning import LightningModule

from glasshouse_monotone.main_effects import MainEffects


class Additive(LightningModule):
    """a^2 + 3 b + 4 c, of which b and c encode one feature."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, :1] ** 2 + 3 * x[:, 1:2] + 4 * x[:, 2:]


def question(owner: list[int] | None) -> Question:
    target = Target(name="y", kind="regression")
    info = DataInfo(name="toy", modality="tabular", target=target, input_shape=(3,))
    return Question(
        model=ModelHandle(Additive(), info),
        rows=torch.tensor([[3.0, 1.0, 1.0], [0.0, 0.0, 0.0]]),
        background=torch.tensor([[1.0, 0.0, 2.0], [2.0, 2.0, 0.0]]),
        outputs=(0,),
        owner=None if owner is None else np.array(owner, dtype=np.intp),
    )


def test_of_an_additive_model_they_are_the_shapley_values() -> None:
    # each part minus its mean over the background: a^2 has (1 + 4) / 2, 3 b + 4 c has (8 + 6) / 2
    found = MainEffects().explain(question([0, 1, 1]))
    assert found.values[:, :, 0].tolist() == [[9 - 2.5, 7 - 7.0], [0 - 2.5, 0 - 7.0]]
    assert found.evaluations == 2 * (1 + 2 * 2)


def test_what_is_no_table_is_left_to_other_methods() -> None:
    with pytest.raises(NotExplainableError, match="not columns of features"):
        MainEffects().explain(question(None))


def test_no_row_to_lend_from_is_refused() -> None:
    with pytest.raises(UserError, match="others is 0; expected a whole number"):
        MainEffects(others=0)
