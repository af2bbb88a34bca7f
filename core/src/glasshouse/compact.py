"""Rows that are stored smaller than a model takes them: pixels as bytes, words as short numbers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor

from glasshouse.data import Batch
from glasshouse.in_memory import InMemoryDataModule
from glasshouse.loaders import InMemoryLoader


class CompactDataModule(InMemoryDataModule):
    """Base of data modules whose stored rows become what the model takes in `encode`.

    Lightning's loaders give out stored rows, which are small to shuffle and to move; `encode` runs on the device,
    behind the transfer. `loader` and `inputs`, which audits use, give out encoded ones.
    """

    @abstractmethod
    def encode(self, x: Tensor) -> Tensor:
        """Stored inputs (n, ...) as the model takes them."""

    def inputs(self, split: str) -> Tensor:
        """Encoded inputs of one split, (n, ...), row i being position i of the split."""
        return self.encode(super().inputs(split))

    def inputs_at(self, split: str, rows: Any) -> Tensor:
        """Encoded inputs of some rows of one split, by position; no others are encoded."""
        return self.encode(super().inputs_at(split, rows))

    def loader(self, split: str) -> InMemoryLoader:
        """One split in its own order, inputs encoded batch by batch."""
        x, y, sensitive, _ = self._split(split)
        return EncodedLoader(self.encode, x, y, sensitive, batch_size=self.batch_size)

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Encode a batch where it is, in the precision of the Trainer, which has asked only floats for it before."""
        x = self.encode(batch.x)
        return batch._replace(x=x if self.trainer is None else self.trainer.precision_plugin.convert_input(x))


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
