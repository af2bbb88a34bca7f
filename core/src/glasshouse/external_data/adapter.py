"""Data that know nothing of glasshouse, as audits ask for them: rows are numbered, and attributes stand beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from glasshouse.data.batch import Batch, unpack
from glasshouse.data.data_info import SPLITS, DataInfo
from glasshouse.errors import UserError
from glasshouse.external_data.ordered_loader import FixedOrder, in_fixed_order
from glasshouse.external_data.side_attributes import Aligned, Codes

WHO = "data"

METHODS = {"train": "train_dataloader", "validate": "val_dataloader", "test": "test_dataloader"}
"""Split -> the method of a data module or LightningModule that gives its loader."""

LoaderOf = Callable[[str], Any]
"""A split's name -> its loader, or None where there is none."""
Hooks = Callable[[Any], Any]
"""What a project does to a batch before its model sees it."""


class ForeignData:
    """What `TabularDataModule` gives to audits, made from another project's loaders.

    Args:
        loader_of: the loaders; each is asked for once.
        judged: the split that audits look at.
        aligned: sensitive attributes that stand beside the data.
        prepared: what is done to every batch first.
        owner: the data module behind the loaders, which may have an `info` of its own.
    """

    def __init__(
        self,
        loader_of: LoaderOf,
        *,
        judged: str,
        aligned: Aligned | None = None,
        prepared: Hooks = lambda batch: batch,
        owner: Any = None,
    ) -> None:
        self._loader_of = loader_of
        self._orders: dict[str, FixedOrder | None] = {}
        self._judged = judged
        self.aligned = aligned
        self._prepared = prepared
        self._owner = owner
        self.info: DataInfo
        """What is known of the data; set by whoever looks at the first batch."""

    def has(self, split: str) -> bool:
        """Whether there are rows for a split."""
        return self._order(split) is not None

    def first(self) -> tuple[Tensor, Tensor]:
        """Inputs and targets of the judged split's first batch, as its loader gives them.

        Raises:
            UserError: where the split is missing or has no batch.
        """
        for batch in self._required(self._judged).batches:
            return unpack(self._prepared(batch))
        raise UserError(WHO, f"the split '{self._judged}' has no batch.")

    @property
    def said(self) -> DataInfo | None:
        """What the data module says itself; valid once a loader was asked for."""
        said = getattr(self._owner, "info", None)
        return said if isinstance(said, DataInfo) else None

    @property
    def rows(self) -> dict[str, int]:
        """Rows of the splits that were asked for so far, where their loaders say how many."""
        known = {split: order.rows for split, order in self._orders.items() if order is not None}
        return {split: len(rows) for split in SPLITS if (rows := known.get(split)) is not None}

    def loader(self, split: str) -> Batches:
        """A split in a fixed order; `index` counts its rows, or is the batches' own where they have it.

        Going through it raises a UserError for targets that do not fit, or attributes whose rows cannot be matched to
        the data's.
        """
        order = self._required(split)
        return Batches(lambda: (batch for batch, _ in self._numbered(split)), lambda: len(order.batches))  # type: ignore[arg-type]

    def inputs(self, split: str) -> Tensor:
        """Inputs of one split, (n, ...), row i belonging to row i of its predictions.

        Raises:
            UserError: where the order of the rows is not known.
        """
        order = self._required(split)
        parts, indices = [], []
        for batch, own_index in self._numbered(split):
            if not (order.known or own_index):
                raise _unknown_order(split, order)
            parts.append(batch.x)
            indices.append(batch.index)
        _, first = np.unique(torch.cat(indices).numpy(), return_index=True)
        return torch.cat(parts)[torch.from_numpy(first)]

    def _numbered(self, split: str) -> Iterator[tuple[Batch, bool]]:
        """Each batch, and whether it says itself which rows it holds."""
        order = self._required(split)
        codes = self._codes(split, order)
        seen = 0
        for batch in map(self._prepared, order.batches):
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

    def _required(self, split: str) -> FixedOrder:
        order = self._order(split)
        if order is None:
            there = [name for name in SPLITS if self.has(name)]
            remedy = f"Set evaluate_on to one of: {', '.join(there)}." if there else "Give loaders by split."
            raise UserError(WHO, f"there is no loader for the split '{split}'.", remedy)
        return order

    def _order(self, split: str) -> FixedOrder | None:
        if split not in self._orders:
            loader = self._loader_of(split)
            self._orders[split] = None if loader is None else in_fixed_order(loader)
        return self._orders[split]

    def _codes(self, split: str, order: FixedOrder) -> Codes | None:
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
                f"the {target.kind} target holds {float(y.min()):g} to {float(y.max()):g}; "
                f"expected the codes 0 to {classes - 1}.",
                "Say what is predicted: `info={'target': {'name': ..., 'kind': ..., 'classes': [...]}}`.",
            )
        return codes


class Batches:
    """Batches that can be gone through several times.

    Args:
        passes: begins a pass.
        count: how many batches there are; raises a TypeError where nobody knows.
    """

    def __init__(self, passes: Callable[[], Iterator[Batch]], count: Callable[[], int]) -> None:
        self._passes = passes
        self._count = count

    def __iter__(self) -> Iterator[Batch]:
        return self._passes()

    def __len__(self) -> int:
        return self._count()


def project_hooks(*owners: Any) -> Hooks:
    """What a project does to its batches in Lightning's transfer hooks, as Lightning calls them.

    Each hook counts once: the first owner's that has it, the data module before the model.
    """
    from pytorch_lightning.utilities.model_helpers import is_overridden

    names = ("on_before_batch_transfer", "on_after_batch_transfer")
    found = [
        next((getattr(owner, name) for owner in owners if owner is not None and is_overridden(name, owner)), None)
        for name in names
    ]

    def prepared(batch: Any) -> Any:
        for hook in found:
            batch = batch if hook is None else hook(batch, 0)
        return batch

    return prepared


def loader_from(datamodule: Any, split: str) -> Any:
    """A data module's loader for a split, or None where it has none.

    A data module that is set up is not set up again: one that splits at random would deal its rows anew, and the test
    rows would be among those that were trained on.

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
    except Exception:  # whatever a data module raises that is not set up; if it was another reason, it comes again
        pass
    datamodule.prepare_data()
    datamodule.setup("test" if split == "test" else "fit")
    return single(make(), split)


def single(loader: Any, split: str) -> Any:
    """The only loader where Lightning takes several.

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


def _unknown_order(split: str, order: FixedOrder) -> UserError:
    sampler = getattr(order.batches, "sampler", None)
    what = type(order.batches if sampler is None else sampler).__name__
    return UserError(
        WHO,
        f"the order of the rows of split '{split}' is not known ({what}), so nothing beside them can be matched.",
        "Give a DataLoader without a sampler of your own, or batches {'x', 'y', 'index'} with each row's position.",
    )
