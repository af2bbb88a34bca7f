"""Batches of tensors that are already in memory: no worker, no collation, no Python per row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from glasshouse.data.batch import Batch

_GATHERED_AT_ONCE = 1 << 19
"""Bytes of inputs gathered in one call and then cut into batches: a gather a batch costs a small network's layer."""


class InMemoryLoader:
    """An iterable of `Batch`es cut from tensors.

    The order of epoch e depends on (`seed`, e) alone, and the position within an epoch is part of `state_dict`, so a
    resumed training goes on with the batches it would have seen. Each `iter()` is one epoch further than the one
    before, unless `set_epoch` says otherwise; Lightning calls `loader.sampler.set_epoch` and both state methods.

    While `torch.distributed` is initialised, a shuffled loader deals the epoch's order out to the ranks in equal
    shares (the fewer than `world_size` rows left over sit this epoch out). An unshuffled loader gives every rank all
    rows, so that none is counted twice.

    Args:
        x: inputs, (n, ...).
        y: targets, (n, ...).
        sensitive: level codes, (n, a); left out, a is 0.
        batch_size: rows per batch.
        shuffle: a new order every epoch.
        seed: where the orders come from.
        drop_last: leave out a last batch that is not full.

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
    """Lightning asks for it wherever there is a `sampler`."""

    @property
    def sampler(self) -> InMemoryLoader:
        """What Lightning calls `set_epoch` on: the loader itself."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """The epoch of the next iteration, also of one whose iterator exists but has not been advanced."""
        self._epoch = epoch

    def __len__(self) -> int:
        """Batches per epoch (of this rank)."""
        rows = self._rows_of_rank()
        return rows // self.batch_size if self.drop_last else -(-rows // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        # A generator: nothing below happens before the first batch is asked for. Lightning needs that, because it
        # makes the iterator of the first epoch before it calls `set_epoch`.
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
        """The epoch under way and the number of its batches already given out."""
        return dict(self._position)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on behind the batches that `state` counts in the epoch it names; other epochs start at their start."""
        self._epoch, done = int(state["epoch"]), int(state["batch"])
        if done >= len(self):
            self._epoch, done = self._epoch + 1, 0
        self._first_batch = {"epoch": self._epoch, "batch": done}

    def _batches_at_once(self) -> int:
        bytes_per_row: int = self.rows.x[:1].numel() * self.rows.x.element_size()
        return max(1, _GATHERED_AT_ONCE // max(1, bytes_per_row * self.batch_size))

    def _block(self, order: Tensor | None, chosen: slice) -> Batch:
        if order is None:
            return Batch(*(tensor[chosen] for tensor in self.rows))
        rows = order[chosen]
        x, y, sensitive, _ = self.rows
        return Batch(x.index_select(0, rows), y.index_select(0, rows), sensitive.index_select(0, rows), rows)

    def _order(self, epoch: int) -> Tensor:
        # A seed sequence, not seed + epoch: the latter would give neighbouring seeds each other's orders.
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
    """Batches whose stored inputs become the model's, one batch at a time."""

    def __init__(
        self, encode: Callable[[Tensor], Tensor], x: Tensor, y: Tensor, sensitive: Tensor, *, batch_size: int
    ) -> None:
        super().__init__(x, y, sensitive, batch_size=batch_size)
        self.encode = encode

    def __iter__(self) -> Iterator[Batch]:
        for batch in super().__iter__():
            yield batch._replace(x=self.encode(batch.x))
