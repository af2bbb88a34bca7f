"""What a step costs, counted in calls and not by the clock: the same on every machine, and it fails for one call more.

The figures in microseconds are those of benchmarks/training_overhead.py.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import glasshouse
import lightning_fabric
import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torch.utils.data.dataloader
from glasshouse import Batch, InMemoryLoader, TabularDataModule, Target
from glasshouse.data.raw_table import RawTable
from glasshouse.training.task import Task
from glasshouse.training.trainer import make_trainer
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.profilers import PassThroughProfiler, SimpleProfiler
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader, TensorDataset

BINARY = Target(name="y", kind="binary", classes=("no", "yes"))
Loader = Callable[..., InMemoryLoader]


class Operations(TorchDispatchMode):
    """Counts the tensor operations that reach a kernel."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.counts[func.overloadpacket.__name__] += 1
        return func(*args, **(kwargs or {}))


@contextmanager
def python_calls(folder: Path) -> Iterator[Counter[str]]:
    """Counts calls of Python functions that are defined under a folder."""
    counts: Counter[str] = Counter()

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(str(folder)):
            counts[frame.f_code.co_qualname] += 1

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield counts
    finally:
        sys.setprofile(before)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts DataLoaders and collations from here on."""
    counts: Counter[str] = Counter()
    init, collate = DataLoader.__init__, torch.utils.data._utils.collate.collate

    def counted_init(self: Any, *args: Any, **kwargs: Any) -> None:
        counts["DataLoader"] += 1
        init(self, *args, **kwargs)

    def counted_collate(*args: Any, **kwargs: Any) -> Any:
        counts["collate"] += 1
        return collate(*args, **kwargs)

    monkeypatch.setattr(DataLoader, "__init__", counted_init)
    monkeypatch.setattr(torch.utils.data._utils.collate, "collate", counted_collate)
    return counts


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts what is logged, by name; `log_dict` comes through `log`."""
    counts: Counter[str] = Counter()
    log = LightningModule.log

    def counted(self: LightningModule, name: str, *args: Any, **kwargs: Any) -> None:
        counts[name] += 1
        log(self, name, *args, **kwargs)

    monkeypatch.setattr(LightningModule, "log", counted)
    return counts


class Coins(TabularDataModule):
    """A table in memory."""

    def load(self) -> RawTable:
        rng = np.random.default_rng(0)
        columns = {"a": rng.normal(size=600), "b": rng.normal(size=600), "side": rng.integers(2, size=600).astype(str)}
        return RawTable(columns=columns, target="side", task="binary")


# ------------------------------------------------------------ logging


