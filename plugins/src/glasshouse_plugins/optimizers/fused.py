"""When an optimizer's step may be one kernel."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import Tensor

_DEVICES = ("cpu", "cuda")


def listed(params: Iterable[Any]) -> list[Any]:
    """What an optimizer takes (parameters, named parameters or groups) as lists, to be read more than once."""
    found = []
    for entry in params:
        if isinstance(entry, dict):
            inside = entry["params"]
            entry = {**entry, "params": [inside] if isinstance(inside, Tensor) else list(inside)}
        found.append(entry)
    return found


def can_fuse(params: list[Any]) -> bool:
    """Whether all parameters are real floating point numbers on a CPU or a CUDA device."""
    tensors: list[Any] = []
    for entry in params:
        tensors += entry["params"] if isinstance(entry, dict) else [entry]
    tensors = [entry[1] if isinstance(entry, tuple) else entry for entry in tensors]  # (name, parameter)
    return all(tensor.device.type in _DEVICES and tensor.is_floating_point() for tensor in tensors)
