"""Any project's data as `AuditableData`: data modules that implement it, and loaders that know nothing of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from glasshouse.data.auditable import WithDefaults, is_auditable
from glasshouse.data.batch import Batch
from glasshouse.data.batch_layout import Parts, described, usual_parts
from glasshouse.data.data_info import SPLITS, DataInfo
from glasshouse.errors import UserError
from glasshouse.external_data.batch_attributes import BatchAttributes, columns_of, find_attributes
from glasshouse.external_data.evaluation_sets import named_loaders
from glasshouse.external_data.ordered_loader import OrderedLoader, in_dataset_order
from glasshouse.external_data.reading import Reading, refuse_missing_targets
from glasshouse.external_data.side_attributes import Codes, with_attributes
from glasshouse.external_data.target_codes import TargetCodes, as_numbers

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
    reading: Reading | None = None,
    loader_of: LoaderOf | None = None,
) -> WithDefaults:
    """Data as audits read them: the data module itself where it implements `AuditableData`, else a `LoaderAdapter`.

    Args:
        datamodule: a LightningDataModule; None where the model has the loaders, or `loader_of` returns them.
        model: whose loaders are used where there is no data module, and whose transfer hooks are applied to batches.
        judged: the split that is evaluated.
        reading: how to read data that do not describe themselves.
        loader_of: returns a split's loader; default: `loader_from` the data module, or from the model without one.
    """
    if datamodule is not None and is_auditable(datamodule):
        if reading is not None and reading.layout is not None:
            raise UserError("`batch`", "is for data that do not describe themselves; these do.", "Leave it out.")
        return WithDefaults(datamodule)
    refuse_missing_targets(reading or Reading(), model)
    owner = model if datamodule is None else datamodule
    return LoaderAdapter(
        loader_of or (lambda split: loader_from(owner, split)),
        judged=judged,
        reading=reading,
        prepare_batch=transfer_hooks(datamodule, model),
        owner=datamodule,
    )


class LoaderAdapter(WithDefaults):
    """`AuditableData` from data loaders that know nothing of glasshouse: rows are numbered, attributes are matched.

    Args:
        loader_of: returns a split's loader; called once per split.
        judged: the split that is evaluated.
        reading: how to read the data; by default without attributes, and batches by `usual_parts`.
        prepare_batch: applied to every batch before it is read; or a function for each split.
        owner: the data module that the loaders belong to, which may have optional members of `AuditableData`.
        declared: the description of the data; default: the owner's `info`, if it has one.
        set_name: which of several evaluation sets the judged split is.
    """

    def __init__(
        self,
        loader_of: LoaderOf,
        *,
        judged: str,
        reading: Reading | None = None,
        prepare_batch: BatchHook | Mapping[str, BatchHook] = lambda batch: batch,
        owner: Any = None,
        declared: DataInfo | None = None,
        set_name: str = "",
    ) -> None:
        super().__init__(owner)
        self._declared = declared
        self._set_name = set_name
        self._loader_of = loader_of
        self._orders: dict[str, OrderedLoader | None] = {}
        self._judged = judged
        self.reading = reading or Reading()
        self.in_batches: BatchAttributes | None = None
        """The attributes that batches carry, once `find_attributes` has looked for them."""
        self._weights: dict[str, list[tuple[Tensor, Tensor]]] = {}
        self._prepare_batch = dict.fromkeys(SPLITS, prepare_batch) if callable(prepare_batch) else prepare_batch
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
        self._target_codes = TargetCodes(info.labels or info.target)

    @property
    def declared_info(self) -> DataInfo | None:
        """The description that was given, or the data module's own, if it has one; valid once a loader was read."""
        declared = self._declared or getattr(self.datamodule, "info", None)
        return declared if isinstance(declared, DataInfo) else None

    def has_split(self, split: str) -> bool:
        """Whether there is a loader for a split."""
        return self._order(split) is not None

    def first_batch(self) -> tuple[Tensor, Tensor]:
        """Inputs and targets of the judged split's first batch, as its loader returns them; `info` is not needed.

        Raises:
            UserError: where the split is missing or has no batch, or targets are no numbers.
        """
        for parts in self._parts(self._judged):
            return parts.x, as_numbers(parts.y)
        raise UserError(WHO, f"the split '{self._judged}' has no batch.")

    def find_attributes(self, info: DataInfo, splits: Iterable[str], *, names: Sequence[str] | None = None) -> DataInfo:
        """`info` with the attributes that batches carry, from a pass over these splits; as it is where they carry none.

        Args:
            info: attributes that it declares already keep their levels.
            splits: those that are there are read.
            names: of the attributes, in the order of the batches' parts; None: as declared, or as the layout says.

        Raises:
            UserError: as `find_attributes` of `batch_attributes`.
        """
        if not self.reading.attributes_in_batches:
            return info
        parts = (parts for split in splits if self.has_split(split) for parts in self._parts(split))
        columns = (columns_of(each.sensitive, len(as_numbers(each.y))) for each in parts)
        self.in_batches = find_attributes(columns, names=names, bins=self.reading.bins, declared=info.sensitive)
        return with_attributes(info, self.in_batches.declared)

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

    def row_weights(self, split: str) -> NDArray[np.float64] | None:
        """The weights that batches carried in the last pass over a split; without, those of the data module."""
        if self.reading.layout is None or not self.reading.layout.has_weights:
            return super().row_weights(split)
        index, weights = (torch.cat(parts).numpy() for parts in zip(*self._weights[split], strict=True))
        found = np.zeros(int(index.max()) + 1)
        found[index] = weights
        return found

    def _parts(self, split: str) -> Iterator[Parts]:
        for batch in map(self._prepare_batch[split], self._required(split).batches):
            if isinstance(batch, Batch):
                yield Parts(x=batch.x, y=batch.y, index=batch.index, sensitive={"sensitive": batch.sensitive})
            else:
                layout = self.reading.layout
                parts = usual_parts(batch) if layout is None else layout.read(batch)
                parts.x = torch.from_numpy(parts.x) if isinstance(parts.x, np.ndarray) else parts.x
                yield parts

    def _numbered(self, split: str) -> Iterator[tuple[Batch, bool]]:
        """Each batch, and whether it came with its own row index."""
        order = self._required(split)
        codes = self._codes(split, order)
        seen = 0
        self._weights[split] = []
        for parts in self._parts(split):
            y = self._target_codes.read(parts.y)
            own = None if parts.index is None else torch.as_tensor(parts.index).cpu()
            if own is None and codes is not None and not order.known:
                raise _unknown_order(split, order)
            index = torch.arange(seen, seen + len(y)) if own is None else own
            seen += len(y)
            if parts.weight is not None:
                self._weights[split].append((index, _checked_weights(parts.weight, len(y))))
            yield Batch(parts.x, y, self._groups(parts, codes, index, split), index), own is not None
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
        if self.reading.aligned is None:
            return None
        return self.reading.aligned.of_split(split, order, judged=split == self._judged, set_name=self._set_name)

    def _groups(self, parts: Parts, codes: Codes | None, index: Tensor, split: str) -> Tensor:
        """Level codes (n, attributes) of one batch: from a file, from the batch itself, or none."""
        if self.in_batches is not None:
            return self.in_batches.codes(parts.sensitive, len(index))
        if codes is None:
            none = torch.empty((len(index), 0), dtype=torch.int64)
            return parts.sensitive.get("sensitive", none) if self.reading.layout is None else none
        rows = index.numpy()
        if len(rows) and (rows.min() < 0 or rows.max() >= len(codes)):
            raise UserError(
                "`sensitive`", f"has {len(codes):,} rows for split '{split}', which has at least {rows.max() + 1:,}."
            )
        return torch.from_numpy(codes[rows])


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


