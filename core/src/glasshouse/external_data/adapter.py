"""Any project's data as `AuditableData`: data modules that implement it, and loaders that know nothing of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from glasshouse.data.auditable import WithDefaults, is_auditable
from glasshouse.data.batch import Batch, unpack
from glasshouse.data.data_info import SPLITS, DataInfo
from glasshouse.errors import UserError
from glasshouse.external_data.ordered_loader import OrderedLoader, in_dataset_order
from glasshouse.external_data.side_attributes import Codes, SideAttributes

WHO = "data"

METHODS = {"train": "train_dataloader", "validate": "val_dataloader", "test": "test_dataloader"}
"""Split -> the method of a data module or LightningModule that gives its loader."""

LoaderOf = Callable[[str], Any]
"""A split's name -> its loader, or None where there is none."""
BatchHook = Callable[[Any], Any]
"""Batch -> batch, as the project transforms it before the model."""


def as_auditable(
    datamodule: Any,
    model: Any = None,
    *,
    judged: str,
    aligned: SideAttributes | None = None,
    loader_of: LoaderOf | None = None,
) -> WithDefaults:
    """Data as audits read them: the data module itself where it implements `AuditableData`, else a `LoaderAdapter`.

    Args:
        datamodule: a LightningDataModule; None where the model has the loaders, or `loader_of` returns them.
        model: whose loaders are used where there is no data module, and whose transfer hooks are applied to batches.
        judged: the split that is evaluated.
        aligned: sensitive attributes in columns or files of their own; for a `LoaderAdapter` alone.
        loader_of: returns a split's loader; default: `loader_from` the data module, or from the model without one.
    """
    if datamodule is not None and is_auditable(datamodule):
        return WithDefaults(datamodule)
    owner = model if datamodule is None else datamodule
    return LoaderAdapter(
        loader_of or (lambda split: loader_from(owner, split)),
        judged=judged,
        aligned=aligned,
        prepare_batch=transfer_hooks(datamodule, model),
        owner=datamodule,
    )


