"""Data, each with one defect, beside ones that have none."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from glasshouse import Batch, InMemoryLoader, TabularDataModule, TextDataModule, UserError
from glasshouse.data.raw_table import Coded, RawTable, SensitiveColumn
from glasshouse.datamodules.texts import RawTexts
from pytorch_lightning import LightningDataModule


class Sound(TabularDataModule):
    """Sixty made-up people.

    Args:
        batch_size: rows per batch.
        split_seed: where the split comes from.
        seed: order of training batches.
    """

    name = "sound"

    def __init__(self, batch_size: int = 8, split_seed: int = 0, seed: int | None = None) -> None:
        super().__init__(batch_size=batch_size, split_seed=split_seed, seed=seed)

    def load(self) -> RawTable:
        rng = np.random.default_rng(0)
        group = rng.integers(0, 2, 60).astype(np.int32)
        values = rng.normal(size=(60, 2))
        return RawTable(
            columns={
                "a": values[:, 0],
                "b": values[:, 1],
                "c": Coded(rng.integers(0, 3, 60).astype(np.int32), ("x", "y", "z")),
                "group": Coded(group, ("one", "two")),
                "y": Coded((values.sum(axis=1) > 0).astype(np.int32), ("no", "yes")),
            },
            target="y",
            sensitive=(SensitiveColumn(name="group", column="group"),),
        )

    def change(self, **fields: Any) -> None:
        """Say something else of the data."""
        self._info = replace(self._info, **fields)


class Changed(Sound):
    """What a subclass does to rows that are there."""

    def setup(self, stage: str | None = None) -> None:
        if not self._rows:
            super().setup(stage)
            self.spoil()

    def spoil(self) -> None:
        pass

    def put(self, split: str, **parts: Any) -> None:
        self._rows[split] = self._rows[split]._replace(**parts)


class NoInfo(LightningDataModule):
    def setup(self, stage: str | None = None) -> None:
        pass


class Regression(Sound):
    def load(self) -> RawTable:
        return replace(super().load(), target="a", task="regression")


class UnknownSize(Changed):
    def spoil(self) -> None:
        self.change(sizes={**self._info.sizes, "colours": 3})


class WrongSize(Changed):
    def spoil(self) -> None:
        self.change(sizes={**self._info.sizes, "num_classes": 3})


class WrongShape(Changed):
    def spoil(self) -> None:
        self.change(sizes={**self._info.sizes, "input_shape": [1]})


class ArrayInInfo(Changed):
    def spoil(self) -> None:
        self.change(sizes={**self._info.sizes, "in_features": np.int64(7)})


class TupleInSizes(Changed):
    def spoil(self) -> None:
        self.change(rows={1: 2, **self._info.rows})


class TellsRows(Changed):
    def spoil(self) -> None:
        self.change(sizes={**self._info.sizes, "cardinalities": [1] * 60})


class Narrower(Changed):
    def spoil(self) -> None:
        self.put("test", x=self._rows["test"].x[:, 1:])


class Holes(Changed):
    def spoil(self) -> None:
        self._rows["validate"].x[0, 0] = float("nan")


class TooManyWords(Changed):
    def spoil(self) -> None:
        self.change(sizes={**self._info.sizes, "vocab_size": 1})
        self.put("test", x=torch.ones_like(self._rows["test"].x, dtype=torch.int64))
        self.put("train", x=torch.zeros_like(self._rows["train"].x, dtype=torch.int64))
        self.put("validate", x=torch.zeros_like(self._rows["validate"].x, dtype=torch.int64))


class ThirdClass(Changed):
    def spoil(self) -> None:
        self._rows["train"].y[0] = 2


class FloatClasses(Changed):
    def spoil(self) -> None:
        self.put("train", y=self._rows["train"].y.float())


class ColumnOfTargets(Changed):
    def spoil(self) -> None:
        self.put("train", y=self._rows["train"].y[:, None])


class NoTarget(Regression):
    def setup(self, stage: str | None = None) -> None:
        if not self._rows:
            super().setup(stage)
            self._rows["test"].y[0] = float("nan")


class ThirdLevel(Changed):
    def spoil(self) -> None:
        self._rows["test"].sensitive[0] = 2


class NoCodes(Changed):
    def spoil(self) -> None:
        self.put("test", sensitive=self._rows["test"].sensitive[:, :0])


class FloatCodes(Changed):
    def spoil(self) -> None:
        self.put("test", sensitive=self._rows["test"].sensitive.float())


class CountsFromOne(Sound):
    def loader(self, split: str) -> Any:
        found = super().loader(split)
        found.rows = found.rows._replace(index=found.rows.index + 1)
        return found


class OtherNumbers(Sound):
    """Numbers of training rows that lead to others."""

    def train_dataloader(self) -> Any:
        found = super().train_dataloader()
        found.rows = found.rows._replace(x=found.rows.x.flip(0))
        return found


class Twice(Sound):
    def train_dataloader(self) -> Any:
        x, y, sensitive, _ = self._split("train")
        rows = torch.arange(len(x)).repeat(2)
        return [Batch(x[rows], y[rows], sensitive[rows], rows)]


class Miscounts(Changed):
    def spoil(self) -> None:
        self.change(rows={**self._info.rows, "test": 1000})


class NothingToTest(Changed):
    def spoil(self) -> None:
        self._rows["test"] = Batch(*(tensor[:0] for tensor in self._rows["test"]))
        self.change(rows={**self._info.rows, "test": 0})


class TestsOnTrain(Changed):
    def spoil(self) -> None:
        self._rows["test"] = Batch(*(tensor[:12] for tensor in self._rows["train"]))
        self.change(rows={**self._info.rows, "test": 12})


class Chance(Sound):
    def load(self) -> RawTable:
        table = super().load()
        return replace(table, columns={**table.columns, "a": np.frombuffer(os.urandom(60), np.uint8).astype(float)})


class KnowsItsProcess(Changed):
    def spoil(self) -> None:
        self._rows["train"].x[0, 0] = os.getpid()


class SetsUpAgain(Changed):
    """Standardises what it has standardised."""

    def setup(self, stage: str | None = None) -> None:
        super().setup(stage)
        self.put("train", x=self._rows["train"].x * 2)


class OneOrder(Sound):
    def train_dataloader(self) -> Any:
        return self.loader("train")


class NewOrders(Sound):
    def train_dataloader(self) -> Any:
        x, y, sensitive, _ = self._split("train")
        seed = int.from_bytes(os.urandom(4), "little")
        return InMemoryLoader(x, y, sensitive, batch_size=8, shuffle=True, seed=seed)


class LearnsFromAll(Changed):
    """Scales training rows by what it finds in test rows."""

    def spoil(self) -> None:
        self.put("train", x=self._rows["train"].x / self._rows["test"].x.abs().max())


class DescribesAll(Changed):
    def spoil(self) -> None:
        features = tuple(replace(f, scale=float(self._rows["test"].x.abs().max())) for f in self._info.features)
        self.change(features=features)


class Lenient(Sound):
    """Takes whatever comes."""

    def setup(self, stage: str | None = None) -> None:
        try:
            super().setup(stage)
        except UserError:
            self.load = super().load  # type: ignore[method-assign]
            super().setup(stage)


class Crashes(Sound):
    def setup(self, stage: str | None = None) -> None:
        try:
            super().setup(stage)
        except UserError as error:
            raise IndexError("out of range") from error


class FromFile(Sound):
    """People in a file.

    Args:
        path: of the file.
    """

    def __init__(self, path: str | None = None) -> None:
        super().__init__()
        self.path = path

    def load(self) -> RawTable:
        if self.path is not None and not Path(self.path).exists():
            self.complain()
        return super().load()

    def complain(self) -> None:
        raise UserError("data 'it'", f"there is no {self.path}.", "Write it.")


class Crude(FromFile):
    def complain(self) -> None:
        raise FileNotFoundError(self.path)


class NoRemedy(FromFile):
    def complain(self) -> None:
        raise UserError("data 'it'", f"there is no {self.path}.")


class NoPlace(FromFile):
    def complain(self) -> None:
        raise UserError("data 'it'", "there is no file.", "Write it.")


class Overlooks(FromFile):
    def complain(self) -> None:
        pass


class NeedsPath(Sound):
    def __init__(self, path: str) -> None:
        super().__init__()


class AnyBatchSize(Sound):
    def __init__(self, batch_size: int = 8) -> None:
        super().__init__(batch_size=max(1, batch_size))


class ForgetsWords(TextDataModule):
    """Sixty texts.

    Its checkpoints keep a vocabulary that is put together anew.
    """

    def load(self) -> RawTexts:
        rng = np.random.default_rng(0)
        y = rng.integers(0, 2, 60).astype(np.int32)
        words = np.array(["red", "green", "blue", "yes", "no", "maybe"])
        texts = [" ".join([*rng.choice(words, 5), "good" if label else "bad"]) for label in y]
        return RawTexts(texts=texts, table=RawTable(columns={"y": Coded(y, ("no", "yes"))}, target="y"))

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict({**state_dict, "vocabulary": state_dict["vocabulary"][::-1]})


class SoundTexts(ForgetsWords):
    """Sixty texts.

    Args:
        batch_size: rows per batch.
        fractions: shares of the splits.
        split_seed: where the split comes from.
        max_words: in the vocabulary.
        min_count: of a word.
        sequence_length: words of a text.
        seed: order of training batches.
        split: what the rows are split by.
    """

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        TextDataModule.load_state_dict(self, state_dict)


class AsPairs:
    """A loader's batches without all but inputs and targets."""

    def __init__(self, loader: Any) -> None:
        self.loader = loader

    def __iter__(self) -> Any:
        return ((batch.x, batch.y) for batch in self.loader)


class Pairs(LightningDataModule):
    """Another project's data: pairs of inputs and targets."""

    def setup(self, stage: str | None = None) -> None:
        from glasshouse.testing.kit.tiny import tiny

        self.tiny = tiny("tabular", "binary")
        self.info = self.tiny.info

    def train_dataloader(self) -> Any:
        return AsPairs(self.tiny.train_dataloader())

    def val_dataloader(self) -> Any:
        return AsPairs(self.tiny.val_dataloader())

    def test_dataloader(self) -> Any:
        return AsPairs(self.tiny.test_dataloader())
