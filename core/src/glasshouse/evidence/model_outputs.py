"""From a network's raw output to scores and losses: pure functions on tensors.

A network's output has a *kind*: ``logits`` (any real number), ``probabilities`` (already in [0, 1]), ``values``
(regression, in the target's units) or ``standardized`` (regression, in standard deviations of the training targets from
their mean). Binary networks may have one output (the positive class) or two.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from glasshouse.data.data_info import Target
from glasshouse.errors import ModelOutputError, UserError

OutputKind = Literal["logits", "probabilities", "values", "standardized"]

# Keeps log(p) finite for networks that return probabilities; torch's BCE clamps its logarithm at -100 for the same
# reason.
_TINY = 1e-12


def output_kind(network: torch.nn.Module, target: Target) -> OutputKind:
    """The network's attribute `output_kind`; without one, values for regression and logits otherwise.

    Raises:
        UserError: for an unknown kind.
    """
    declared = getattr(network, "output_kind", None)
    if declared is None:
        return "values" if target.kind == "regression" else "logits"
    if declared not in get_args(OutputKind):
        raise UserError(
            f"model '{type(network).__name__}'",
            f"output_kind is {declared!r}; expected one of {', '.join(get_args(OutputKind))}.",
        )
    return declared  # type: ignore[no-any-return]


def trained_output_kind(network: torch.nn.Module, target: Target) -> OutputKind:
    """As `output_kind`, for a network that glasshouse trains: by default a regression is in standardized units.

    A network that starts near 0 and takes steps of 0.003 does not reach targets between 25 and 346.
    """
    if target.kind == "regression" and target.observed and getattr(network, "output_kind", None) is None:
        return "standardized"
    return output_kind(network, target)


def as_columns(raw: Tensor, target: Target) -> Tensor:
    """Raw output as (n, width): (n,) becomes (n, 1).

    Raises:
        ModelOutputError: if the width fits neither the target's outputs nor, for a binary target, one column.
    """
    columns = raw.unsqueeze(1) if raw.ndim == 1 else raw
    expected = {target.num_outputs, 1} if target.kind == "binary" else {target.num_outputs}
    if columns.ndim != 2 or columns.shape[1] not in expected:
        wanted = " or ".join(f"(n, {width})" for width in sorted(expected))
        raise ModelOutputError(
            "model",
            f"its output has shape {tuple(raw.shape)}; expected {wanted} for the {target.kind} target '{target.name}'.",
            "Give the model a parameter num_classes or out_features; it is set from the data.",
        )
    return columns


def as_targets(y: Tensor, raw: Tensor, target: Target) -> Tensor:
    """Targets in the shape that matches `raw`: (n,), also given as (n, 1), or (n, k) for multilabel.

    Raises:
        UserError: for another shape, which torch would broadcast to all pairs of rows.
    """
    expected = (len(raw), target.num_outputs) if target.kind == "multilabel" else (len(raw),)
    if y.shape == expected:
        return y
    if y.shape == (len(raw), 1) and target.kind != "multilabel":
        return y.squeeze(1)
    raise UserError(
        "data",
        f"the targets of a batch have shape {tuple(y.shape)}; expected {expected} for the {target.kind} target "
        f"'{target.name}' with {len(raw)} outputs.",
    )


def to_scores(raw: Tensor, target: Target, kind: OutputKind) -> Tensor:
    """Scores as in `Predictions.scores`: (n, K) probabilities or (n, 1) values; differentiable."""
    columns = as_columns(raw, target)
    if kind == "standardized":
        return columns * target.scale + target.center
    if target.kind == "regression" or kind == "values":
        return columns
    if target.kind == "multilabel":
        return columns if kind == "probabilities" else torch.sigmoid(columns)
    if columns.shape[1] == 1:
        if kind == "probabilities":
            return torch.cat([1 - columns, columns], dim=1)
        # sigmoid(-z) instead of 1 - sigmoid(z), which loses all digits of small probabilities
        return torch.cat([torch.sigmoid(-columns), torch.sigmoid(columns)], dim=1)
    return columns if kind == "probabilities" else torch.softmax(columns, dim=1)


def mean_loss(raw: Tensor, y: Tensor, target: Target, kind: OutputKind) -> Tensor:
    """The mean of `loss_per_row`, in one fused kernel where torch has one."""
    if target.kind in ("binary", "multiclass") and kind == "logits" and raw.ndim == 2 and raw.shape[1] > 1:
        columns = as_columns(raw, target)
        return F.cross_entropy(columns, as_targets(y, columns, target).long())
    return loss_per_row(raw, y, target, kind).mean()


def loss_per_row(raw: Tensor, y: Tensor, target: Target, kind: OutputKind) -> Tensor:
    """Cross-entropy in nats (summed over labels for multilabel) or squared error; shape (n,)."""
    columns = as_columns(raw, target)
    y = as_targets(y, columns, target)
    if target.kind == "regression":
        return (to_scores(columns, target, kind)[:, 0] - y.to(columns.dtype)).square()
    if target.kind == "multilabel":
        truth = y.to(columns.dtype)
        if kind == "probabilities":
            return F.binary_cross_entropy(columns, truth, reduction="none").sum(dim=1)
        return F.binary_cross_entropy_with_logits(columns, truth, reduction="none").sum(dim=1)
    if kind == "probabilities":
        scores = to_scores(columns, target, kind)
        return -scores.gather(1, y.long().unsqueeze(1)).squeeze(1).clamp_min(_TINY).log()
    if columns.shape[1] == 1:
        return F.binary_cross_entropy_with_logits(columns[:, 0], y.to(columns.dtype), reduction="none")
    return F.cross_entropy(columns, y.long(), reduction="none")
