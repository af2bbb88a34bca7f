"""Whether torch's fused kernel can run an optimizer's step."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import Tensor

_DEVICES = ("cpu", "cuda")


def as_lists(params: Iterable[Any]) -> list[Any]:
    """An optimizer's `params` (parameters, named parameters or groups) as lists, which can be read more than once."""
    entries = []
    for entry in params:
        if isinstance(entry, dict):
            group = entry["params"]
            entry = {**entry, "params": [group] if isinstance(group, Tensor) else list(group)}
        entries.append(entry)
    return entries


def can_fuse(params: list[Any]) -> bool:
    """Whether all parameters are real floating-point tensors on a CPU or a CUDA device."""
    tensors: list[Any] = []
    for entry in params:
        tensors += entry["params"] if isinstance(entry, dict) else [entry]
    tensors = [entry[1] if isinstance(entry, tuple) else entry for entry in tensors]  # (name, parameter)
    return all(tensor.device.type in _DEVICES and tensor.is_floating_point() for tensor in tensors)
