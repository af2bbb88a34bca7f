"""One pass over a split: scores, losses, targets, groups and row indices, on the CPU."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from glasshouse.data import Batch, DataInfo
from glasshouse.errors import UserError
from glasshouse.model import ModelHandle
from glasshouse.outputs import loss_per_row, to_scores
from glasshouse.predictions import Groups, Predictions
from glasshouse.task import unpack


def collect(
    model: ModelHandle, batches: Iterable[Any], *, split: str, info: DataInfo, sensitive: Sequence[str]
) -> Predictions:
    """The model's predictions for one split, from one forward pass over its batches.

    Rows come out in ascending order of their index, so a shuffled loader gives the same result; a row that comes
    twice (the padding of a distributed sampler) counts once.

    Raises:
        UserError: for an empty split.
    """
    scores, losses, targets, levels, indices = [], [], [], [], []
    seen = 0
    for batch in batches:
        x, y = unpack(batch)
        with torch.no_grad():
            raw = model.outputs(x)
            scores.append(to_scores(raw, info.target, model.output_kind).float().cpu())
            losses.append(loss_per_row(raw, y.to(raw.device), info.target, model.output_kind).float().cpu())
        targets.append(y.cpu())
        own = isinstance(batch, Batch)
        indices.append(batch.index.cpu() if own else torch.arange(seen, seen + len(y)))
        if own and batch.sensitive.shape[1]:
            levels.append(batch.sensitive.cpu())
        seen += len(y)
    if not seen:
        raise UserError(f"data '{info.name}'", f"the split '{split}' has no rows.", "Choose another `evaluate_on:`.")
    index = torch.cat(indices).numpy().astype(np.int64)
    _, order = np.unique(index, return_index=True)
    codes = torch.cat(levels).numpy().astype(np.int32)[order] if levels else None
    return Predictions(
        split=split,
        target=info.target,
        index=index[order],
        scores=torch.cat(scores).numpy()[order],
        targets=_as_targets(torch.cat(targets), info)[order],
        losses=torch.cat(losses).numpy()[order],
        groups=_as_groups(codes, info, sensitive),
    )


def _as_targets(y: Tensor, info: DataInfo) -> np.ndarray[Any, Any]:
    if info.target.kind == "regression":
        return y.double().numpy().reshape(len(y))
    return y.long().numpy()


def _as_groups(codes: np.ndarray[Any, Any] | None, info: DataInfo, chosen: Sequence[str]) -> dict[str, Groups]:
    if codes is None:
        return {}
    return {
        attribute.name: Groups(
            name=attribute.name,
            levels=attribute.levels,
            codes=np.ascontiguousarray(codes[:, position]),
            seen_by_model=bool(attribute.seen_by_model),
        )
        for position, attribute in enumerate(info.sensitive)
        if attribute.name in chosen
    }
