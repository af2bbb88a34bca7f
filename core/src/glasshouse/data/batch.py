"""The batch type of our loaders, and reading inputs and targets from batches of any loader."""

from __future__ import annotations

from typing import Any, NamedTuple

from glasshouse.data.batch_layout import usual_parts


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
    """Inputs and targets of a `Batch`, of the `(x, y)` pairs that most projects use, or of fields with such names.

    Raises:
        UserError: for a batch of another form.
    """
    if isinstance(batch, Batch):
        return batch.x, batch.y
    parts = usual_parts(batch)
    return parts.x, parts.y
