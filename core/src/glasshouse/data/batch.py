"""The batch type of our loaders, and reading inputs and targets from batches of any loader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from glasshouse.errors import UserError


class Batch(NamedTuple):
    """One batch. A NamedTuple, because Lightning's device transfer and torch's collation keep it.

    Shapes: `x` (n, ...), `y` (n,) integer classes, (n, k) multilabel or (n,) float targets,
    `sensitive` (n, a) integer level codes in the order of `DataInfo.sensitive` (-1: missing),
    `index` (n,) positions in the split.
    """

    x: Any
    y: Any
    sensitive: Any
    index: Any


def unpack(batch: Any) -> tuple[Any, Any]:
    """Inputs and targets of a `Batch`, or of the `(x, y)` pairs that most projects use.

    Raises:
        UserError: for a batch of another form.
    """
    if isinstance(batch, Batch):
        return batch.x, batch.y
    if isinstance(batch, (tuple, list)) and len(batch) >= 2:
        return batch[0], batch[1]
    if isinstance(batch, Mapping) and {"x", "y"} <= set(batch):
        return batch["x"], batch["y"]
    raise UserError(
        "data",
        f"expected batches (x, y) or glasshouse.Batch, received {type(batch).__name__}.",
        "Return pairs of inputs and targets from the data loader.",
    )
