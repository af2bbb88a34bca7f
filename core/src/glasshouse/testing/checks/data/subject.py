"""The data to check: loaded as in a run, or with changed rows if they have a method `load`."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from glasshouse.data.batch import Batch, unpack
from glasshouse.data.data_info import SPLITS
from glasshouse.data.raw_table import Coded, RawTable, as_column
from glasshouse.datamodules.images import RawImages
from glasshouse.datamodules.texts import RawTexts
from glasshouse.system import library_errors
from glasshouse.testing.checks.training.steps import quiet
from glasshouse.testing.kit.outcomes import NotApplicable
from glasshouse.testing.kit.subjects import Subject

Raw = RawTable | RawImages | RawTexts


@dataclass(frozen=True, eq=False)
class Rows:
    """All rows of one split; `sensitive` and `index` are None if batches are pairs (x, y)."""

    x: Tensor
    y: Tensor
    sensitive: Tensor | None
    index: Tensor | None


class DataSubject(Subject):
    """A data module and its options."""

    def accepts(self, option: str) -> bool:
        """Whether the constructor has this option."""
        return option in inspect.signature(self.target).parameters

    def make(self, **options: Any) -> Any:
        """The data module before its setup.

        Raises:
            NotApplicable: if a required option is not given.
            UserError: if the constructor refuses its arguments.
        """
        given = {**self.options, **options}
        for name, parameter in inspect.signature(self.target).parameters.items():
            named = parameter.kind in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
            if named and parameter.default is inspect.Parameter.empty and name not in given:
                raise NotApplicable(f"its option {name} is required: set `options={{'{name}': ...}}`")
        with library_errors.user_errors_from_constructor(self.who):
            return self.target(**given)

    def set_up(self, **options: Any) -> Any:
        """The data module, set up as in a run."""
        return set_up(self.make(**options))

    @cached_property
    def ready(self) -> Any:
        """The data module after setup, for checks that do not modify it."""
        return self.set_up()

    @cached_property
    def splits(self) -> dict[str, Rows]:
        """All rows of every split, as audits get them."""
        return {split: rows_of(self.ready, split) for split in SPLITS}

    def set_up_with(self, change: Callable[[Any], Any]) -> Any:
        """The data module, set up with changed raw data: `change` is applied to the result of `load`.

        Raises:
            NotApplicable: for data without a method `load` of known type.
        """
        made = self.make()
        if not hasattr(made, "load"):
            raise NotApplicable("it has no method `load` whose result could be changed")
        made.prepare_data()
        raw = made.load()
        if not isinstance(raw, Raw):
            raise NotApplicable(f"its `load` returns {type(raw).__name__}, an unknown type")
        changed = change(raw)
        made.load = lambda: changed
        return set_up(made)


def set_up(made: Any) -> Any:
    """Prepare and set up a data module, as in a run."""
    with quiet():
        made.prepare_data()
        made.setup("fit")
        made.setup("test")
    return made


def rows_of(data: Any, split: str) -> Rows:
    """All rows of a split, in their original order if the data module has a method `loader`."""
    loaders = {"train": "train_dataloader", "validate": "val_dataloader", "test": "test_dataloader"}
    own = hasattr(data, "loader")
    loader = data.loader(split) if own else getattr(data, loaders[split])()
    batches = [batch if own else data.on_after_batch_transfer(batch, 0) for batch in loader]
    pairs = [unpack(batch) for batch in batches]
    ours = bool(batches) and all(isinstance(batch, Batch) for batch in batches)
    return Rows(
        x=torch.cat([x for x, _ in pairs]),
        y=torch.cat([y for _, y in pairs]),
        sensitive=torch.cat([batch.sensitive for batch in batches]) if ours else None,
        index=torch.cat([batch.index for batch in batches]) if ours else None,
    )


def digest(data: Any) -> str:
    """SHA-256 of all rows of all splits."""
    found = hashlib.sha256()
    for split in SPLITS:
        rows = rows_of(data, split)
        for tensor in (rows.x, rows.y, rows.sensitive):
            if tensor is not None:
                found.update(f"{split}{tuple(tensor.shape)}{tensor.dtype}".encode())
                found.update(np.ascontiguousarray(tensor.numpy()).data)
    return found.hexdigest()


def rows_in_bytes(rows: Rows) -> list[bytes]:
    """Each row's inputs and target as a hashable value."""
    y = rows.y.reshape(len(rows.y), -1).double()
    together = torch.cat([rows.x.reshape(len(rows.x), -1).double(), y], dim=1).numpy()
    return [row.tobytes() for row in together]


def table_of(raw: Raw) -> RawTable:
    """The table of raw data, or the table itself."""
    return raw if isinstance(raw, RawTable) else raw.table


def first_rows(raw: Raw, n: int) -> Raw:
    """The first `n` rows."""
    table = table_of(raw)
    columns = {name: column[:n] for name, column in _columns(table).items()}
    less = replace(
        table, columns=columns, as_written={}, split=None if table.split is None else np.asarray(table.split)[:n]
    )
    if isinstance(raw, RawTable):
        return less
    if isinstance(raw, RawImages):
        return replace(raw, table=less, pixels=raw.pixels[:n])
    return replace(raw, table=less, texts=raw.texts[:n])


def with_one_class(raw: Raw) -> Raw:
    """The same rows with a single value of the target."""
    table = table_of(raw)
    column = _columns(table)[table.target]
    one: Any
    if isinstance(column, Coded):
        one = Coded(np.full_like(column.codes, column.codes[0]), column.levels)
    else:
        one = np.full_like(column, column[0])
    return _with_columns(raw, {table.target: one})


def with_other_test_rows(raw: Raw) -> Raw:
    """The same data with unseen inputs in the rows whose given split is `test`."""
    table = table_of(raw)
    there = np.asarray(table.split) == "test"
    if isinstance(raw, RawTexts):
        texts = raw.texts.to_pylist() if hasattr(raw.texts, "to_pylist") else list(raw.texts)
        return replace(raw, texts=["never heard" if test else text for test, text in zip(there, texts, strict=True)])
    if isinstance(raw, RawImages):
        return replace(raw, pixels=np.where(there[:, None, None, None], 255 - raw.pixels, raw.pixels))
    features = set(table.columns) if table.features is None else set(table.features)
    columns = _columns(table)
    return _with_columns(raw, {name: _never_seen(columns[name], there) for name in features - {table.target}})


def with_split(raw: Raw) -> Raw:
    """The same data with a given split, if they have none: 70 % train, 10 % validate, 20 % test."""
    table = table_of(raw)
    if table.split is not None:
        return raw
    n = len(_columns(table)[table.target])
    names = np.array(["train", "test", "train", "train", "validate", "train", "test", "train", "train", "train"])
    split = names[np.random.default_rng(0).permutation(np.arange(n) % 10)]
    less = replace(table, split=split)
    return less if isinstance(raw, RawTable) else replace(raw, table=less)


def _never_seen(column: Any, there: NDArray[np.bool_]) -> Any:
    if isinstance(column, Coded):
        codes = np.where(there, len(column.levels), column.codes).astype(np.int32)
        return Coded(codes, (*column.levels, "never seen"))
    return np.where(there, 1000 * column + 1e6, column)


def _columns(table: RawTable) -> dict[str, Any]:
    return {name: as_column(column, name, who="data") for name, column in table.columns.items()}


def _with_columns(raw: Raw, columns: Mapping[str, Any]) -> Raw:
    table = table_of(raw)
    other = replace(table, columns={**table.columns, **columns}, as_written={})
    return other if isinstance(raw, RawTable) else replace(raw, table=other)
