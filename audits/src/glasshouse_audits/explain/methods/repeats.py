"""Sampling methods of other libraries: seeded without side effects, and repeated to estimate their standard error."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the global random generators of Python, NumPy and torch in the block; restore their states on exit."""
    import torch

    python, numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        random.seed(seed)
        np.random.seed(seed % 2**32)
        torch.manual_seed(seed)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)


def repeat_explanation(
    explain: Callable[[int], NDArray[np.float64]], *, seed: int, repeats: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean of independent explanations, and its standard error from their spread.

    Args:
        explain: maps a seed to attributions.
        seed: of the repeats.
        repeats: at least 2.
    """
    seeds = np.random.SeedSequence(seed).generate_state(repeats)
    attributions = []
    for one in seeds:
        with seeded(int(one)):
            attributions.append(explain(int(one)))
    stacked = np.stack(attributions)
    error: NDArray[np.float64] = stacked.std(axis=0, ddof=1) / np.sqrt(repeats)
    return stacked.mean(axis=0), error
