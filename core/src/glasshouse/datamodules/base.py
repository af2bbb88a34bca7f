"""Base classes of data modules whose rows fit in memory: loaders, inputs and description of their splits."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from pytorch_lightning import LightningDataModule
from torch import Tensor

from glasshouse.data.batch import Batch
from glasshouse.data.data_info import SPLITS, DataInfo
from glasshouse.data.split_option import SplitOption, SplitPlan
from glasshouse.datamodules.loader import EncodedLoader, InMemoryLoader
from glasshouse.errors import UserError, did_you_mean


class InMemoryDataModule(LightningDataModule):
    """Base class of data modules for tables, images and texts: `setup` of a subclass passes its splits to `_keep`.

    Args:
        batch_size: rows per batch.
        fractions: shares of train, validate and test. If the data have a predefined split without validation rows,
            these are drawn from train in the proportion of the first two.
        split_seed: seed of the split; separate from the training seed, so that runs with different seeds are
            evaluated on the same rows.
        seed: seed of the order of training batches; default: the seed of `seed_everything`.
        split: how to split the rows; default: the predefined split of the data, or stratified by class.
    """

    name: str | None = None

    notes: tuple[str, ...] = ()
    """What a user should know of the data, a sentence each; printed after `setup`."""

    def __init__(
        self,
        batch_size: int = 256,
        fractions: Sequence[float] = (0.6, 0.2, 0.2),
        split_seed: int = 0,
        seed: int | None = None,
        split: SplitOption = None,
    ) -> None:
        super().__init__()
        if batch_size < 1:
            raise UserError(self.who, f"batch_size is {batch_size}; expected at least 1.")
        self.batch_size = batch_size
        self.fractions = list(fractions)
        self.split_seed = split_seed
        self.seed = seed
        self.split = split
        self.split_plan = SplitPlan.read(split, self.fractions, seed=split_seed, who=self.who)
        self._rows: dict[str, Batch] = {}

    @property
    def who(self) -> str:
        """The name of these data in error messages."""
        return f"data '{self._name}'"

    @property
    def _name(self) -> str:
        return self.name or type(self).__name__.lower()

    @property
    def info(self) -> DataInfo:
        """The description of the data; valid after `setup`."""
        self._require_setup()
        return self._info

    @property
    def table_fingerprint(self) -> str:
        """SHA-256 of the inputs, the columns in use and the split; valid after `setup`."""
        self._require_setup()
        return self._fingerprint

    def inputs(self, split: str) -> Tensor:
        """Encoded inputs (n, ...) of one split, in the order of its rows."""
        return self._split(split).x  # type: ignore[no-any-return]

    def inputs_at(self, split: str, rows: Any) -> Tensor:
        """Encoded inputs of some rows of one split, by position."""
        return self._split(split).x[rows]  # type: ignore[no-any-return]

    def loader(self, split: str) -> InMemoryLoader:
        """One split in its fixed order."""
        return self._in_order(split)

    def train_dataloader(self) -> InMemoryLoader:
        """The training split, in a new order every epoch."""
        x, y, sensitive, _ = self._split("train")
        return InMemoryLoader(
            x,
            y,
            sensitive,
            batch_size=self.batch_size,
            shuffle=True,
            seed=torch.initial_seed() if self.seed is None else self.seed,
            # Batch norm needs more than one row: a last batch of one row is dropped, another row in each epoch.
            drop_last=len(x) > 1 and len(x) % self.batch_size == 1,
        )

    def val_dataloader(self) -> InMemoryLoader:
        """The validation split."""
        return self._in_order("validate")

    def test_dataloader(self) -> InMemoryLoader:
        """The test split."""
        return self._in_order("test")

    def predict_dataloader(self) -> InMemoryLoader:
        """The test split."""
        return self._in_order("test")

    def _keep(self, rows: Mapping[str, Batch], info: DataInfo, fingerprint: str) -> None:
        """Store the result of `setup`: the rows of each split, the description and the fingerprint."""
        self._rows = dict(rows)
        self._info = info
        self._fingerprint = fingerprint

    def _in_order(self, split: str) -> InMemoryLoader:
        x, y, sensitive, _ = self._split(split)
        return InMemoryLoader(x, y, sensitive, batch_size=self.batch_size)

    def _require_setup(self) -> None:
        if not self._rows:
            raise RuntimeError(f"{type(self).__name__}.setup() has not been called")

    def _split(self, split: str) -> Batch:
        self._require_setup()
        if split not in self._rows:
            raise UserError(self.who, f"there is no split '{split}'.", did_you_mean(split, SPLITS))
        return self._rows[split]


class CompactDataModule(InMemoryDataModule):
    """Base class of data modules that store rows in a compact form and convert them to model inputs in `encode`.

    Lightning's loaders return stored rows, which are small to shuffle and to transfer; `encode` runs on the device
    after the transfer. `loader` and `inputs`, which audits use, return encoded rows.
    """

    @abstractmethod
    def encode(self, x: Tensor) -> Tensor:
        """Model inputs from stored inputs (n, ...)."""

    def inputs(self, split: str) -> Tensor:
        """Encoded inputs (n, ...) of one split, in the order of its rows."""
        return self.encode(super().inputs(split))

    def inputs_at(self, split: str, rows: Any) -> Tensor:
        """Encoded inputs of some rows of one split, by position; only these are encoded."""
        return self.encode(super().inputs_at(split, rows))

    def loader(self, split: str) -> InMemoryLoader:
        """One split in its fixed order; inputs are encoded batch by batch."""
        x, y, sensitive, _ = self._split(split)
        return EncodedLoader(self.encode, x, y, sensitive, batch_size=self.batch_size)

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Encode a batch on its device, in the Trainer's precision; Lightning converts only floats before."""
        x = self.encode(batch.x)
        return batch._replace(x=x if self.trainer is None else self.trainer.precision_plugin.convert_input(x))
