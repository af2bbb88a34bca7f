"""The base of data augmentation: techniques that change the inputs of training batches only."""

from __future__ import annotations

from abc import abstractmethod

import torch
from glasshouse import DataInfo, UserError
from glasshouse.training import Mixed
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from glasshouse_plugins.techniques.attribute import require_task


class Augmentation(Callback):
    """Transforms the inputs of every training batch, on the batch's device, with torch's random generator.

    A subclass sets `who` and `modalities` and implements `transform`; `prepare` receives the data's description. A
    transform must not change a batch in place, because the batch may share memory with the data.
    """

    who: str
    """Name in error messages."""
    modalities: tuple[str, ...]
    """Supported modalities of data."""

    @abstractmethod
    def transform(self, x: Tensor) -> Tensor | Mixed:
        """Augmented rows of the same shape as `x` (n, ...), each with its own random draw; or mixed rows."""

    def prepare(self, info: DataInfo | None) -> None:
        """Read what is needed from the data's description; None if the data has none."""

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Add the transform to the task.

        Raises:
            UserError: for data of another modality, or a LightningModule with its own training step.
        """
        task = require_task(pl_module, who=self.who)
        info = getattr(getattr(trainer, "datamodule", None), "info", None)
        info = info if isinstance(info, DataInfo) else None
        if info is not None and info.modality not in self.modalities:
            raise UserError(
                self.who, f"supports {' and '.join(self.modalities)} data, not {info.modality}.", "Leave it out."
            )
        self.prepare(info)
        task.batch_transforms.append(self.transform)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remove the changes to the task."""
        pl_module.batch_transforms.remove(self.transform)  # type: ignore[union-attr,operator]


def bernoulli(probability: float, shape: tuple[int, ...], x: Tensor) -> Tensor:
    """Random booleans on the device of `x`, each True with the given probability."""
    return torch.rand(shape, device=x.device) < probability


def require_images(x: Tensor, *, who: str) -> None:
    """Raise a UserError unless `x` is floating-point (n, channels, height, width)."""
    if x.ndim != 4 or not x.is_floating_point():
        raise UserError(who, f"expected images (n, channels, height, width), received {tuple(x.shape)} {x.dtype}.")


def require_tokens(x: Tensor, *, who: str) -> None:
    """Raise a UserError unless `x` is integer (n, length)."""
    if x.ndim != 2 or x.is_floating_point():
        raise UserError(who, f"expected token ids (n, length), received {tuple(x.shape)} {x.dtype}.")


def require_probability(name: str, value: float) -> None:
    """Check an option that is a probability.

    Raises:
        ValueError: outside [0, 1].
    """
    if not 0 <= value <= 1:
        raise ValueError(f"{name} is {value}; expected 0 to 1")


def require_info(info: DataInfo | None, *, who: str) -> DataInfo:
    """`info`, the description of the data.

    Raises:
        UserError: if the data has none.
    """
    if info is None:
        raise UserError(
            who, "the data module has no `info`, which lists the features.", "Use a data module with `info`."
        )
    return info
