"""What several processes share, asked of two or three of them; expected values follow from the definitions by hand."""

from __future__ import annotations

import ast
from collections.abc import Callable

import numpy as np
import pytest
from glasshouse.system import distributed

Together = Callable[..., list[str]]


def test_one_process_is_first_has_everything_and_waits_for_nobody() -> None:
    rows = np.arange(6).reshape(3, 2)
    assert distributed.is_rank_zero()
    assert distributed.rank_and_world_size() == (0, 1)
    assert distributed.all_gather_rows(rows) is rows
    assert distributed.broadcast_from_rank0("here") == "here"
    assert distributed.row_shards(5) == [slice(0, 5)]
    assert not distributed.any_rank_failed(False)
    assert distributed.any_rank_failed(True)
    batches = [(1, 2)]
    assert distributed.shard_batches(batches) is batches


@pytest.mark.parametrize(
    ("environment", "first"),
    [
        ({}, True),
        ({"RANK": "0", "LOCAL_RANK": "0"}, True),
        ({"RANK": "2", "LOCAL_RANK": "0", "GROUP_RANK": "1"}, False),  # torchrun, the second machine's first process
        ({"LOCAL_RANK": "1", "NODE_RANK": "0"}, False),  # started by Lightning
        ({"NODE_RANK": "1"}, False),  # started by hand on the second machine
        ({"SLURM_PROCID": "3", "LOCAL_RANK": "0"}, True),  # Lightning reads LOCAL_RANK first, too
        ({"SLURM_PROCID": "3"}, False),
    ],
)
def test_who_is_first_is_known_from_the_launchers_words(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], first: bool
) -> None:
    for name in (*distributed._RANK_VARIABLES, *distributed._NODE_RANK_VARIABLES):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert distributed.is_rank_zero() is first


SCRIPT = """
import numpy as np
import torch
from glasshouse import InMemoryLoader
from glasshouse.system import distributed
rank, size = distributed.rank_and_world_size()
x, y = torch.arange(7.0)[:, None], torch.arange(7)
pairs = [(x[i : i + 2], y[i : i + 2]) for i in range(0, 7, 2)]
numbers = distributed.all_gather_rows(np.arange(rank + 1, dtype=np.int64) + 10 * rank)
uneven = distributed.all_gather_rows(np.full(([1, 0, 3][rank], 2), rank + 0.25, dtype=np.float32))
with distributed.shared_work(True):
    own_part, too_few = distributed.own_row_shard(7), distributed.own_row_shard(2)
print({
    "first": distributed.is_rank_zero(),
    "numbers": (numbers.tolist(), numbers.dtype.str),
    "uneven": (uneven.tolist(), uneven.dtype.str),
    "nothing": distributed.all_gather_rows(np.zeros((0, 4))).shape,
    "cubes": distributed.all_gather_rows(np.full((1, 2, 2), rank, dtype=np.int16))[:, 1, 0].tolist(),
    "heard": (
        distributed.broadcast_from_rank0(f"s\u00f6me text {rank}"),
        distributed.broadcast_from_rank0("" if rank == 0 else "x"),
    ),
    "failed": (distributed.any_rank_failed(False), distributed.any_rank_failed(rank == 1)),
    "shares": [(share.start, share.stop) for share in distributed.row_shards(5)],
    "pairs": [(batch.index.tolist(), batch.y.tolist()) for batch in distributed.shard_batches(pairs)],
    "own": [batch.index.tolist() for batch in distributed.shard_batches(InMemoryLoader(x, y, batch_size=2))],
    "few": [len(batch[0]) for batch in distributed.shard_batches([(x, y)])],
    "own part": (own_part.start, own_part.stop),
    "no part": (too_few, distributed.own_row_shard(7)),
    "unknown length": len(list(distributed.shard_batches(iter(pairs)))),
})
"""


def test_what_three_processes_say_to_each_other(together: Together) -> None:
    """Seven rows in batches of two: batches 0 and 3 are the first process's, 1 and 2 the others'."""
    said = [ast.literal_eval(line) for line in together(SCRIPT, 3)]
    same = {
        "numbers": ([0, 10, 11, 20, 21, 22], "<i8"),
        "uneven": ([[0.25, 0.25], [2.25, 2.25], [2.25, 2.25], [2.25, 2.25]], "<f4"),
        "nothing": (0, 4),
        "cubes": [0, 1, 2],
        "heard": ("s\u00f6me text 0", ""),
        "failed": (False, True),
        "shares": [(0, 1), (1, 3), (3, 5)],
        "few": [7],
        "no part": (None, None),
        "unknown length": 4,
    }
    parts = [(0, 2), (2, 4), (4, 7)]
    own = [[[0, 1], [6]], [[2, 3]], [[4, 5]]]
    assert said == [
        {
            **same,
            "first": rank == 0,
            "own part": parts[rank],
            "own": batches,
            "pairs": [(rows, rows) for rows in batches],
        }
        for rank, batches in enumerate(own)
    ]
