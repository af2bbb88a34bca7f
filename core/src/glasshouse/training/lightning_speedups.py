"""Shortcuts around Lightning's cost per step, each with its measured gain.

The gains are the time of a training step without the shortcut against that with all of them: MLP 64-64 on 14 columns,
batches of 256 rows, one thread of a CPU, as `benchmarks/training_overhead.py` trains; `--without NAME` measures again.
A shortcut that gains less than 5 % is removed. `tests/core/training/test_step_cost.py` counts the calls that each one
saves, and compares its results with Lightning's.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from typing import Any, TypeVar

import torch
from pytorch_lightning import LightningModule
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.profilers import PassThroughProfiler
from torch import Tensor

from glasshouse.data.batch import Batch

Step = TypeVar("Step", bound=Callable[..., Any])


class FastLightningModule(LightningModule):
    """A LightningModule with cheaper attribute assignment and batch transfer."""

    def __setattr__(self, name: str, value: Any) -> None:
        # GAIN setattr
        # Lightning assigns the name of the current hook to the module about 44 times a step, and each time nn.Module
        # searches its parameters, buffers and submodules. An attribute in `__dict__` is none of these, and neither
        # text nor None makes it one.
        if (value is None or type(value) is str) and name in self.__dict__:
            self.__dict__[name] = value
        else:
            super().__setattr__(name, value)

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        # GAIN transfer
        # Lightning searches a batch recursively for tensors; a `Batch` of four tensors needs no search.
        if type(batch) is Batch and all(type(part) is Tensor for part in batch):
            return Batch(*(tensor.to(device, non_blocking=device.type == "cuda") for tensor in batch))
        return super().transfer_batch_to_device(batch, device, dataloader_idx)


def with_fixed_signature(step: Step) -> Step:
    """Store the signature of `training_step`, which Lightning inspects at every step (GAIN signature)."""
    step.__signature__ = inspect.signature(step)  # type: ignore[attr-defined]
    return step


class EpochCheckpoint(ModelCheckpoint):
    """Saves at the end of epochs only, at no cost for the steps between."""

    @cached_property
    def state_key(self) -> str:
        # GAIN state_key
        # Lightning reads the key at each of six hooks a step, and each time formats the callback's options.
        return super().state_key

    def on_train_batch_end(self, *_: Any, **__: Any) -> None:
        """Skip Lightning's check at every step whether to save (GAIN batch_end)."""


class NoProfiler(PassThroughProfiler):
    """Profiles nothing, like Lightning's default, and reuses one context manager for all 36 calls a step (GAIN)."""

    _context: AbstractContextManager[None] = nullcontext()

    def profile(self, action_name: str) -> AbstractContextManager[None]:  # type: ignore[override]
        return self._context
