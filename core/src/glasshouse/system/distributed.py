"""Distributed training with several processes (DDP, FSDP): rank, sharding and exchange of arrays.

Lightning, torchrun, SLURM or Kubernetes start the whole command once per process. Rank 0 creates the run folder and
writes all files; the other ranks train, compute their shards of predictions and explanations, and exit silently.
Without torch.distributed every function here behaves as for a single process.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glasshouse.data.batch import Batch

_RANK_VARIABLES = ("RANK", "LOCAL_RANK", "SLURM_PROCID", "JSM_NAMESPACE_RANK")
"""Environment variables with the rank, in Lightning's order of precedence."""
_NODE_RANK_VARIABLES = ("NODE_RANK", "GROUP_RANK")
_TIMEOUT = timedelta(days=30)


def is_rank_zero() -> bool:
    """Whether this process has rank 0 and so writes the run folder; also before torch.distributed is initialized."""
    if _work.single_process:
        return True
    if _is_initialized():
        import torch

        return torch.distributed.get_rank() == 0
    if "RANK" in os.environ:
        return os.environ["RANK"] == "0"
    rank = next((os.environ[name] for name in _RANK_VARIABLES if name in os.environ), "0")
    node = next((os.environ[name] for name in _NODE_RANK_VARIABLES if name in os.environ), "0")
    return rank == node == "0"


def rank_and_world_size() -> tuple[int, int]:
    """This process's rank and the number of processes; (0, 1) before torch.distributed is initialized."""
    if not _is_initialized():
        return 0, 1
    import torch

    return torch.distributed.get_rank(), torch.distributed.get_world_size()


def broadcast_from_rank0(text: str) -> str:
    """The text that rank 0 passes, on every rank. All ranks must call it."""
    if rank_and_world_size()[1] == 1:
        return text if is_rank_zero() else ""
    import numpy as np

    sent = all_gather_rows(np.frombuffer(text.encode() if is_rank_zero() else b"", dtype=np.uint8))
    return sent.tobytes().decode()


def shard_batches(batches: Iterable[Any]) -> Iterable[Any]:
    """This rank's batches: every `world_size`-th, as a `Batch` with the rows' indices in the whole split.

    With fewer batches than ranks, or an unknown number of batches, every rank gets all of them.
    """
    rank, world_size = rank_and_world_size()
    try:
        enough = len(batches) >= world_size  # type: ignore[arg-type]
    except TypeError:
        enough = False
    return _every_nth(batches, rank, world_size) if world_size > 1 and enough else batches


def _every_nth(batches: Iterable[Any], rank: int, world_size: int) -> Iterator[Batch]:
    import torch

    from glasshouse.data.batch import Batch, unpack

    seen = 0
    for number, batch in enumerate(batches):
        x, y = unpack(batch)
        if number % world_size == rank:
            own = isinstance(batch, Batch)
            index = torch.arange(seen, seen + len(y))
            yield batch if own else Batch(x, y, torch.empty((len(y), 0), dtype=torch.int64), index)
        seen += len(y)


def all_gather_rows(rows: NDArray[Any]) -> NDArray[Any]:
    """The rows (n, ...) of all ranks, concatenated in the order of ranks, on every rank; n may differ by rank."""
    _, world_size = rank_and_world_size()
    if world_size == 1:
        return rows
    import numpy as np
    import torch

    group = _gloo_group()
    counts = [torch.zeros(1, dtype=torch.int64) for _ in range(world_size)]
    torch.distributed.all_gather(counts, torch.tensor([len(rows)]), group=group)
    sizes = [int(count) for count in counts]
    width = rows.dtype.itemsize * int(np.prod(rows.shape[1:]))
    padded = torch.zeros((max(sizes), width), dtype=torch.uint8)
    bytes_of_rows = np.frombuffer(np.ascontiguousarray(rows).tobytes(), dtype=np.uint8).copy()
    padded[: len(rows)] = torch.from_numpy(bytes_of_rows).reshape(len(rows), width)
    parts = [torch.zeros_like(padded) for _ in range(world_size)]
    torch.distributed.all_gather(parts, padded, group=group)
    together = np.concatenate([part.numpy()[:size] for part, size in zip(parts, sizes, strict=True)])
    return together.reshape(-1).view(rows.dtype).reshape(sum(sizes), *rows.shape[1:])


def row_shards(rows: int) -> list[slice]:
    """The slice of each rank of `rows` rows: contiguous, in the order of ranks; some may be empty."""
    _, world_size = rank_and_world_size()
    ends = [rows * k // world_size for k in range(world_size + 1)]
    return [slice(start, stop) for start, stop in pairwise(ends)]


def any_rank_failed(failed: bool) -> bool:
    """Whether any rank failed. All ranks call it before exchanging results, so that none waits for a failed one."""
    import numpy as np

    return bool(all_gather_rows(np.array([failed])).any())


@contextmanager
def shared_work(together: bool) -> Iterator[None]:
    """Within the block, whether all ranks do the same work and so may divide it: see `own_row_shard`."""
    before = _work.together
    _work.together = together
    try:
        yield
    finally:
        _work.together = before


@contextmanager
def as_single_process() -> Iterator[None]:
    """Within the block this process behaves as the only one, whatever the other ranks do."""
    before = _work.single_process
    _work.single_process = True
    try:
        yield
    finally:
        _work.single_process = before


def own_row_shard(rows: int) -> slice | None:
    """This rank's slice of the rows within `shared_work`; None if the work is not shared or there are too few rows."""
    rank, world_size = rank_and_world_size()
    return row_shards(rows)[rank] if _work.together and 1 < world_size <= rows else None


@dataclass
class _Work:
    together: bool = False
    single_process: bool = False


_work = _Work()


def _is_initialized() -> bool:
    import sys

    torch = sys.modules.get("torch")
    return (
        not _work.single_process
        and torch is not None
        and torch.distributed.is_available()
        and torch.distributed.is_initialized()
    )


_cpu_group: dict[int, Any] = {}


def _gloo_group() -> Any:
    """A process group for CPU tensors, which NCCL cannot exchange, with a timeout longer than any audit."""
    import torch

    world = id(torch.distributed.group.WORLD)
    if world not in _cpu_group:
        _cpu_group[world] = torch.distributed.new_group(backend="gloo", timeout=_TIMEOUT)
    return _cpu_group[world]
