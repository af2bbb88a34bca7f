"""`AuditableData`: what audits ask of a data module, its defaults, and the adapter for data that lack it."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import glasshouse
import numpy as np
import pytest
import torch
from glasshouse import AuditableData, Batch, DataInfo, ImageDataModule, TabularDataModule, Target, TextDataModule
from glasshouse.data.auditable import REQUIRED, WithDefaults, declares_info, is_auditable
from glasshouse.external_data.adapter import LoaderAdapter, as_auditable
from pytorch_lightning import LightningDataModule, LightningModule
from torch.utils.data import DataLoader, TensorDataset

INFO = DataInfo(
    name="three",
    modality="tabular",
    target=Target(name="y", kind="binary", classes=("no", "yes")),
    input_shape=(2,),
)
X, Y = torch.arange(6.0).reshape(3, 2), torch.tensor([0, 1, 1])
MEMBERS = [name for name in vars(AuditableData) if not name.startswith("_")]


class Required(LightningDataModule):
    """The three required members alone, without inheriting."""

    @property
    def info(self) -> DataInfo:
        if not hasattr(self, "ready"):
            raise RuntimeError("setup has not been called")
        return INFO

    def setup(self, stage: str) -> None:
        self.ready = True

    def loader(self, split: str) -> list[Batch]:
        return [Batch(X, Y, torch.empty((3, 0), dtype=torch.int64), torch.arange(3))]

    def inputs(self, split: str) -> torch.Tensor:
        return X


class Weighted(Required):
    def has_split(self, split: str) -> bool:
        return split == "test"

    def row_weights(self, split: str) -> Any:
        return np.array([1.0, 2.0, 3.0])


class Plain(LightningDataModule):
    def test_dataloader(self) -> Any:
        return DataLoader(TensorDataset(X, Y), batch_size=2)


class Doubling(LightningModule):
    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        return batch[0] * 2, batch[1]


def test_required_members_are_enough() -> None:
    module = Required()
    assert is_auditable(module)  # before setup: info is a property that raises an error until then
    module.setup("fit")
    data = as_auditable(module, judged="test")
    assert data.info is INFO
    assert torch.equal(data.inputs_at("test", [2, 0]), X[[2, 0]])
    assert next(iter(data.loader("test"))).index.tolist() == [0, 1, 2]
    assert data.has_split("train")
    assert data.row_weights("test") is data.row_clusters("test") is None
    assert data.words is data.spelled is data.table_fingerprint is None


def test_optional_members_replace_the_defaults() -> None:
    data = as_auditable(Weighted(), judged="test")
    assert not data.has_split("train")
    weights = data.row_weights("test")
    assert weights is not None
    assert weights.tolist() == [1, 2, 3]


def test_other_data_modules_are_adapted() -> None:
    assert not is_auditable(Plain())
    assert not declares_info(Plain())
    data = as_auditable(Plain(), Doubling(), judged="test")
    assert isinstance(data, LoaderAdapter)
    with pytest.raises(RuntimeError, match="has not been set"):
        _ = data.info
    data.info = INFO
    assert torch.equal(data.inputs("test"), 2 * X)  # as the model's transfer hook changes them
    assert torch.equal(data.inputs_at("test", [1]), 2 * X[[1]])
    assert (data.has_split("test"), data.has_split("train")) == (True, False)
    assert data.rows() == {"test": 3}
    assert data.row_weights("test") is data.words is data.table_fingerprint is None


def test_loaders_alone_are_adapted() -> None:
    loaders = {"test": DataLoader(TensorDataset(X, Y))}
    data = as_auditable(None, torch.nn.Linear(2, 2), judged="test", loader_of=loaders.get)
    assert isinstance(data, LoaderAdapter)
    assert torch.equal(data.first_batch()[0], X[:1])


@pytest.mark.parametrize("base", [TabularDataModule, ImageDataModule, TextDataModule, WithDefaults, LoaderAdapter])
def test_our_data_modules_have_members_of_the_same_signature(base: type) -> None:
    for name in [*REQUIRED, *(name for name in MEMBERS if hasattr(base, name))]:
        ours, asked = inspect.getattr_static(base, name), inspect.getattr_static(AuditableData, name)
        if inspect.isfunction(ours) and inspect.isfunction(asked):
            assert list(inspect.signature(ours).parameters) == list(inspect.signature(asked).parameters), name


def test_the_plugin_page_lists_every_member() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "plugins.md").read_text(encoding="utf-8")
    table = page.partition("| member | default |")[2].partition("\n\n")[0]
    listed = re.findall(r"^\| `(\w+)[^`]*` \| (\S+)", table, re.MULTILINE)
    assert [name for name, _ in listed][: len(REQUIRED)] == list(REQUIRED)
    assert sorted(name for name, _ in listed) == sorted(MEMBERS)
    assert {name for name, default in listed if default == "required"} == set(REQUIRED)


def test_it_is_public() -> None:
    assert glasshouse.AuditableData is AuditableData
