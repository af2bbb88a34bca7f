from __future__ import annotations

import pytest
import torch
from glasshouse import Batch, InMemoryLoader
from hypothesis import given
from hypothesis import strategies as st
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint


def rows(n: int, **options: object) -> InMemoryLoader:
    """x of row i is i, y is 10 i, its one sensitive code 100 i."""
    i = torch.arange(n)
    return InMemoryLoader(i.float().unsqueeze(1), 10 * i, 100 * i.unsqueeze(1), **options)  # type: ignore[arg-type]


def order(loader: InMemoryLoader) -> list[int]:
    return [i for batch in loader for i in batch.index.tolist()]


def test_five_rows_in_pairs() -> None:
    batches = list(rows(5, batch_size=2))
    assert all(isinstance(batch, Batch) for batch in batches)
    assert [batch.index.tolist() for batch in batches] == [[0, 1], [2, 3], [4]]
    assert batches[1].x.tolist() == [[2.0], [3.0]]
    assert batches[1].y.tolist() == [20, 30]
    assert batches[1].sensitive.tolist() == [[200], [300]]


def test_dropping_the_last_batch() -> None:
    loader = rows(5, batch_size=2, drop_last=True)
    assert len(loader) == 2
    assert order(loader) == [0, 1, 2, 3]


def test_no_rows_no_batches() -> None:
    assert len(rows(0)) == 0
    assert list(rows(0, shuffle=True)) == []


def test_without_sensitive_attributes_a_batch_has_none() -> None:
    (batch,) = InMemoryLoader(torch.zeros(3, 2), torch.zeros(3))
    assert batch.sensitive.shape == (3, 0)


def test_batches_are_copies() -> None:
    loader = rows(4, batch_size=2)
    before = loader.rows.x.clone()
    for batch in loader:
        batch.x.zero_()
    assert loader.rows.x.equal(before)


@given(n=st.integers(1, 60), batch_size=st.integers(1, 70), seed=st.integers(0, 2**63 - 1), shuffle=st.booleans())
def test_every_row_once_and_aligned(n: int, batch_size: int, seed: int, shuffle: bool) -> None:
    loader = rows(n, batch_size=batch_size, seed=seed, shuffle=shuffle)
    batches = list(loader)
    assert len(batches) == len(loader)
    assert sorted(i for batch in batches for i in batch.index.tolist()) == list(range(n))
    for x, y, sensitive, index in batches:
        assert x[:, 0].tolist() == index.tolist()
        assert y.tolist() == (10 * index).tolist()
        assert sensitive[:, 0].tolist() == (100 * index).tolist()


def test_each_epoch_has_an_order_of_its_own_that_only_seed_and_epoch_decide() -> None:
    loader = rows(50, shuffle=True, seed=7)
    epochs = [order(loader) for _ in range(3)]
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]

    fresh = rows(50, shuffle=True, seed=7)
    torch.manual_seed(123)  # the global state has no part in it
    fresh.set_epoch(2)
    assert order(fresh) == epochs[2]
    assert order(rows(50, shuffle=True, seed=8)) not in epochs  # a neighbouring seed does not borrow an epoch


def test_set_epoch_reaches_an_iterator_that_has_not_started() -> None:
    expected = rows(50, shuffle=True)
    expected.set_epoch(4)
    loader = rows(50, shuffle=True)
    iterator = iter(loader)
    loader.set_epoch(4)
    assert next(iterator).index.tolist() == next(iter(expected)).index.tolist()


def test_a_restored_loader_goes_on_within_its_epoch_and_then_with_whole_ones() -> None:
    whole = rows(10, batch_size=3, shuffle=True)
    batches = [batch.index.tolist() for _ in range(2) for batch in whole]

    stopped = rows(10, batch_size=3, shuffle=True)
    iterator = iter(stopped)
    next(iterator), next(iterator)
    resumed = rows(10, batch_size=3, shuffle=True)
    resumed.load_state_dict(stopped.state_dict())
    assert [batch.index.tolist() for _ in range(2) for batch in resumed] == batches[2:]


