"""A third-party loader in an order that is the same in every pass, and which rows of its data set it visits.

Batches ``(x, y)`` carry no row numbers. A column in another file, of sensitive attributes for instance, can only be
matched to the rows where their order is known; where it is not, that is an error, never a guess.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class OrderedLoader:
    """The batches of one split.

    `rows` are the positions in `dataset` of the rows, in the order of the batches; None where they are not known.
    `known` is True where two passes return the same rows in the same order.
    """

    batches: Iterable[Any]
    dataset: Any = None
    rows: Rows | None = None
    known: bool = False

    @property
    def length(self) -> int | None:
        """Number of rows; None where it is unknown before they are read."""
        return None if self.rows is None else len(self.rows)

    @property
    def origin(self) -> tuple[Any, Rows | None]:
        """The data set behind all `Subset`s of it, and the rows' positions there."""
        dataset, rows = self.dataset, self.rows
        while isinstance(dataset, Subset) and rows is not None:
            rows = np.asarray(dataset.indices, dtype=np.int64)[rows]
            dataset = dataset.dataset
        return dataset, rows


def in_dataset_order(loader: Any) -> OrderedLoader:
    """The rows that a loader visits, each once, in the order of its data set; the loader itself is not changed.

    A `DataLoader` with one of torch's samplers is rebuilt without shuffling, and includes rows that it would drop at
    the end or draw several times. A list of batches and a loader whose `shuffle` is False have their own order. Other
    loaders are used as they are.
    """
    if not isinstance(loader, DataLoader):
        known = isinstance(loader, Sequence) or getattr(loader, "shuffle", None) is False
        return OrderedLoader(loader, known=known)
    rows = visited_rows(loader)
    if rows is None:
        return OrderedLoader(loader)
    positions = range(len(rows)) if _is_range(rows) else rows.tolist()
    ordered: DataLoader[Any] = DataLoader(
        loader.dataset,
        batch_size=loader.batch_size,
        sampler=positions,
        collate_fn=loader.collate_fn,
        num_workers=loader.num_workers,
        worker_init_fn=loader.worker_init_fn,
        multiprocessing_context=loader.multiprocessing_context,
        generator=torch.Generator(),  # without one, each pass would advance the global random state
    )
    if loader.batch_size is None:  # the data set's items are batches, of unknown sizes
        return OrderedLoader(ordered, known=True)
    return OrderedLoader(ordered, dataset=loader.dataset, rows=rows, known=True)


def visited_rows(loader: DataLoader[Any]) -> Rows | None:
    """Positions in the loader's data set that it visits, ascending; None where its sampler is not one of torch's."""
    dataset: Any = loader.dataset
    sampler: Any = loader.sampler
    if isinstance(dataset, IterableDataset):
        return None
    if loader.batch_sampler is not None and type(loader.batch_sampler) is not BatchSampler:
        return None
    if type(sampler) is SubsetRandomSampler:
        return np.sort(np.asarray([int(index) for index in sampler.indices], dtype=np.int64))
    if type(sampler) is WeightedRandomSampler:
        return np.flatnonzero(sampler.weights.numpy() > 0)
    if type(sampler) in (SequentialSampler, RandomSampler):
        source = sampler.data_source
    elif isinstance(sampler, DistributedSampler):  # Lightning replaces samplers by these under several processes
        source = sampler.dataset
    else:
        return None
    return np.arange(len(source)) if source is dataset else None


def _is_range(rows: Rows) -> bool:
    return len(rows) == 0 or (rows[0] == 0 and rows[-1] == len(rows) - 1)