def transfer_hooks(datamodule: Any, model: Any, dataloader_idx: int = 0) -> BatchHook:
    """The project's ``on_before_batch_transfer`` and ``on_after_batch_transfer``, applied as Lightning applies them.

    `dataloader_idx` is the position among several loaders of a split.

    Each hook is taken from the data module where it overrides it, else from the model; a model that is no
    LightningModule has none.
    """
    from lightning_utilities.core.apply_func import apply_to_collection
    from pytorch_lightning import LightningDataModule, LightningModule
    from pytorch_lightning.utilities.model_helpers import is_overridden

    owners = [each for each in (datamodule, model) if isinstance(each, (LightningDataModule, LightningModule))]
    names = ("on_before_batch_transfer", "on_after_batch_transfer")
    found = [next((getattr(owner, name) for owner in owners if is_overridden(name, owner)), None) for name in names]

    hooks = [hook for hook in found if hook is not None]

    def prepare_batch(batch: Any) -> Any:
        if hooks:  # which may write into what the loader returns again in the next pass
            batch = apply_to_collection(batch, Tensor, Tensor.clone)
        for hook in hooks:
            batch = hook(batch, dataloader_idx)
        return batch

    return prepare_batch


def loader_from(datamodule: Any, split: str) -> Any:
    """The loader for a split of a data module or LightningModule, or None where it has none.

    Raises:
        UserError: for several loaders.
    """
    return single(loaders_from(datamodule, split), split)


def loaders_from(datamodule: Any, split: str) -> Any:
    """The loader or loaders for a split of a data module or LightningModule, or None where it has none.

    A data module that is already set up is not set up again: one that splits at random would split again, and test
    rows would be among those that the model was trained on.
    """
    from pytorch_lightning.utilities.model_helpers import is_overridden

    if not is_overridden(METHODS[split], datamodule):
        return None
    make = getattr(datamodule, METHODS[split])
    try:
        loader = make()
        if getattr(loader, "dataset", loader) is not None:
            return loader
    except Exception:  # a data module that is not set up may raise anything; any other error is raised again below
        pass
    datamodule.prepare_data()
    datamodule.setup("test" if split == "test" else "fit")
    return make()


def single(loader: Any, split: str) -> Any:
    """A split's only loader, also where it is in a list of one, as Lightning returns it.

    Raises:
        UserError: for several.
    """
    several = isinstance(loader, Mapping) or (
        isinstance(loader, (list, tuple)) and loader and all(isinstance(each, DataLoader) for each in loader)
    )
    if not several:
        return loader
    found = named_loaders(loader)
    if len(found) > 1:
        raise UserError(
            WHO,
            f"the split '{split}' has {len(found)} loaders ({', '.join(found)}); expected one.",
            "Audit each by itself, or join their data sets; `AuditCallback` writes a record for each.",
        )
    return next(iter(found.values()))


def _checked_weights(given: Any, rows: int) -> Tensor:
    weights = torch.as_tensor(given).detach().cpu().double()
    if weights.shape not in ((rows,), (rows, 1)) or not bool((weights.isfinite() & (weights >= 0)).all()):
        raise UserError(
            "`batch`",
            f"expected {rows} weights that are finite and not negative, received {described(given)}.",
            "Correct the parts' names.",
        )
    return weights.reshape(rows)


def _unknown_order(split: str, order: OrderedLoader) -> UserError:
    sampler = getattr(order.batches, "sampler", None)
    what = type(order.batches if sampler is None else sampler).__name__
    return UserError(
        WHO,
        f"the order of the rows of split '{split}' is not known ({what}), so attributes cannot be matched to rows.",
        "Use a DataLoader with one of torch's samplers, or batches {'x', 'y', 'index'} with each row's position.",
    )
