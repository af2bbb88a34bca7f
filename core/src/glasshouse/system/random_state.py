"""The state of the global random generators: kept with a checkpoint, and put aside while something is seeded."""

from __future__ import annotations

import hashlib
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np


def get_random_states() -> dict[str, Any]:
    """The states of Python's, NumPy's and torch's generators, as plain values and tensors.

    A checkpoint that is read with `weights_only=True` holds no arrays of NumPy, so those are lists here. torch counts
    where it is imported.
    """
    version, words, gauss = random.getstate()
    numpy_state: dict[str, Any] = np.random.get_state(legacy=False)
    states: dict[str, Any] = {
        "python": [version, list(words), gauss],
        "numpy": {**numpy_state, "state": {**numpy_state["state"], "key": numpy_state["state"]["key"].tolist()}},
    }
    if torch := sys.modules.get("torch"):
        states["torch"] = torch.get_rng_state()
        states["cuda"] = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return states


def set_random_states(states: dict[str, Any]) -> None:
    """Put the generators back where `get_random_states` found them; of accelerators as many as there are."""
    version, words, gauss = states["python"]
    random.setstate((version, tuple(words), gauss))
    numpy_state = states["numpy"]
    key = np.asarray(numpy_state["state"]["key"], dtype=np.uint32)
    np.random.set_state({**numpy_state, "state": {**numpy_state["state"], "key": key}})
    if "torch" in states:
        import torch

        torch.set_rng_state(states["torch"].cpu())
        if len(states["cuda"]) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all([state.cpu() for state in states["cuda"]])


@contextmanager
def seeded(seed: int, name: str) -> Iterator[None]:
    """The global generators seeded by `seed` and `name` for the block; afterwards they are as if it had not been."""
    before = get_random_states()
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    number = int.from_bytes(digest[:4], "little")
    random.seed(number)
    np.random.seed(number)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(number)
    try:
        yield
    finally:
        set_random_states(before)
