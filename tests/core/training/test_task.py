"""What a task logs, learns and refuses."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from glasshouse import Batch, InMemoryLoader, Target, UserError
from glasshouse.data.batch import unpack
from glasshouse.evidence.model_outputs import to_scores
from glasshouse.training.task import Task
from pytorch_lightning import Trainer, seed_everything
from sklearn.metrics import accuracy_score, log_loss, mean_squared_error
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

BINARY = Target(name="y", kind="binary", classes=("no", "yes"))
THREE = Target(name="y", kind="multiclass", classes=("a", "b", "c"))
LABELS = Target(name="y", kind="multilabel", classes=("p", "q"))
PRICE = Target(name="y", kind="regression", center=3.0, scale=2.0)

Fit = Callable[..., Trainer]
MakeTask = Callable[..., Task]
MakeRows = Callable[..., tuple[Tensor, Tensor]]


def expected_means(task: Task, x: Tensor, y: Tensor) -> dict[str, float]:
    """Oracle: scikit-learn on the scores of all rows at once."""
    task.eval()
    with torch.no_grad():
        scores = to_scores(task(x), task.target, task.output_kind).double().numpy()
    if task.target.kind == "regression":
        return {"loss": mean_squared_error(y.numpy(), scores[:, 0])}
    if task.target.kind == "multilabel":
        return {"loss": sum(log_loss(y[:, k], scores[:, k], labels=[0, 1]) for k in range(y.shape[1]))}
    return {
        "loss": log_loss(y.numpy(), scores, labels=range(scores.shape[1])),
        "accuracy": accuracy_score(y.numpy(), scores.argmax(axis=1)),
    }


# ------------------------------------------------------------ metrics


@pytest.mark.filterwarnings("ignore:The y_prob values do not sum to one")  # single precision
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize(
    ("target", "width"),
    [(BINARY, 1), (BINARY, 2), (THREE, 3), (LABELS, 2), (PRICE, 1)],
    ids=["one logit", "two logits", "three classes", "labels", "regression"],
)
def test_epoch_means_are_those_over_all_rows(
    fit: Fit, make_task: MakeTask, make_rows: MakeRows, target: Target, width: int, shuffle: bool
) -> None:
    """103 rows in batches of 25: a mean of batch means would give the 3 last rows the weight of 25."""
    torch.manual_seed(0)
    task = make_task(nn.Linear(4, width), target)
    x, y = make_rows(target, 103)
    held_out = make_rows(target, 58, seed=1)
    trainer = fit(
        task,
        InMemoryLoader(x, y, batch_size=25, shuffle=shuffle),
        InMemoryLoader(*held_out, batch_size=25, shuffle=shuffle),
        epochs=2,
    )
    logged = {name: float(value) for name, value in trainer.callback_metrics.items()}
    expected = {"train_loss": expected_means(task, x, y)["loss"]}
    expected |= {f"validate_{name}": value for name, value in expected_means(task, *held_out).items()}
    assert logged == pytest.approx(expected, rel=1e-6)
    tested = trainer.test(task, InMemoryLoader(*held_out, batch_size=25), verbose=False)
    assert tested == [pytest.approx({f"test_{k}": v for k, v in expected_means(task, *held_out).items()}, rel=1e-6)]


def test_steps_are_logged_with_their_own_loss(fit: Fit, make_task: MakeTask, make_rows: MakeRows) -> None:
    """Every 10th step through all epochs, although an epoch is 15 steps long."""
    task = make_task(nn.Linear(4, 2), BINARY)
    rows = make_rows(BINARY, 60)

    def loader() -> InMemoryLoader:
        return InMemoryLoader(*rows, batch_size=4, shuffle=True, seed=5)

    trainer = fit(task, loader(), epochs=3, log_every_n_steps=10)
    again = loader()
    steps = [batch for _ in range(3) for batch in again]
    text = Path(str(trainer.log_dir), "metrics.csv").read_text().splitlines()
    found = {int(row["step"]): row["train_loss_step"] for row in csv.DictReader(text) if row["train_loss_step"]}
    assert found.keys() == {9, 19, 29, 39}
    for step, value in found.items():
        expected = nn.functional.cross_entropy(task(steps[step].x), steps[step].y)
        assert float(value) == pytest.approx(expected.item(), rel=1e-6)


def test_a_long_epoch_in_half_precision_is_added_up_in_full(fit: Fit, make_task: MakeTask) -> None:
    """The loss of a network that says 0 is log 2 a row. bfloat16 has 8 digits: its sum would stay at 256."""
    network = nn.Linear(1, 1)
    nn.init.zeros_(network.weight)
    nn.init.zeros_(network.bias)
    task = make_task(network, BINARY)
    loader = InMemoryLoader(torch.zeros(400, 1), torch.zeros(400, dtype=torch.int64), batch_size=1)
    options = {"precision": "bf16-true", "enable_checkpointing": False, "logger": False}
    trainer = fit(task, loader, loader, num_sanity_val_steps=0, **options)
    for name in ("train_loss", "validate_loss"):
        assert float(trainer.callback_metrics[name]) == pytest.approx(math.log(2), rel=2**-8)


def test_predictions_are_scores(fit: Fit, make_task: MakeTask, make_rows: MakeRows) -> None:
    task = make_task(nn.Linear(4, 3), THREE)
    x, y = make_rows(THREE, 10)
    trainer = fit(task, InMemoryLoader(x, y))
    (found,) = trainer.predict(task, InMemoryLoader(x, y)) or ()
    torch.testing.assert_close(found, torch.softmax(task(x), dim=1).detach())


# ------------------------------------------------------------ learning


def test_the_same_seed_gives_the_same_weights(fit: Fit, make_task: MakeTask, make_rows: MakeRows) -> None:
    def weights(seed: int) -> Tensor:
        seed_everything(seed, verbose=False)
        network = nn.Sequential(nn.Linear(4, 16), nn.Dropout(0.3), nn.ReLU(), nn.Linear(16, 2))
        rows = InMemoryLoader(*make_rows(BINARY, 90), batch_size=16, shuffle=True, seed=torch.initial_seed())
        fit(make_task(network, BINARY, lr=0.1), rows, rows, epochs=3)
        return nn.utils.parameters_to_vector(network.parameters()).detach()

    first = weights(3)
    assert torch.equal(first, weights(3))
    assert not torch.equal(first, weights(4))


def test_the_path_is_that_of_a_loop_by_hand(fit: Fit, make_task: MakeTask, make_rows: MakeRows) -> None:
    """Oracle: forward, backward and torch's SGD over the same batches."""
    torch.manual_seed(0)
    ours, theirs = nn.Linear(4, 2), nn.Linear(4, 2)
    theirs.load_state_dict(ours.state_dict())
    rows = make_rows(BINARY, 50)
    fit(make_task(ours, BINARY, lr=0.5), InMemoryLoader(*rows, batch_size=8, shuffle=True, seed=1), epochs=4)
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.5)
    loader = InMemoryLoader(*rows, batch_size=8, shuffle=True, seed=1)
    for _ in range(4):
        for x, y, *_ in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(theirs(x), y).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    torch.testing.assert_close(ours.weight, theirs.weight, rtol=0, atol=1e-5)


