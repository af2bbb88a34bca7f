"""Row weights and further loss terms act on the training loss as they say, and cost nothing where there are none."""

from __future__ import annotations

import pytest
import torch
from glasshouse import Target
from glasshouse.data.batch import Batch
from glasshouse.datamodules.loader import InMemoryLoader
from glasshouse.training.task import Task
from pytorch_lightning import Trainer
from torch import nn

BINARY = Target(name="y", kind="binary", classes=("no", "yes"))


def rows() -> InMemoryLoader:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(32, 2, generator=generator)
    return InMemoryLoader(x, (x[:, 0] > 0).long(), torch.arange(32)[:, None] % 2, batch_size=32)


def trained(change, target: Target = BINARY) -> Task:
    torch.manual_seed(1)
    task = Task(nn.Linear(2, target.num_outputs), target)
    task.optimizer_factory = lambda parameters: torch.optim.SGD(parameters, lr=0.5)
    change(task)
    Trainer(
        max_epochs=1,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    ).fit(task, rows())
    return task


def weighted(batch: Batch) -> torch.Tensor:
    return torch.where(batch.sensitive[:, 0] == 0, 2.0, 0.0)


def test_weights_of_two_and_none_are_training_on_the_half() -> None:
    found = trained(lambda task: setattr(task, "row_weights", weighted))
    torch.manual_seed(1)
    network = nn.Linear(2, 2)
    (batch,) = rows()
    kept = batch.sensitive[:, 0] == 0
    nn.functional.cross_entropy(network(batch.x[kept]), batch.y[kept]).backward()
    torch.testing.assert_close(found.network.weight, network.weight - 0.5 * network.weight.grad)


def test_terms_are_added_and_see_differentiable_scores() -> None:
    seen = []

    def term(scores: torch.Tensor, batch: Batch) -> torch.Tensor:
        seen.append(scores)
        return 3 * scores[:, 1].mean()

    found = trained(lambda task: task.loss_terms.append(term))
    torch.manual_seed(1)
    network = nn.Linear(2, 2)
    (batch,) = rows()
    raw = network(batch.x)
    probability = torch.softmax(raw, dim=1)
    (nn.functional.cross_entropy(raw, batch.y) + 3 * probability[:, 1].mean()).backward()
    torch.testing.assert_close(found.network.weight, network.weight - 0.5 * network.weight.grad)
    torch.testing.assert_close(seen[0], probability)


@pytest.mark.parametrize(
    "change",
    [
        lambda task: setattr(task, "row_weights", lambda batch: torch.ones(len(batch.y))),
        lambda task: task.loss_terms.append(lambda scores, batch: scores.new_zeros(())),
    ],
    ids=["weights of one", "a term of zero"],
)
def test_what_changes_nothing_changes_nothing(change) -> None:
    torch.testing.assert_close(trained(change).network.weight, trained(lambda task: None).network.weight)