class LoaderAdapter(WithDefaults):
    """`AuditableData` from data loaders that know nothing of glasshouse: rows are numbered, attributes are matched.

    Args:
        loader_of: returns a split's loader; called once per split.
        judged: the split that is evaluated.
        aligned: sensitive attributes in columns or files of their own.
        prepare_batch: applied to every batch before it is read.
        owner: the data module that the loaders belong to, which may have optional members of `AuditableData`.
    """

    def __init__(
        self,
        loader_of: LoaderOf,
        *,
        judged: str,
        aligned: SideAttributes | None = None,
        prepare_batch: BatchHook = lambda batch: batch,
        owner: Any = None,
    ) -> None:
        super().__init__(owner)
        self._loader_of = loader_of
        self._orders: dict[str, OrderedLoader | None] = {}
        self._judged = judged
        self.aligned = aligned
        self._prepare_batch = prepare_batch
        self._info: DataInfo | None = None

    @property
    def info(self) -> DataInfo:
        """What is known of the data; set it before `loader` or `inputs` are read, since it says what targets mean."""
        if self._info is None:
            raise RuntimeError("LoaderAdapter.info has not been set")
        return self._info

    @info.setter
    def info(self, info: DataInfo) -> None:
        self._info = info

    @property
    def declared_info(self) -> DataInfo | None:
        """The data module's own `info`, if it has one; valid once a loader was asked for."""
        declared = getattr(self.datamodule, "info", None)
        return declared if isinstance(declared, DataInfo) else None

    def has_split(self, split: str) -> bool:
        """Whether there is a loader for a split."""
        return self._order(split) is not None

    def first_batch(self) -> tuple[Tensor, Tensor]:
        """Inputs and targets of the judged split's first batch, as its loader returns them; `info` is not needed.

        Raises:
            UserError: where the split is missing or has no batch.
        """
        for batch in self._required(self._judged).batches:
            return unpack(self._prepare_batch(batch))
        raise UserError(WHO, f"the split '{self._judged}' has no batch.")

    def rows(self, splits: Iterable[str] = SPLITS) -> dict[str, int]:
        """Number of rows of these splits, of those whose loaders have a known length."""
        orders = {split: self._order(split) for split in splits}
        return {
            split: order.length for split, order in orders.items() if order is not None and order.length is not None
        }

    def loader(self, split: str) -> Batches:
        """A split in a fixed order; `index` counts its rows, or is the batches' own where they have one.

        Iterating raises a UserError for targets that do not match `info`, and for attributes whose rows cannot be
        matched to the data's.
        """
        order = self._required(split)
        return Batches(lambda: (batch for batch, _ in self._numbered(split)), lambda: len(order.batches))  # type: ignore[arg-type]

    def inputs(self, split: str) -> Tensor:
        """Inputs of one split, (n, ...), in the order of its predictions.

        Raises:
            UserError: where the order of the rows is not known.
        """
        order = self._required(split)
        parts, indices = [], []
        for batch, has_index in self._numbered(split):
            if not (order.known or has_index):
                raise _unknown_order(split, order)
            parts.append(batch.x)
            indices.append(batch.index)
        _, first = np.unique(torch.cat(indices).numpy(), return_index=True)
        return torch.cat(parts)[torch.from_numpy(first)]

    def inputs_at(self, split: str, rows: Any) -> Tensor:
        """Inputs of the rows at these positions: in this adapter's order, so never the data module's own method."""
        return self.inputs(split)[rows]

    def _numbered(self, split: str) -> Iterator[tuple[Batch, bool]]:
        """Each batch, and whether it came with its own row index."""
        order = self._required(split)
        codes = self._codes(split, order)
        seen = 0
        for batch in map(self._prepare_batch, order.batches):
            x, y = unpack(batch)
            own = _own_index(batch)
            if own is None and codes is not None and not order.known:
                raise _unknown_order(split, order)
            index = torch.arange(seen, seen + len(y)) if own is None else own
            seen += len(y)
            groups = (
                batch.sensitive if isinstance(batch, Batch) and codes is None else self._groups(codes, index, split)
            )
            yield Batch(x, self._targets(torch.as_tensor(y)), groups, index), own is not None
        if codes is not None and seen != len(codes):
            raise UserError("`sensitive`", f"has {len(codes):,} rows for split '{split}', which has {seen:,}.")

    def _required(self, split: str) -> OrderedLoader:
        order = self._order(split)
        if order is None:
            there = [name for name in SPLITS if self.has_split(name)]
            remedy = f"Set evaluate_on to one of: {', '.join(there)}." if there else "Give loaders by split."
            raise UserError(WHO, f"there is no loader for the split '{split}'.", remedy)
        return order

    def _order(self, split: str) -> OrderedLoader | None:
        if split not in self._orders:
            loader = self._loader_of(split)
            self._orders[split] = None if loader is None else in_dataset_order(loader)
        return self._orders[split]

    def _codes(self, split: str, order: OrderedLoader) -> Codes | None:
        if self.aligned is None:
            return None
        return self.aligned.of_split(split, order, judged=split == self._judged)

    def _groups(self, codes: Codes | None, index: Tensor, split: str) -> Tensor:
        if codes is None:
            return torch.empty((len(index), 0), dtype=torch.int64)
        rows = index.numpy()
        if len(rows) and (rows.min() < 0 or rows.max() >= len(codes)):
            raise UserError(
                "`sensitive`", f"has {len(codes):,} rows for split '{split}', which has at least {rows.max() + 1:,}."
            )
        return torch.from_numpy(codes[rows])

    def _targets(self, y: Tensor) -> Tensor:
        target = self.info.labels or self.info.target
        if y.ndim == 2 and y.shape[1] == 1 and target.kind != "multilabel":
            y = y.squeeze(1)
        if target.kind == "regression":
            return y
        classes = 2 if target.kind == "multilabel" else target.num_outputs
        codes = y.long()
        if len(y) and not (bool((codes == y).all()) and int(codes.min()) >= 0 and int(codes.max()) < classes):
            raise UserError(
                WHO,
                f"the {target.kind} target has values from {float(y.min()):g} to {float(y.max()):g}; "
                f"expected the codes 0 to {classes - 1}.",
                "Describe the target: `info={'target': {'name': ..., 'kind': ..., 'classes': [...]}}`.",
            )
        return codes


