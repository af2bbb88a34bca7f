"""Group fairness of predicted numbers: mean prediction and errors by group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from glasshouse import Groups, Measurement, Predictions
from glasshouse.statistics import MISSING, Estimate, mean, mean_absolute_error, mean_error, root_mean_squared_error
from numpy.typing import NDArray

ByGroup = list[tuple[dict[str, str], int, dict[str, Estimate]]]
"""Each group with its rows and its measures."""

_ERRORS = {
    "mean_error": mean_error,
    "mean_absolute_error": mean_absolute_error,
    "root_mean_squared_error": root_mean_squared_error,
}


def by_group(predictions: Predictions, attributes: Sequence[Groups]) -> ByGroup:
    """Mean prediction and, where targets are known, errors of every combination of levels, also of empty ones.

    A missing value is a level of its own, where there is one. Rows are sorted by group once.
    """
    levels = [[*groups.levels, MISSING] if (groups.codes < 0).any() else list(groups.levels) for groups in attributes]
    codes = [np.where(groups.codes < 0, len(groups.levels), groups.codes) for groups in attributes]
    sizes = tuple(len(names) for names in levels)
    combined = np.ravel_multi_index(codes, sizes)
    order = np.argsort(combined, kind="stable")
    ends = np.cumsum(np.bincount(combined, minlength=int(np.prod(sizes))))
    found: ByGroup = []
    for k, end in enumerate(ends):
        rows = order[ends[k - 1] if k else 0 : end]
        position = np.unravel_index(k, sizes)
        group = {g.name: names[int(p)] for g, names, p in zip(attributes, levels, position, strict=True)}
        found.append((group, len(rows), _measures(predictions, rows)))
    return found


def group_measures(groups: ByGroup, split: str) -> Iterator[Measurement]:
    """Count and measures of every group."""
    for group, size, measures in groups:
        yield Measurement(name="count", value=float(size), n=size, group=group, split=split)
        for name, estimate in measures.items():
            yield Measurement(name=name, group=group, split=split, **estimate.fields())


def gaps(groups: ByGroup, split: str) -> Iterator[Measurement]:
    """Largest minus smallest of each measure over the groups that have it; 0 is best."""
    for name in groups[0][2] if groups else ():
        known: Mapping[int, float] = {
            k: value for k, (_, _, measures) in enumerate(groups) if (value := measures[name].value) is not None
        }
        enough = len(known) >= 2
        yield Measurement(
            name=f"{name}_difference",
            value=max(known.values()) - min(known.values()) if enough else None,
            undefined=None if enough else "fewer than two groups with rows",
            n=sum(groups[k][1] for k in known),
            over=tuple(groups[0][0]),
            split=split,
        )


def _measures(predictions: Predictions, rows: NDArray[Any]) -> dict[str, Estimate]:
    weights = None if predictions.weights is None else predictions.weights[rows]
    predicted = predictions.predicted[rows]
    measures = {"mean_prediction": mean(predicted, weights=weights)}
    if predictions.targets is not None:
        targets = predictions.targets[rows]
        measures |= {name: metric(targets, predicted, weights=weights) for name, metric in _ERRORS.items()}
    return measures