@pytest.mark.parametrize("batches", [30, 60])
def test_one_log_every_n_steps_and_means_once_an_epoch(
    fit: Callable[..., Trainer], make_task: Any, make_loader: Loader, logged: Counter[str], batches: int
) -> None:
    task = make_task(nn.Linear(4, 2), BINARY)
    options = {"log_every_n_steps": 10, "num_sanity_val_steps": 0}
    fit(task, make_loader(8 * batches, batch_size=8), make_loader(40, batch_size=8), epochs=2, **options)
    means = {"train_loss": 2, "validate_loss": 2, "validate_accuracy": 2}
    assert logged == {"train_loss_step": 2 * batches // 10, **means}


def test_no_step_is_logged_where_the_interval_is_zero(
    fit: Callable[..., Trainer], make_task: Any, make_loader: Loader, logged: Counter[str]
) -> None:
    fit(make_task(nn.Linear(4, 2), BINARY), make_loader(80, batch_size=8), log_every_n_steps=0)
    assert logged == {"train_loss": 1}


# ------------------------------------------------------------ loading


def test_a_table_is_never_collated(fit: Callable[..., Trainer], make_task: Any, made: Counter[str]) -> None:
    data = Coins(batch_size=32)
    data.setup()
    trainer = fit(make_task(nn.Linear(2, 2), BINARY), data.train_dataloader(), data.val_dataloader())
    trainer.test(trainer.lightning_module, data, verbose=False)
    trainer.predict(trainer.lightning_module, data)
    assert made == {}


def test_the_counters_see_a_data_loader(
    fit: Callable[..., Trainer], make_task: Any, make_rows: Any, made: Counter[str]
) -> None:
    """Without this the test above might not be able to fail."""
    fit(make_task(nn.Linear(4, 2), BINARY), DataLoader(TensorDataset(*make_rows(BINARY, 40)), batch_size=8))
    assert made["DataLoader"] == 1
    assert made["collate"] >= 5


@pytest.mark.parametrize(("shuffle", "gathers"), [(False, 0), (True, 3)], ids=["in order", "shuffled"])
def test_batches_are_cut_from_rows_gathered_together(make_loader: Loader, shuffle: bool, gathers: int) -> None:
    def epoch(rows: int, batch_size: int) -> Counter[str]:
        loader = make_loader(rows, batch_size=batch_size, shuffle=shuffle)
        with Operations() as operations:
            assert len(list(loader)) == rows // batch_size
        return operations.counts

    few = epoch(60, 10)
    assert few["split"] == 4
    assert few["index_select"] == gathers
    assert epoch(600, 10) == epoch(6000, 1000) == few  # more batches, more rows: not one operation more


def test_what_is_gathered_together_is_bounded() -> None:
    """A batch of large inputs is gathered alone: an epoch of pictures gathered at once would double the memory."""
    x = torch.arange(12, dtype=torch.float32)[:, None].expand(12, 1 << 17).contiguous()  # half a mebibyte a row
    loader = InMemoryLoader(x, torch.arange(12), batch_size=2, shuffle=True, seed=3)
    with Operations() as operations:
        batches = list(loader)
    assert operations.counts["index_select"] == 3 * 6
    assert sorted(torch.cat([batch.y for batch in batches]).tolist()) == list(range(12))
    assert all(torch.equal(batch.x[:, 0], batch.y.float()) for batch in batches)
    assert all(batch.x.untyped_storage().nbytes() == batch.x.nbytes for batch in batches)


def test_python_runs_per_batch_and_not_per_row(
    fit: Callable[..., Trainer], make_task: Any, make_loader: Loader
) -> None:
    counts = []
    for batch_size in (4, 4, 400):  # the first warms up what is cached
        task = make_task(nn.Linear(4, 2), BINARY)
        train = make_loader(12 * batch_size, batch_size=batch_size, shuffle=True)
        validate = make_loader(5 * batch_size, batch_size=batch_size)
        with python_calls(Path(glasshouse.__file__).parent) as calls:
            fit(task, train, validate)
        counts.append(calls)
    assert counts[1]["Task.training_step"] == 12
    assert counts[2] == counts[1]


# ------------------------------------------------------------ around the network


def test_a_step_is_a_loop_by_hand_and_seven_operations(
    fit: Callable[..., Trainer], make_task: Any, make_loader: Loader
) -> None:
    """Of the seven, Lightning's are a copy of the loss and its division by the accumulated batches, there and back;
    ours is the sum that the epoch's mean is made of; the rest are views without gradient. The difference of two
    lengths leaves out what an epoch does once.
    """

    def by_task(batches: int) -> int:
        with Operations() as operations:
            fit(make_task(nn.Linear(4, 2), BINARY, lr=0.1), make_loader(8 * batches, batch_size=8, shuffle=True))
        return sum(operations.counts.values())

    def by_hand(batches: int) -> int:
        network = nn.Linear(4, 2)
        optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
        with Operations() as operations:
            for batch in make_loader(8 * batches, batch_size=8, shuffle=True):
                loss = F.cross_entropy(network(batch.x), batch.y)
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
        return sum(operations.counts.values())

    assert (by_task(30) - by_task(10)) / 20 <= (by_hand(30) - by_hand(10)) / 20 + 7


def test_no_step_inspects_signatures(tmp_path: Path, make_task: Any, make_loader: Loader) -> None:
    def calls(batches: int) -> dict[str, int]:
        options = {"max_epochs": 1, "accelerator": "cpu", "enable_progress_bar": False, "logger": False}
        trainer = make_trainer(options, folder=tmp_path, monitor=None, callbacks=[], loggers=[])
        with python_calls(Path("/")) as counts:
            trainer.fit(make_task(nn.Linear(4, 2), BINARY), make_loader(8 * batches, batch_size=8))
        assert counts["Task.training_step"] == batches
        computed = ("Signature.__init__", "Parameter.__init__")  # of the standard library's inspect
        return {name: n for name, n in counts.items() if name in computed}

    assert calls(30) == calls(10)


def test_lightnings_notes_skip_the_search_for_parameters() -> None:
    task = Task(nn.Linear(4, 2), BINARY)
    with python_calls(Path(nn.Module.__init__.__code__.co_filename).parent) as calls:
        task._current_fx_name = "training_step"
    assert task._current_fx_name == "training_step"
    assert calls == {}


def test_all_other_attributes_are_torchs() -> None:
    task = Task(nn.Linear(4, 2), BINARY)
    with pytest.raises(TypeError, match="cannot assign"):
        task.network = "linear"  # type: ignore[assignment]
    task.weight = nn.Parameter(torch.zeros(1))
    with pytest.raises(TypeError, match="cannot assign"):
        task.weight = "heavy"  # type: ignore[assignment]
    task.weight = None  # type: ignore[assignment]
    assert dict(task.named_parameters()).keys() == {"network.weight", "network.bias"}
    task.note = "text"
    task.note = nn.Linear(1, 1)
    assert "note.weight" in task.state_dict()


def test_nothing_is_profiled_unless_asked_for(tmp_path: Path) -> None:
    def profiler(**options: Any) -> Any:
        given = {"accelerator": "cpu", "logger": False, **options}
        trainer: Any = make_trainer(given, folder=tmp_path, monitor=None, callbacks=[], loggers=[])
        return trainer.profiler

    ours = profiler()
    assert isinstance(ours, PassThroughProfiler)  # what Lightning asks to know whether anything is profiled
    assert ours.profile("a") is ours.profile("b")
    with ours.profile("a"):
        pass
    with pytest.raises(KeyError), ours.profile("a"):
        raise KeyError
    assert isinstance(profiler(profiler="simple"), SimpleProfiler)


@pytest.mark.parametrize(
    ("monitor", "kept"), [(None, {"last.ckpt": 3}), ("validate_loss", {"best.ckpt": 1, "last.ckpt": 3})]
)
def test_checkpoints_are_written_once_an_epoch(
    tmp_path: Path,
    make_task: Any,
    make_loader: Loader,
    monkeypatch: pytest.MonkeyPatch,
    monitor: str | None,
    kept: dict[str, int],
) -> None:
    """At a rate of 0 the first epoch stays the best; what a killed run goes on from is the last one all the same."""
    written: Counter[str] = Counter()
    save = Trainer.save_checkpoint

    def counted(self: Trainer, filepath: Any, *args: Any, **kwargs: Any) -> None:
        written[Path(filepath).name] += 1
        save(self, filepath, *args, **kwargs)

    monkeypatch.setattr(Trainer, "save_checkpoint", counted)
    options = {"max_epochs": 3, "accelerator": "cpu", "enable_progress_bar": False, "logger": False}
    trainer = make_trainer(options, folder=tmp_path, monitor=monitor, callbacks=[], loggers=[])
    loader = make_loader(8, batch_size=8)
    trainer.fit(make_task(nn.Linear(4, 2), BINARY), loader, loader)
    assert written == kept
    epochs = {path.name: torch.load(path, weights_only=True)["epoch"] for path in (tmp_path / "checkpoints").iterdir()}
    assert epochs == {name: {"best.ckpt": 0, "last.ckpt": 3}[name] for name in kept}


# ------------------------------------------------------------ device transfer


def test_a_batch_is_moved_as_lightning_moves_it() -> None:
    task, there = Task(nn.Linear(4, 2), BINARY), torch.device("meta")
    batch = Batch(torch.zeros(3, 4), torch.zeros(3, dtype=torch.int64), torch.zeros(3, 0), torch.arange(3))
    with python_calls(Path(lightning_fabric.__file__).parent) as calls:
        moved = task.transfer_batch_to_device(batch, there, 0)
    assert calls == {}  # no search of the batch for tensors
    expected = LightningModule.transfer_batch_to_device(task, batch, there, 0)
    assert type(moved) is type(expected) is Batch
    for ours, theirs in zip(moved, expected, strict=True):
        assert (ours.device, ours.shape, ours.dtype) == (there, theirs.shape, theirs.dtype)


@pytest.mark.parametrize(
    "batch",
    [
        (torch.zeros(3, 4), torch.zeros(3)),
        {"x": torch.zeros(3, 4), "y": torch.zeros(3)},
        Batch({"ids": torch.zeros(3, 4), "mask": torch.ones(3, 4)}, torch.zeros(3), torch.zeros(3, 0), torch.arange(3)),
    ],
    ids=["pair", "mapping", "nested"],
)
def test_batches_of_other_forms_are_moved_too(batch: Any) -> None:
    moved = Task(nn.Linear(4, 2), BINARY).transfer_batch_to_device(batch, torch.device("meta"), 0)
    assert type(moved) is type(batch)
    leaves = torch.utils._pytree.tree_leaves(moved)
    assert len(leaves) == len(torch.utils._pytree.tree_leaves(batch))
    assert all(leaf.device.type == "meta" for leaf in leaves)
