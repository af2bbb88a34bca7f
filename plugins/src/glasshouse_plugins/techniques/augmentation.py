"""What techniques share that change the inputs of training batches alone."""

from __future__ import annotations

from abc import abstractmethod

import torch
from glasshouse import DataInfo, UserError
from glasshouse.training import Mixed
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from glasshouse_plugins.techniques.attribute import trained_by_us


class Augmentation(Callback):
    """Changes the inputs of every training batch, on its device and by torch's own generator; other splits stay.

    A subclass says what it is called, which modalities it is made for, and what it does, in `transform`; what it needs
    to know of the data it takes in `prepare`. A batch is never changed in place: its rows may be those of the data.
    """

    who: str
    """How messages call it."""
    modalities: tuple[str, ...]
    """Kinds of data that it is made for."""

    @abstractmethod
    def transform(self, x: Tensor) -> Tensor | Mixed:
        """(n, ...) to the same shape, n rows drawn for apart; or rows mixed with one another."""

    def prepare(self, info: DataInfo | None) -> None:
        """Look at what is known of the data; None where they do not describe themselves."""

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Have the task's batches transformed.

        Raises:
            UserError: for data of another modality, or a LightningModule with a training step of its own.
        """
        task = trained_by_us(pl_module, who=self.who)
        info = getattr(getattr(trainer, "datamodule", None), "info", None)
        info = info if isinstance(info, DataInfo) else None
        if info is not None and info.modality not in self.modalities:
            raise UserError(
                self.who, f"made for {' and '.join(self.modalities)} data, not {info.modality}.", "Leave it out."
            )
        self.prepare(info)
        task.batch_transforms.append(self.transform)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave the task as it was."""
        pl_module.batch_transforms.remove(self.transform)  # type: ignore[union-attr,operator]


def drawn(share: float, shape: tuple[int, ...], x: Tensor) -> Tensor:
    """Booleans on the device of `x`, each true with probability `share`."""
    return torch.rand(shape, device=x.device) < share


def require_pictures(x: Tensor, *, who: str) -> None:
    """Refuse what is not (n, channels, height, width) of real numbers."""
    if x.ndim != 4 or not x.is_floating_point():
        raise UserError(who, f"expected pictures (n, channels, height, width), received {tuple(x.shape)} {x.dtype}.")


def require_words(x: Tensor, *, who: str) -> None:
    """Refuse what is not (n, words) of integers."""
    if x.ndim != 2 or x.is_floating_point():
        raise UserError(who, f"expected numbers of words (n, words), received {tuple(x.shape)} {x.dtype}.")


def require_share(name: str, value: float) -> None:
    """Refuse what is no probability.

    Raises:
        ValueError: outside [0, 1].
    """
    if not 0 <= value <= 1:
        raise ValueError(f"{name} is {value}; expected 0 to 1")


def known(info: DataInfo | None, *, who: str) -> DataInfo:
    """What is known of the data.

    Raises:
        UserError: where they do not describe themselves.
    """
    if info is None:
        raise UserError(who, "the data do not say which columns are numbers.", "Give data with an `info`.")
    return info
