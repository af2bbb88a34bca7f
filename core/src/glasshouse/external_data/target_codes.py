"""Targets as projects write them (one-hot rows, -1 and 1, columns, whole floats) as the codes that audits read."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from glasshouse.data.batch_layout import described
from glasshouse.data.data_info import Target
from glasshouse.errors import UserError

WHO = "data"
DESCRIBE = "Describe the target: `info={'target': {'name': ..., 'kind': ..., 'classes': [...]}}`."


class TargetCodes:
    """Reads the targets of all batches of some data; what the batches show must not contradict each other.

    Args:
        target: the target that they are read as.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._negative: int | None = None
        """The code of the first of two classes: 0, or -1 as for a hinge loss; None before a batch showed it."""

    def read(self, given: Any) -> Tensor:
        """Codes (n,) for classes, (n, k) for labels, numbers (n,) for a regression.

        Raises:
            UserError: for targets that are no numbers, or not those of this target.
        """
        y = as_numbers(given)
        kind = self._target.kind
        if kind != "multilabel" and y.ndim == 2:
            y = y.squeeze(1) if y.shape[1] == 1 else self._classes_of_rows(y)
        if kind == "regression":
            return y
        classes = 2 if kind == "multilabel" else self._target.num_outputs
        if kind == "binary":
            y = self._without_sign(y)
        codes = y.long()
        if len(y) and not (bool((codes == y).all()) and int(codes.min()) >= 0 and int(codes.max()) < classes):
            raise UserError(
                WHO,
                f"the {kind} target has values from {float(y.min()):g} to {float(y.max()):g}; "
                f"expected the codes 0 to {classes - 1}.",
                DESCRIBE,
            )
        return codes

    def _classes_of_rows(self, y: Tensor) -> Tensor:
        kind, outputs = self._target.kind, self._target.num_outputs
        if kind == "regression" or y.shape[1] != outputs:
            raise UserError(WHO, f"targets have shape {tuple(y.shape)}; expected (n,) for the {kind} target.", DESCRIBE)
        if not is_one_hot(y):
            row = y[int((~_one_hot_rows(y)).nonzero()[0])].tolist()
            raise UserError(
                WHO,
                f"expected one 1 in each row of the {kind} target, received {row}.",
                "If several labels may be true: `info={'target': {'kind': 'multilabel', ...}}`.",
            )
        return y.argmax(dim=1)

    def _without_sign(self, y: Tensor) -> Tensor:
        """Targets -1 and 1 as 0 and 1."""
        negative = -1 if bool((y == -1).any()) else 0 if bool((y == 0).any()) else self._negative
        if self._negative is not None and negative != self._negative:
            raise UserError(WHO, "the binary target has the values -1, 0 and 1; expected two of them.", DESCRIBE)
        self._negative = negative
        if negative == -1 and bool(((y == -1) | (y == 1)).all()):
            return (y == 1).long()
        return y


def as_numbers(given: Any) -> Tensor:
    """Targets as a tensor.

    Raises:
        UserError: for anything else than numbers.
    """
    if isinstance(given, Tensor):
        return given
    parts = given if isinstance(given, (list, tuple)) else ()
    try:
        if any(getattr(part, "ndim", 0) for part in parts):
            raise TypeError("several tensors")
        array = np.asarray(given)
        if array.dtype.kind in "biuf":
            return torch.as_tensor(array)
    except (TypeError, ValueError):
        pass
    shown = repr(parts[0]) if parts and isinstance(parts[0], str) else described(given)
    raise UserError(
        WHO, f"expected targets as numbers, received {shown}.", "Encode classes as 0, 1, ..., and name them in `info`."
    )


def is_one_hot(y: Tensor) -> bool:
    """Whether every row (n, k), k > 1, has a single 1 and zeros."""
    return y.ndim == 2 and y.shape[1] > 1 and bool(_one_hot_rows(y).all())


def _one_hot_rows(y: Tensor) -> Tensor:
    return ((y == 0) | (y == 1)).all(dim=1) & (y.sum(dim=1) == 1)
