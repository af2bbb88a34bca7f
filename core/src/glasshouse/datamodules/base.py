"""The data module that data plugins share whose rows fit in memory: splits in, batches and handles out."""

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
    """Base of data modules for tables, images and texts: `setup` of a subclass hands its splits to `_keep`.

    Args:
        batch_size: rows per batch.
        fractions: shares of train, validate and test; where the data bring a split without a validation part, the
            first two say how it is cut from train.
        split_seed: where the split comes from; kept apart from the seed of training, so that runs with different
            seeds are judged on the same rows.
        seed: order of training batches; default: the seed of `seed_everything`.
        split: what the rows are split by; default: as the data bring it, else in equal shares of every class.
    """

    name: str | None = None

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
        """How error messages call these data."""
        return f"data '{self._name}'"

    @property
    def _name(self) -> str:
        return self.name or type(self).__name__.lower()

    @property
    def info(self) -> DataInfo:
        """What is known of the data; valid after `setup`."""
        self._require_setup()
        return self._info

    @property
    def table_fingerprint(self) -> str:
        """SHA-256 over the inputs and columns in use and the split; valid after `setup`."""
        self._require_setup()
        return self._fingerprint

    def inputs(self, split: str) -> Tensor:
        """Encoded inputs of one split, (n, ...), row i being position i of the split."""
        return self._split(split).x  # type: ignore[no-any-return]

    def inputs_at(self, split: str, rows: Any) -> Tensor:
        """Encoded inputs of some rows of one split, by position."""
        return self._split(split).x[rows]  # type: ignore[no-any-return]

    def loader(self, split: str) -> InMemoryLoader:
        """One split in its own order."""
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
            # Batch norm has no variance over one row. A lone last row sits the epoch out, another one each epoch.
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
        """What `setup` found: the rows of each split, what is known of them, and their fingerprint."""
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
