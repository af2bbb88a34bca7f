"""One pass over a split: scores, losses, targets, groups and row indices, on the CPU."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from glasshouse.data.batch import Batch, unpack
from glasshouse.data.data_info import DataInfo, Target
from glasshouse.errors import UserError
from glasshouse.evidence.model_handle import ModelHandle
from glasshouse.evidence.model_outputs import to_scores
from glasshouse.evidence.predictions import Groups, Predictions


def collect(
    model: ModelHandle, batches: Iterable[Any], *, split: str, info: DataInfo, sensitive: Sequence[str]
) -> Predictions:
    """The model's predictions for one split, from one forward pass over its batches.

    A self-scoring model has no targets; the data's classes are one of its sensitive attributes.

    Rows are in ascending order of their index, so a shuffled loader gives the same result. A row that occurs twice,
    as padding of a distributed sampler, is kept once.

    Raises:
        UserError: for an empty split, or inputs that are NaN or infinite and make the model's outputs so.
    """
    scores, losses, targets, levels, indices = [], [], [], [], []
    seen = spoilt = 0
    for batch in batches:
        x, y = unpack(batch)
        with torch.no_grad():
            raw, loss = model.outputs_and_losses(x, y)
            scores.append(to_scores(raw, info.target, model.output_kind).float().cpu())
            losses.append(loss.float().cpu())
        spoilt += _rows_spoilt_by_inputs(x, scores[-1])
        targets.append(y.cpu())
        own = isinstance(batch, Batch)
        indices.append(batch.index.cpu() if own else torch.arange(seen, seen + len(y)))
        if own and batch.sensitive.shape[1]:
            levels.append(batch.sensitive.cpu())
        seen += len(y)
    if not seen:
        raise UserError(f"data '{info.name}'", f"the split '{split}' has no rows.", "Choose another `evaluate_on:`.")
    if spoilt:
        raise UserError(
            f"data '{info.name}'",
            f"inputs of {spoilt:,} of {seen:,} rows of the split '{split}' are NaN or infinite, and so are the model's "
            "outputs for them.",
            "Fill in missing values, or leave these rows out.",
        )
    index = torch.cat(indices).numpy().astype(np.int64)
    _, order = np.unique(index, return_index=True)
    truth = torch.cat(targets)
    codes = torch.cat(levels).numpy().astype(np.int32)[order] if levels else None
    groups = _as_groups(codes, info, sensitive)
    if info.labels is not None and info.labels.name in sensitive:
        groups[info.labels.name] = _classes_as_groups(truth, info.labels, order)
    return Predictions(
        split=split,
        target=info.target,
        index=index[order],
        scores=torch.cat(scores).numpy()[order],
        targets=_as_targets(truth, info)[order] if info.target.observed else None,
        losses=torch.cat(losses).numpy()[order],
        groups=groups,
    )


def _rows_spoilt_by_inputs(x: Any, scores: Tensor) -> int:
    """Rows whose scores are not finite, and whose inputs are not either."""
    if bool(scores.isfinite().all()) or not isinstance(x, Tensor) or not x.is_floating_point():
        return 0
    wrong = ~x.detach().cpu().reshape(len(x), -1).isfinite().all(dim=1)
    return int((wrong & ~scores.reshape(len(x), -1).isfinite().all(dim=1)).sum())


def look_at_writing(model: ModelHandle, batches: Iterable[Any]) -> None:
    """Find out from the first batch whether the model writes into its inputs, as `collect` does from all of them."""
    for batch in batches:
        with torch.no_grad():
            model.outputs_and_losses(*unpack(batch))
        return


def _as_targets(y: Tensor, info: DataInfo) -> np.ndarray[Any, Any]:
    if info.target.kind == "regression":
        return y.double().numpy().reshape(len(y))
    return y.long().numpy()


def _as_groups(codes: np.ndarray[Any, Any] | None, info: DataInfo, chosen: Sequence[str]) -> dict[str, Groups]:
    if codes is None:
        return {}
    # the classes of a self-scoring model's data are the last attribute and not among the batch's codes
    attributes = info.sensitive if info.labels is None else info.sensitive[:-1]
    return {
        attribute.name: Groups(
            name=attribute.name,
            levels=attribute.levels,
            codes=np.ascontiguousarray(codes[:, position]),
            seen_by_model=bool(attribute.seen_by_model),
        )
        for position, attribute in enumerate(attributes)
        if attribute.name in chosen
    }


def _classes_as_groups(y: Tensor, labels: Target, order: np.ndarray[Any, Any]) -> Groups:
    codes = y.reshape(len(y)).numpy().astype(np.int32)[order]
    return Groups(name=labels.name, levels=labels.classes, codes=codes)
