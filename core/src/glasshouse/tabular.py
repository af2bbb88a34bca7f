"""The data module that data plugins for tables share: split, encode, batch, and say what the data are."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_lightning import LightningDataModule
from torch import Tensor

from glasshouse.data import SPLITS, Batch, DataInfo, Sensitive
from glasshouse.encoding import TableEncoder
from glasshouse.errors import UserError, did_you_mean
from glasshouse.loaders import InMemoryLoader
from glasshouse.roles import code_sensitive, code_target
from glasshouse.splits import split_rows
from glasshouse.tables import Coded, Column, RawTable, SensitiveColumn, fingerprint

__all__ = ["Coded", "InMemoryLoader", "RawTable", "SensitiveColumn", "TabularDataModule"]

Missing = Literal["error", "impute", "drop"]


class TabularDataModule(LightningDataModule):
    """Base of every data plugin for tables: a subclass implements `load` and may set `name`.

    Numeric columns are standardised, categorical ones become one-hot blocks, which stand last in `x`
    (`glasshouse.encoding`); both are learned on the training split alone. Categories may be missing: that is a level
    of its own.

    Args:
        batch_size: rows per batch.
        fractions: shares of train, validate and test, drawn within each class; where the data bring a split without
            a validation part, the first two say how it is cut from train.
        split_seed: where the split comes from; kept apart from the seed of training, so that runs with different
            seeds are judged on the same rows.
        missing: what a missing number among the features, or a missing target, means: ``error``; ``impute`` fills the
            training median and adds a column that marks it (the target must be there); ``drop`` leaves out rows where
            any feature or the target is missing.
        seed: order of training batches; default: the seed of `seed_everything`.
    """

    name: str | None = None

    def __init__(
        self,
        batch_size: int = 256,
        fractions: Sequence[float] = (0.6, 0.2, 0.2),
        split_seed: int = 0,
        missing: Missing = "error",
        seed: int | None = None,
    ) -> None:
        super().__init__()
        if batch_size < 1:
            raise UserError(self.who, f"batch_size is {batch_size}; expected at least 1.")
        if missing not in get_args(Missing):
            raise UserError(self.who, f"missing is {missing!r}; expected one of {', '.join(get_args(Missing))}.")
        self.batch_size = batch_size
        self.fractions = list(fractions)
        self.split_seed = split_seed
        self.missing = missing
        self.seed = seed
        self._rows: dict[str, Batch] = {}

    @abstractmethod
    def load(self) -> RawTable:
        """The table, all splits together."""

    @property
    def who(self) -> str:
        """How error messages call these data."""
        return f"data '{self._name}'"

    @property
    def _name(self) -> str:
        return self.name or type(self).__name__.lower()

    def setup(self, stage: str | None = None) -> None:
        """Load, split and encode; the second call and every later one does nothing."""
        if self._rows:
            return
        table = self.load()
        features = self._features(table)
        roles = {
            **dict.fromkeys(features, "feature"),
            **{s.column: f"sensitive attribute '{s.name}'" for s in table.sensitive},
            table.target: "target",
        }
        columns = {name: table.column(name, role=role, who=self.who) for name, role in roles.items()}
        given = None if table.split is None else np.asarray(table.split)
        self._check_lengths(columns, given)
        kept = self._complete_rows(columns, features, table.target)
        if kept is not None:
            columns = {name: column[kept] for name, column in columns.items()}
            given = None if given is None else given[kept]

        target, y = code_target(table, columns[table.target], who=self.who)
        strata = np.zeros(len(y), dtype=np.int64) if target.kind == "regression" else y
        rows = split_rows(given, strata, self.fractions, seed=self.split_seed, who=self.who)
        if target.classes and len(np.unique(y[rows["train"]])) < 2:
            only = target.classes[int(y[rows["train"][0]])]
            raise UserError(self.who, f"the training split holds one class of '{target.name}' alone: '{only}'.")
        if target.kind == "regression":
            known = y[rows["train"]].astype(np.float64)
            target = replace(target, center=float(known.mean()), scale=float(known.std()) or 1.0)
        groups = {s.name: code_sensitive(s, columns[s.column], who=self.who) for s in table.sensitive}
        encoder = TableEncoder.fit(columns, features, rows["train"], who=self.who)
        codes = np.stack([g.codes for g in groups.values()], axis=1) if groups else np.empty((len(y), 0), np.int32)
        for split, chosen in rows.items():
            self._rows[split] = Batch(
                torch.from_numpy(encoder.encode(columns, chosen)),
                torch.from_numpy(y[chosen]),
                torch.from_numpy(codes[chosen].astype(np.int64)),
                torch.arange(len(chosen)),
            )
        parts = np.zeros(len(y))
        parts[rows["validate"]], parts[rows["test"]] = 1, 2
        self._fingerprint = fingerprint({**columns, "": parts})  # the empty name is free: the split
        self._info = DataInfo(
            name=self._name,
            modality="tabular",
            target=target,
            input_shape=(encoder.width,),
            features=encoder.features(table.immutable),
            sensitive=tuple(
                Sensitive(name=s.name, levels=groups[s.name].levels, seen_by_model=s.column in features)
                for s in table.sensitive
            ),
            sizes={
                "in_features": encoder.width,
                "input_shape": [encoder.width],
                "num_classes": target.num_outputs,
                "out_features": target.num_outputs,
                "cardinalities": encoder.cardinalities,
            },
            rows={split: len(chosen) for split, chosen in rows.items()},
            source=table.source,
            licence=table.licence,
            synthetic=table.synthetic,
        )

    @property
    def info(self) -> DataInfo:
        """What is known of the data; valid after `setup`."""
        self._require_setup()
        return self._info

    @property
    def table_fingerprint(self) -> str:
        """SHA-256 over the columns in use and the split; valid after `setup`."""
        self._require_setup()
        return self._fingerprint

    def inputs(self, split: str) -> Tensor:
        """Encoded inputs of one split, (n, d) float32, row i being position i of the split."""
        return self._split(split).x  # type: ignore[no-any-return]

    def loader(self, split: str) -> InMemoryLoader:
        """One split in its own order."""
        x, y, sensitive, _ = self._split(split)
        return InMemoryLoader(x, y, sensitive, batch_size=self.batch_size)

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
        return self.loader("validate")

    def test_dataloader(self) -> InMemoryLoader:
        """The test split."""
        return self.loader("test")

    def predict_dataloader(self) -> InMemoryLoader:
        """The test split."""
        return self.loader("test")

    def _require_setup(self) -> None:
        if not self._rows:
            raise RuntimeError(f"{type(self).__name__}.setup() has not been called")

    def _split(self, split: str) -> Batch:
        self._require_setup()
        if split not in self._rows:
            raise UserError(self.who, f"there is no split '{split}'.", did_you_mean(split, SPLITS))
        return self._rows[split]

    def _features(self, table: RawTable) -> tuple[str, ...]:
        features = tuple(n for n in table.columns if n != table.target) if table.features is None else table.features
        if not features:
            raise UserError(self.who, "there is no feature column.")
        if table.target in features:
            raise UserError(self.who, f"the target '{table.target}' is among the features.", "Leave it out of them.")
        return features

    def _check_lengths(self, columns: Mapping[str, Column], given: NDArray[Any] | None) -> None:
        lengths = {name: len(column) for name, column in columns.items()}
        if given is not None:
            lengths["split"] = len(given)
        if len(set(lengths.values())) > 1:
            raise UserError(self.who, f"columns differ in length: {lengths}.")
        if not all(lengths.values()):
            raise UserError(self.who, "the table has no rows.")

    def _complete_rows(
        self, columns: Mapping[str, Column], features: Sequence[str], target: str
    ) -> NDArray[np.int64] | None:
        """Which rows to keep under `missing`; None: all.

        Raises:
            UserError: for infinite numbers, and for missing ones where that is an error.
        """
        incomplete = np.zeros(len(columns[target]), dtype=bool)
        for name in (*features, target):
            column = columns[name]
            if isinstance(column, Coded):
                absent = column.codes < 0
            else:
                absent = np.isnan(column)
                self._refuse_infinite(name, column)
            if not absent.any():
                continue
            count = f"{int(absent.sum()):,} of {len(absent):,} rows"
            if self.missing == "drop":
                incomplete |= absent
            elif name == target:
                raise UserError(
                    self.who, f"the target '{name}' is missing in {count}.", "Set `missing: drop` to leave them out."
                )
            elif self.missing == "error" and not isinstance(column, Coded):
                raise UserError(
                    self.who,
                    f"column '{name}' is missing (NaN) in {count}.",
                    "Set `missing: impute` (training median and a marker column) or `missing: drop` (leave rows out).",
                )
        return np.flatnonzero(~incomplete) if incomplete.any() else None

    def _refuse_infinite(self, name: str, column: NDArray[np.float64]) -> None:
        infinite = int(np.isinf(column).sum())
        if infinite:
            raise UserError(
                self.who,
                f"column '{name}' is infinite in {infinite:,} of {len(column):,} rows.",
                "Correct the values in the source, or leave the column out.",
            )