class Batches:
    """Batches that can be iterated several times.

    Args:
        passes: starts a pass.
        count: returns the number of batches; raises a TypeError where it is unknown.
    """

    def __init__(self, passes: Callable[[], Iterator[Batch]], count: Callable[[], int]) -> None:
        self._passes = passes
        self._count = count

    def __iter__(self) -> Iterator[Batch]:
        return self._passes()

    def __len__(self) -> int:
        return self._count()


def transfer_hooks(datamodule: Any, model: Any) -> BatchHook:
    """The project's ``on_before_batch_transfer`` and ``on_after_batch_transfer``, applied as Lightning applies them.

    Each hook is taken from the data module where it overrides it, else from the model; a model that is no
    LightningModule has none.
    """
    from pytorch_lightning import LightningDataModule, LightningModule
    from pytorch_lightning.utilities.model_helpers import is_overridden

    owners = [each for each in (datamodule, model) if isinstance(each, (LightningDataModule, LightningModule))]
    names = ("on_before_batch_transfer", "on_after_batch_transfer")
    found = [next((getattr(owner, name) for owner in owners if is_overridden(name, owner)), None) for name in names]

    def prepare_batch(batch: Any) -> Any:
        for hook in found:
            batch = batch if hook is None else hook(batch, 0)
        return batch

    return prepare_batch


def loader_from(datamodule: Any, split: str) -> Any:
    """The loader for a split of a data module or LightningModule, or None where it has none.

    A data module that is already set up is not set up again: one that splits at random would split again, and test
    rows would be among those that the model was trained on.

    Raises:
        UserError: for several loaders.
    """
    from pytorch_lightning.utilities.model_helpers import is_overridden

    if not is_overridden(METHODS[split], datamodule):
        return None
    make = getattr(datamodule, METHODS[split])
    try:
        loader = make()
        if getattr(loader, "dataset", loader) is not None:
            return single(loader, split)
    except Exception:  # a data module that is not set up may raise anything; any other error is raised again below
        pass
    datamodule.prepare_data()
    datamodule.setup("test" if split == "test" else "fit")
    return single(make(), split)


def single(loader: Any, split: str) -> Any:
    """A split's only loader, also where it is in a list of one, as Lightning returns it.

    Raises:
        UserError: for several.
    """
    if not (isinstance(loader, (list, tuple)) and loader and all(isinstance(each, DataLoader) for each in loader)):
        return loader
    if len(loader) > 1:
        raise UserError(WHO, f"the split '{split}' has {len(loader)} loaders; expected one.", "Join their data sets.")
    return loader[0]


def _own_index(batch: Any) -> Tensor | None:
    if isinstance(batch, Batch):
        index: Tensor = batch.index
        return index.cpu()
    if isinstance(batch, Mapping) and "index" in batch:
        return torch.as_tensor(batch["index"]).cpu()
    return None


def _unknown_order(split: str, order: OrderedLoader) -> UserError:
    sampler = getattr(order.batches, "sampler", None)
    what = type(order.batches if sampler is None else sampler).__name__
    return UserError(
        WHO,
        f"the order of the rows of split '{split}' is not known ({what}), so attributes cannot be matched to rows.",
        "Use a DataLoader with one of torch's samplers, or batches {'x', 'y', 'index'} with each row's position.",
    )
