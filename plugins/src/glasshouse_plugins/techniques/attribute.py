"""The task, the sensitive attribute and the constraint that fairness techniques work on."""

from __future__ import annotations

from typing import Any, Literal

from glasshouse import Batch, DataInfo, Sensitive, UserError
from pytorch_lightning import LightningModule, Trainer
from torch import Tensor

Constraint = Literal["demographic_parity", "equalized_odds"]
"""Scores independent of the group: overall, or given the true class."""


def sensitive_attribute(trainer: Trainer, name: str | None, *, who: str) -> tuple[int, Sensitive]:
    """The sensitive attribute called `name` (None: the first one) and its column in `Batch.sensitive`.

    Raises:
        UserError: if the data declares no sensitive attribute, or not this one.
    """
    info = getattr(getattr(trainer, "datamodule", None), "info", None)
    declared = info.sensitive if isinstance(info, DataInfo) else ()
    if not declared:
        raise UserError(who, "the data declares no sensitive attribute; expected at least one.", "Declare `sensitive`.")
    names = [attribute.name for attribute in declared]
    if name is not None and name not in names:
        raise UserError(who, f"the data declares no sensitive attribute '{name}'.", f"Known: {', '.join(names)}.")
    position = 0 if name is None else names.index(name)
    return position, declared[position]


def require_task(module: LightningModule, *, who: str) -> Any:
    """The module as a `glasshouse.training.Task`, whose training loss techniques can weight and extend.

    Raises:
        UserError: for a LightningModule with its own training step.
    """
    if not hasattr(module, "loss_terms") or not hasattr(module, "row_weights"):
        raise UserError(
            who,
            f"model '{type(module).__name__}' is a LightningModule whose training step cannot be changed.",
            "Use a plain torch.nn.Module.",
        )
    return module


def attribute_codes(batch: Any, position: int, *, who: str) -> Tensor:
    """(n,) level codes of one sensitive attribute, -1 if missing.

    Raises:
        UserError: for batches without sensitive attributes.
    """
    if not isinstance(batch, Batch):
        raise UserError(who, f"expected batches of glasshouse.Batch, received {type(batch).__name__}.")
    codes: Tensor = batch.sensitive[:, position].long()
    return codes


def is_class_conditional(value: str, kind: str, *, who: str) -> bool:
    """Whether scores are compared among the rows of each true class, i.e. for ``equalized_odds``.

    Raises:
        UserError: if the target has no such classes.
    """
    by_class = value == "equalized_odds"
    if by_class and kind not in ("binary", "multiclass"):
        raise UserError(
            who,
            f"equalized_odds requires a binary or multiclass target; this one is {kind}.",
            "Set `demographic_parity`.",
        )
    if kind == "multilabel":
        raise UserError(who, "supports binary, multiclass and regression targets, not multilabel.")
    return by_class
