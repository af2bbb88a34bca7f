"""Self-scoring models: they compute a score of their own, such as a reconstruction error, and need no target.

Such a network has an attribute `predicts`, a `Target` of kind regression with ``observed=False``. Its `forward` returns
(n, 1), the score of every row. Training minimises its method `loss_per_row(x) -> (n,)`, or the score without one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from torch import Tensor, nn

from glasshouse.data.data_info import DataInfo, Sensitive, Target
from glasshouse.errors import ModelOutputError, UserError


def self_score_target(model: nn.Module) -> Target | None:
    """The unobserved target of a self-scoring model or of the network in a task; None for all other models.

    Raises:
        ModelOutputError: if `predicts` is anything else.
    """
    found = getattr(model, "predicts", None)
    if found is None:
        found = getattr(getattr(model, "network", None), "predicts", None)
    if found is None or (isinstance(found, Target) and not found.observed):
        return found
    raise ModelOutputError(
        f"model '{type(model).__name__}'",
        f"predicts is {found!r}; expected a target with observed=False.",
        "Write `predicts = Target(name=..., kind='regression', observed=False)`.",
    )


def with_self_score_target(info: DataInfo, model: nn.Module) -> DataInfo:
    """The description of the data from the viewpoint of `model`.

    For a self-scoring model the score replaces the target, and the data's classes, if there are any, become the last
    sensitive attribute, so that audits compare scores by class. A second call changes nothing.

    Raises:
        ModelOutputError: if `predicts` is anything other than an unobserved target.
    """
    target = self_score_target(model)
    if target is None or not info.target.observed:
        return info
    labels = info.target
    taken = {attribute.name for attribute in info.sensitive}
    if labels.kind not in ("binary", "multiclass") or labels.name in taken:
        return replace(info, target=target)
    attribute = Sensitive(name=labels.name, levels=labels.classes)
    return replace(info, target=target, labels=labels, sensitive=(*info.sensitive, attribute))


def with_default_target(
    given: DataInfo | Mapping[str, Any] | None, model: nn.Module
) -> DataInfo | Mapping[str, Any] | None:
    """The given description of the data; without a target, the score of a self-scoring model becomes the target."""
    target = self_score_target(model)
    if target is None or isinstance(given, DataInfo) or (given or {}).get("target"):
        return given
    return {**(given or {}), "target": asdict(target)}


def self_score_loss(network: nn.Module, x: Tensor) -> Tensor:
    """The loss (n,) of every row that training minimises: the network's `loss_per_row`, or its score."""
    method = getattr(network, "loss_per_row", None)
    losses: Tensor = network(x)[:, 0] if method is None else method(x)
    if losses.shape != (len(x),):
        raise UserError(
            f"model '{type(network).__name__}'",
            f"its losses have shape {tuple(losses.shape)}; expected ({len(x)},), one for each row.",
            "`loss_per_row(x)` returns (n,), `forward(x)` (n, 1).",
        )
    return losses
