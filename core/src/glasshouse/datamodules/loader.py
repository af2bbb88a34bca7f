"""Loaders of batches from tensors in memory, without worker processes, collation or Python code per row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from glasshouse.data.batch import Batch

_GATHER_BYTES = 1 << 19
"""Bytes of inputs that one gather copies before they are split into batches. For a small network a gather for each
batch takes as long as a layer."""


class InMemoryLoader:
    """An iterable of `Batch`es from tensors; batches are copies, so a model that writes into one changes no row.

    The order of epoch e depends only on (`seed`, e), and the position within an epoch is part of `state_dict`, so a
    resumed training continues with the same batches. Each `iter()` starts the next epoch, unless `set_epoch` sets
    another one; Lightning calls `loader.sampler.set_epoch` and both state methods.

    If `torch.distributed` is initialised, a shuffled loader divides the order of the epoch equally among the ranks and
    omits the remainder of fewer than `world_size` rows. An unshuffled loader gives every rank all rows, so that no row
    counts twice.

    Args:
        x: inputs, (n, ...).
        y: targets, (n, ...).
        sensitive: level codes, (n, a); default: a is 0.
        batch_size: rows per batch.
        shuffle: a new order every epoch.
        seed: of the orders.
        drop_last: omit an incomplete last batch.

    Raises:
        ValueError: for a batch size below one, or tensors of different lengths.
    """

    def __init__(
        self,
        x: Tensor,
        y: Tensor,
        sensitive: Tensor | None = None,
        *,
        batch_size: int = 256,
        shuffle: bool = False,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}; expected at least 1")
        sensitive = torch.empty((len(x), 0), dtype=torch.int64) if sensitive is None else sensitive
        if not len(x) == len(y) == len(sensitive):
            raise ValueError(f"x, y and sensitive have {len(x)}, {len(y)} and {len(sensitive)} rows")
        self.rows = Batch(x, y, sensitive, torch.arange(len(x)))
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.drop_last = drop_last
        self._epoch = 0
        self._first_batch = {"epoch": -1, "batch": 0}
        self._position = {"epoch": 0, "batch": 0}

    batch_sampler = None
    """Lightning requires it of every loader with a `sampler`."""

    @property
    def sampler(self) -> InMemoryLoader:
        """The object whose `set_epoch` Lightning calls: the loader itself."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of the next iteration, also of an existing iterator that has not returned a batch."""
        self._epoch = epoch

    def __len__(self) -> int:
        """Batches per epoch (of this rank)."""
        rows = self._rows_of_rank()
        return rows // self.batch_size if self.drop_last else -(-rows // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        # A generator: nothing below runs before the first batch is requested. Lightning needs that, because it creates
        # the iterator of the first epoch before it calls `set_epoch`.
        epoch = self._epoch
        self._epoch += 1
        first = self._first_batch["batch"] if self._first_batch["epoch"] == epoch else 0
        order = self._order(epoch) if self.shuffle else None
        at_once = self._batches_at_once()
        for start in range(first, len(self), at_once):
            stop = min(start + at_once, len(self))
            block = self._block(order, slice(start * self.batch_size, stop * self.batch_size))
            parts = zip(*(tensor.split(self.batch_size) for tensor in block), strict=True)
            for batch, part in zip(range(start, stop), parts, strict=False):
                self._position = {"epoch": epoch, "batch": batch + 1}
                yield Batch._make(part)

    def state_dict(self) -> dict[str, Any]:
        """The current epoch and the number of its batches that were returned."""
        return dict(self._position)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue after the batches that `state` counts in its epoch; other epochs start at their first batch."""
        self._epoch, done = int(state["epoch"]), int(state["batch"])
        if done >= len(self):
            self._epoch, done = self._epoch + 1, 0
        self._first_batch = {"epoch": self._epoch, "batch": done}

    def _batches_at_once(self) -> int:
        bytes_per_row: int = self.rows.x[:1].numel() * self.rows.x.element_size()
        return max(1, _GATHER_BYTES // max(1, bytes_per_row * self.batch_size))

    def _block(self, order: Tensor | None, chosen: slice) -> Batch:
        if order is None:
            return Batch(*(tensor[chosen].clone() for tensor in self.rows))
        rows = order[chosen]
        x, y, sensitive, _ = self.rows
        return Batch(x.index_select(0, rows), y.index_select(0, rows), sensitive.index_select(0, rows), rows)

    def _order(self, epoch: int) -> Tensor:
        # a seed sequence instead of seed + epoch, with which seed 0 in epoch 1 and seed 1 in epoch 0 have one order
        mixed = int(np.random.SeedSequence((self.seed, epoch)).generate_state(1, np.uint64)[0])
        order = torch.randperm(len(self.rows.x), generator=torch.Generator().manual_seed(mixed))
        rank, world_size = _rank_and_world_size()
        return order[: len(order) - len(order) % world_size][rank::world_size].contiguous()

    def _rows_of_rank(self) -> int:
        return len(self.rows.x) // (_rank_and_world_size()[1] if self.shuffle else 1)


def _rank_and_world_size() -> tuple[int, int]:
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1


class EncodedLoader(InMemoryLoader):
    """A loader that encodes the stored inputs of each batch for the model."""

    def __init__(
        self, encode: Callable[[Tensor], Tensor], x: Tensor, y: Tensor, sensitive: Tensor, *, batch_size: int
    ) -> None:
        super().__init__(x, y, sensitive, batch_size=batch_size)
        self.encode = encode

    def __iter__(self) -> Iterator[Batch]:
        for batch in super().__iter__():
            yield batch._replace(x=self.encode(batch.x))
