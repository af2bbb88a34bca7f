"""What techniques against unfairness need to know of the run that they act on."""

from __future__ import annotations

from typing import Any

from glasshouse import Batch, DataInfo, Sensitive, UserError
from pytorch_lightning import LightningModule, Trainer
from torch import Tensor

CONSTRAINTS = ("demographic_parity", "equalized_odds")
"""Scores that do not depend on the group, for everyone, or among the rows of each class."""


def chosen(trainer: Trainer, name: str | None, *, who: str) -> tuple[int, Sensitive]:
    """The sensitive attribute to act on, with its column in `Batch.sensitive`; the first one where none is named.

    Raises:
        UserError: where the data declare none, or not this one.
    """
    info = getattr(getattr(trainer, "datamodule", None), "info", None)
    declared = info.sensitive if isinstance(info, DataInfo) else ()
    if not declared:
        raise UserError(who, "expected data that declare a sensitive attribute; these do not.", "Declare `sensitive`.")
    names = [attribute.name for attribute in declared]
    if name is not None and name not in names:
        raise UserError(who, f"there is no sensitive attribute '{name}'.", f"Known: {', '.join(names)}.")
    position = 0 if name is None else names.index(name)
    return position, declared[position]


def trained_by_us(module: LightningModule, *, who: str) -> Any:
    """The module as a `glasshouse.training.task.Task`, whose training loss can be weighted and added to.

    Raises:
        UserError: for a LightningModule with a training step of its own.
    """
    if not hasattr(module, "loss_terms") or not hasattr(module, "row_weights"):
        raise UserError(
            who,
            f"model '{type(module).__name__}' has a training step of its own, which cannot be changed from outside.",
            "Give the network as a plain torch.nn.Module.",
        )
    return module


def codes_of(batch: Any, position: int, *, who: str) -> Tensor:
    """(n,) level codes of one attribute, -1 where it is missing.

    Raises:
        UserError: for batches that do not carry sensitive attributes.
    """
    if not isinstance(batch, Batch):
        raise UserError(who, f"expected batches of glasshouse.Batch, received {type(batch).__name__}.")
    codes: Tensor = batch.sensitive[:, position].long()
    return codes


def constraint_of(value: str, kind: str, *, who: str) -> bool:
    """Whether scores are compared class by class.

    Raises:
        UserError: where the target has no classes to compare within.
    """
    by_class = value == "equalized_odds"
    if by_class and kind not in ("binary", "multiclass"):
        raise UserError(who, f"equalized_odds needs classes; the target is {kind}.", "Set `demographic_parity`.")
    if kind == "multilabel":
        raise UserError(who, "made for binary, multiclass and regression targets, not multilabel.")
    return by_class
