"""How many threads PyTorch computes with: few for little work, so that a busy neighbour does not stop a run.

PyTorch's threads wait for each other at the end of every layer, and wait by spinning. Where other processes keep the
cores busy, each of these waits costs a slice of the scheduler: a small network is 4 to 80 times slower on two threads
than on one, and gains little from the second thread where it is alone (decision 0069 has the figures).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

WORK_OF_A_THREAD = 25_000_000
"""Multiply-adds of one call of the network for which a further thread is worth its waits: 1 to 2 ms of one core."""

USERS_CHOICE = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""Environment variables by which users choose the threads themselves."""


@contextmanager
def threads_for(work: float | None) -> Iterator[None]:
    """Within the block PyTorch uses a thread for each `WORK_OF_A_THREAD`, at least one and at most as many as before.

    Nothing changes where the user has chosen: by `USERS_CHOICE`, or by `torch.set_num_threads` with another number
    than PyTorch's own.

    Args:
        work: multiply-adds of one call of the network; None where they are unknown, which changes nothing.
    """
    if work is None or any(os.environ.get(name) for name in USERS_CHOICE):
        yield
        return
    import torch

    before = torch.get_num_threads()
    chosen = max(1, min(before, int(work // WORK_OF_A_THREAD)))
    if before not in default_threads() or chosen == before:
        yield
        return
    torch.set_num_threads(chosen)
    try:
        yield
    finally:
        if torch.get_num_threads() == chosen:  # else something in the block has chosen
            torch.set_num_threads(before)


def default_threads() -> set[int]:
    """The numbers of threads that PyTorch may start with: as many as cores, or as hardware threads."""
    processors = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    cores = set()
    for number in processors:
        with suppress(OSError):
            cores.add(Path(f"/sys/devices/system/cpu/cpu{number}/topology/thread_siblings_list").read_text("ascii"))
    return {len(processors), len(cores) or len(processors), os.cpu_count() or 1}