def test_pairs_from_any_loader_do_as_well(fit: Fit, make_task: MakeTask, make_rows: MakeRows) -> None:
    def weight(loader: Any) -> Tensor:
        torch.manual_seed(0)
        network = nn.Linear(4, 2)
        fit(make_task(network, BINARY, lr=0.1), loader)
        return network.weight.detach()

    rows = make_rows(BINARY, 40)
    theirs = weight(DataLoader(TensorDataset(*rows), batch_size=8))
    assert torch.equal(theirs, weight(InMemoryLoader(*rows, batch_size=8)))


# ------------------------------------------------------------ refusals


@pytest.mark.parametrize(("value", "said"), [(math.nan, "nan"), (math.inf, "inf")])
def test_a_loss_that_is_no_number_ends_training(
    fit: Fit, make_task: MakeTask, make_rows: MakeRows, value: float, said: str
) -> None:
    x, y = make_rows(PRICE, 20)
    y[-1] = value
    network = nn.Linear(4, 1)
    with pytest.raises(UserError, match=rf"^training: the loss became {said} in epoch 0\. Lower the learning rate"):
        fit(make_task(network, PRICE), InMemoryLoader(x, y, batch_size=5), epochs=3)


def test_an_optimizer_is_needed(fit: Fit, make_rows: MakeRows) -> None:
    with pytest.raises(UserError, match=r"^optimizer: none is set.*Set `optimizer: adamw`"):
        fit(Task(nn.Linear(4, 2), BINARY), InMemoryLoader(*make_rows(BINARY, 8)))


def test_a_network_of_the_wrong_width_is_refused(fit: Fit, make_task: MakeTask, make_rows: MakeRows) -> None:
    with pytest.raises(UserError, match=r"^model: its output has shape \(8, 3\); expected \(n, 1\) or \(n, 2\)"):
        fit(make_task(nn.Linear(4, 3), BINARY), InMemoryLoader(*make_rows(BINARY, 8)))


def test_what_is_a_batch() -> None:
    x, y = torch.zeros(2, 1), torch.ones(2)
    for batch in (Batch(x, y, torch.zeros(2, 0), torch.arange(2)), (x, y), [x, y], {"x": x, "y": y, "id": 1}):
        assert unpack(batch) == (x, y) or all(torch.equal(a, b) for a, b in zip(unpack(batch), (x, y), strict=True))
    for batch, shown in (
        (x, r"float32 \(2, 1\)"),
        ((x,), r"\(float32 \(2, 1\)\)"),
        ([x, y, y], r"\(float32 \(2, 1\), float32 \(2,\), float32 \(2,\)\)"),
        ({"x": x}, r"\{x: float32 \(2, 1\)\}"),
        (None, "NoneType"),
    ):
        with pytest.raises(UserError, match=rf"^data: it is not certain what is what in a batch {shown}\. Name the"):
            unpack(batch)
