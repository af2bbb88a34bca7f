"""Precision and accumulation are Lightning's; what is ours keeps to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from glasshouse import InMemoryLoader, Target
from pytorch_lightning import Trainer
from torch import Tensor, nn

BINARY = Target(name="y", kind="binary", classes=("no", "yes"))
Fit = Callable[..., Trainer]


class Notes(nn.Linear):
    """Notes the type of what it computes."""

    dtype: torch.dtype | None = None

    def forward(self, x: Tensor) -> Tensor:
        out = super().forward(x)
        self.dtype = out.dtype
        return out


@pytest.mark.parametrize(
    ("precision", "computed"),
    [
        ("32-true", torch.float32),
        ("bf16-mixed", torch.bfloat16),
        ("16-mixed", torch.bfloat16),  # on a CPU Lightning takes the one half precision for the other, and says so
    ],
)
def test_mixed_precision_computes_in_half_and_keeps_whole_weights(
    fit: Fit, make_task: Any, make_loader: Callable[..., InMemoryLoader], precision: str, computed: torch.dtype
) -> None:
    task = make_task(Notes(4, 2), BINARY, lr=0.1)
    before = task.network.weight.detach().clone()
    trainer = fit(task, make_loader(64, batch_size=16), make_loader(32, batch_size=16), precision=precision)
    assert task.network.dtype == computed
    assert task.network.weight.dtype == torch.float32
    assert not torch.equal(task.network.weight, before)
    assert trainer.callback_metrics["train_loss"].dtype in (torch.float32, torch.float64)
    assert 0 < float(trainer.callback_metrics["train_loss"]) < 2


def test_two_accumulated_batches_are_one_of_twice_the_rows(
    fit: Fit, make_task: Any, make_loader: Callable[..., InMemoryLoader]
) -> None:
    """The mean of two means over equally many rows is the mean over all."""
    torch.manual_seed(0)
    start = nn.Linear(4, 2).state_dict()
    weights = []
    for batch_size, times in ((8, 2), (16, 1)):
        network = nn.Linear(4, 2)
        network.load_state_dict(start)
        fit(make_task(network, BINARY, lr=0.1), make_loader(64, batch_size=batch_size), accumulate_grad_batches=times)
        weights.append(network.weight.detach())
    torch.testing.assert_close(weights[0], weights[1])