def test_a_loader_stopped_at_the_end_of_an_epoch_resumes_with_the_next() -> None:
    loader = rows(10, batch_size=3, shuffle=True)
    order(loader)
    state = loader.state_dict()
    resumed = rows(10, batch_size=3, shuffle=True)
    resumed.load_state_dict(state)
    assert order(resumed) == order(loader)


@pytest.mark.parametrize("world_size", [2, 3])
def test_ranks_share_an_epoch_in_equal_parts(monkeypatch: pytest.MonkeyPatch, world_size: int) -> None:
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: world_size)
    shares, whole = [], []
    for rank in range(world_size):
        monkeypatch.setattr(torch.distributed, "get_rank", lambda rank=rank: rank)
        loader = rows(10, batch_size=2, shuffle=True)
        assert len(loader) == len(list(rows(10 // world_size, batch_size=2)))
        shares.append(order(loader))
        whole.append(order(rows(10)))
    dealt = [i for share in shares for i in share]
    assert len(set(dealt)) == len(dealt) == 10 - 10 % world_size
    assert {len(share) for share in shares} == {10 // world_size}
    assert whole == [list(range(10))] * world_size


def test_misuse_is_refused() -> None:
    with pytest.raises(ValueError, match="batch_size is 0; expected at least 1"):
        rows(3, batch_size=0)
    with pytest.raises(ValueError, match="x, y and sensitive have 3, 2 and 3 rows"):
        InMemoryLoader(torch.zeros(3, 1), torch.zeros(2))


class Recorder(LightningModule):
    """Writes down the rows of every step; its one weight remembers their order."""

    def __init__(self, loader: InMemoryLoader) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.loader = loader
        self.seen: list[tuple[int, tuple[int, ...]]] = []

    def training_step(self, batch: Batch) -> torch.Tensor:
        self.seen.append((self.current_epoch, tuple(batch.index.tolist())))
        return ((self.weight - batch.x) ** 2).mean()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)

    def train_dataloader(self) -> InMemoryLoader:
        return self.loader


def fit(folder: object, *, epochs: int, resume: object = None, **options: object) -> tuple[Recorder, ModelCheckpoint]:
    keep = ModelCheckpoint(dirpath=folder, save_top_k=-1, filename="{step}", **options)  # type: ignore[arg-type]
    module = Recorder(rows(20, batch_size=4, shuffle=True, seed=3))
    Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        callbacks=[keep],
        enable_progress_bar=False,
        enable_model_summary=False,
    ).fit(module, ckpt_path=resume, weights_only=True)  # type: ignore[arg-type]
    return module, keep


def test_lightning_shuffles_each_epoch_as_a_plain_loop_does(tmp_path: object) -> None:
    module, _ = fit(tmp_path, epochs=3)
    plain = rows(20, batch_size=4, shuffle=True, seed=3)
    assert module.seen == [(epoch, tuple(b.index.tolist())) for epoch in range(3) for b in plain]


@pytest.mark.filterwarnings("ignore:The dirpath has changed")
@pytest.mark.parametrize(
    ("when", "step"),
    [({"every_n_train_steps": 2}, 10), ({"every_n_train_steps": 2}, 12), ({"every_n_epochs": 1}, 10)],
    ids=["after the last batch of an epoch", "within an epoch", "after an epoch"],
)
def test_a_resumed_lightning_run_goes_on_identically(tmp_path: object, when: dict[str, int], step: int) -> None:
    whole, _ = fit(f"{tmp_path}/whole", epochs=4, **when)
    resumed, _ = fit(f"{tmp_path}/rest", epochs=4, resume=f"{tmp_path}/whole/step={step}.ckpt", **when)
    assert resumed.seen == whole.seen[step:]
    assert torch.equal(resumed.weight, whole.weight)
