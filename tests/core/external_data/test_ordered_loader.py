"""Which rows a loader visits, and in which order; the oracle is the data set, whose rows hold their positions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from glasshouse.external_data.ordered_loader import in_dataset_order
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    Sampler,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

ROWS = TensorDataset(torch.arange(20), torch.arange(20))
EVEN = list(range(0, 20, 2))


def visited(loader: Any) -> list[int]:
    return [int(row) for batch in in_dataset_order(loader).batches for row in batch[0]]


class Own(Sampler):
    """A sampler that glasshouse has never heard of."""

    def __iter__(self):
        return iter([3, 1, 2])

    def __len__(self):
        return 3


class Stream(IterableDataset):
    def __iter__(self):
        return iter([(torch.tensor(k), torch.tensor(k)) for k in range(5)])


@pytest.mark.parametrize(
    ("options", "rows"),
    [
        ({}, range(20)),
        ({"shuffle": True}, range(20)),
        ({"shuffle": True, "drop_last": True}, range(20)),  # rows that it would drop are rows of the split
        ({"sampler": RandomSampler(ROWS, replacement=True, num_samples=50)}, range(20)),
        ({"sampler": SubsetRandomSampler(EVEN[::-1])}, EVEN),
        ({"sampler": WeightedRandomSampler([float(k % 2 == 0) for k in range(20)], 100)}, EVEN),
        ({"sampler": DistributedSampler(ROWS, num_replicas=3, rank=1)}, range(20)),
    ],
    ids=["plain", "shuffled", "dropping", "replacing", "subset", "weighted", "distributed"],
)
def test_each_row_of_the_split_comes_once_in_the_order_of_the_data(options, rows):
    order = in_dataset_order(DataLoader(ROWS, batch_size=3, **options))
    assert order.known
    assert order.rows.tolist() == list(rows)
    assert visited(DataLoader(ROWS, batch_size=3, **options)) == list(rows)


def test_subsets_are_traced_to_the_data_they_are_drawn_from():
    inner = Subset(ROWS, EVEN)
    loader = DataLoader(Subset(inner, [9, 0, 5]), batch_size=2, shuffle=True)
    dataset, rows = in_dataset_order(loader).origin
    assert dataset is ROWS
    assert rows.tolist() == visited(loader) == [18, 0, 10]


def test_a_subset_sampled_from_a_subset():
    loader = DataLoader(Subset(ROWS, EVEN), sampler=SubsetRandomSampler([4, 1]))
    assert in_dataset_order(loader).origin[1].tolist() == visited(loader) == [2, 8]


@pytest.mark.parametrize(
    "loader",
    [
        DataLoader(ROWS, sampler=Own()),
        DataLoader(ROWS, sampler=SequentialSampler(range(3))),  # of other data
        DataLoader(ROWS, batch_sampler=type("Buckets", (BatchSampler,), {})(Own(), 2, False)),
        DataLoader(Stream()),
        ((torch.arange(3), torch.arange(3)) for _ in range(2)),
    ],
    ids=["own sampler", "sampler of other data", "own batch sampler", "stream", "generator"],
)
def test_an_order_that_cannot_be_known_is_not_guessed(loader):
    order = in_dataset_order(loader)
    assert not order.known
    assert order.rows is None
    assert order.batches is loader


def test_batches_in_a_list_have_their_own_order():
    batches = [(torch.arange(3), torch.arange(3)), (torch.arange(2), torch.arange(2))]
    order = in_dataset_order(batches)
    assert order.known
    assert order.batches is batches


def test_items_that_are_batches_have_an_order_and_no_known_number_of_rows():
    class Blocks(Dataset):
        def __len__(self):
            return 3

        def __getitem__(self, k):
            return torch.full((k + 1,), k), torch.zeros(k + 1)

    loader = DataLoader(Blocks(), batch_size=None, shuffle=True)
    order = in_dataset_order(loader)
    assert order.known
    assert order.length is None
    assert visited(loader) == [0, 1, 1, 2, 2, 2]


def test_reading_takes_no_random_number_and_leaves_the_loader_alone():
    loader = DataLoader(ROWS, batch_size=3, shuffle=True)
    before = torch.random.get_rng_state()
    assert len(visited(loader)) == 20
    assert torch.equal(before, torch.random.get_rng_state())
    torch.manual_seed(7)
    expected = [batch[0].tolist() for batch in DataLoader(ROWS, batch_size=3, shuffle=True)]
    torch.manual_seed(7)
    assert [batch[0].tolist() for batch in loader] == expected
    assert sorted(np.concatenate(expected).tolist()) == list(range(20))
