"""Encoded inputs back to a few codes a feature: bins of numbers in their own unit, categories by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from glasshouse import Feature, Groups
from glasshouse.statistics import MISSING
from numpy.typing import NDArray

Codes = NDArray[np.int16]


@dataclass(frozen=True, eq=False)
class Coding:
    """How one column is turned into codes, and what the codes are called.

    Codes 0 ... ordered - 1 are bins of a number in ascending order, all others unordered levels; -1 is none of them.
    """

    name: str
    ordered: int
    edges: tuple[float, ...] = ()
    """Upper ends of all bins but the last, in the number's own unit; each belongs to its bin."""
    levels: tuple[str, ...] = ()
    """Names of the unordered levels."""

    def __len__(self) -> int:
        return self.ordered + len(self.levels)

    def described(self, low: int, high: int) -> str:
        """The codes from `low` to `high` in words: ``above 48 to 61``, ``Female``."""
        if low >= self.ordered:
            return self.levels[low - self.ordered]
        if low == 0:
            return f"up to {self.edges[high]:.4g}"
        if high == self.ordered - 1:
            return f"above {self.edges[low - 1]:.4g}"
        return f"above {self.edges[low - 1]:.4g} to {self.edges[high]:.4g}"


def fit(feature: Feature, x: NDArray[np.float32], *, bins: int) -> Coding:
    """Bins of about equal size of a numeric feature, or the categories of a one-hot block.

    Args:
        feature: one of `DataInfo.features`.
        x: (n, d) encoded inputs that the bins are made from.
        bins: at most so many; fewer where values repeat.
    """
    if feature.kind == "categorical":
        names = feature.categories or tuple(str(k) for k in range(len(feature.columns)))
        return Coding(feature.name, 0, levels=names)
    values = x[:, feature.columns[0]].astype(np.float64)
    # The order statistics themselves, so that an edge is a value that occurs and can be told in its own unit.
    ends = np.quantile(values, np.arange(1, bins) / bins, method="inverted_cdf") if len(values) else np.empty(0)
    ends = np.unique(ends[ends < values.max()]) if len(values) else ends
    # float32 carries about seven digits of the encoded value; the rest is noise, which would show around 0.
    digits = int(np.ceil(-np.log10(feature.scale * 1e-5)))
    unit = tuple(float(np.round(end * feature.scale + feature.center, digits)) for end in ends)
    return Coding(feature.name, len(unit) + 1, unit, (MISSING,) if len(feature.columns) > 1 else ())


def encode(coding: Coding, feature: Feature, x: NDArray[np.float32]) -> Codes:
    """(n,) codes of encoded inputs."""
    block = x[:, list(feature.columns)]
    if feature.kind == "categorical":
        return np.where(block.any(axis=1), block.argmax(axis=1), -1).astype(np.int16)
    ends = (np.array(coding.edges) - feature.center) / feature.scale
    slack = 2e-5 + 1e-6 * np.abs(ends)  # an edge was rounded, and belongs to its bin
    codes = np.searchsorted(ends + slack, block[:, 0].astype(np.float64), side="left")
    if coding.levels:  # the second column marks a number that was missing and filled in
        codes = np.where(block[:, 1] > 0.5, coding.ordered, codes)
    return np.asarray(codes, dtype=np.int16)


def of_groups(groups: Groups) -> tuple[Coding, Codes]:
    """A sensitive attribute as a column of unordered levels, the missing one last."""
    codes = np.where(groups.codes < 0, len(groups.levels), groups.codes).astype(np.int16)
    return Coding(groups.name, 0, levels=(*groups.levels, MISSING)), codes


def own_feature(groups: Groups, features: Sequence[Feature], x: NDArray[np.float32]) -> Feature | None:
    """The feature that a sensitive attribute is, or is made from; None where no feature is.

    The one of the same name, or else the first whose values say the level of every row: each category belongs to one
    level, or the levels lie in ranges of the number that do not overlap.

    Args:
        groups: the attribute of n rows, two levels of which occur.
        features: of the data.
        x: (n, d) encoded inputs of the same rows.
    """
    for feature in features:
        if feature.name == groups.name:
            return feature
    known = groups.codes >= 0
    codes = groups.codes[known]
    if len(np.unique(codes)) < 2:
        return None
    for feature in features:
        block = x[known][:, list(feature.columns)]
        if (_category_tells if feature.kind == "categorical" else _range_tells)(block, codes):
            return feature
    return None


def _category_tells(block: NDArray[np.float32], codes: NDArray[np.int32]) -> bool:
    category = block.argmax(axis=1)
    pairs = np.unique(np.stack([category, codes]), axis=1)
    return bool(len(np.unique(category)) == pairs.shape[1])


def _range_tells(block: NDArray[np.float32], codes: NDArray[np.int32]) -> bool:
    values = block[:, 0]
    levels = np.unique(codes)
    low = np.array([values[codes == level].min() for level in levels])
    high = np.array([values[codes == level].max() for level in levels])
    order = np.argsort(low)
    return bool((high[order][:-1] < low[order][1:]).all())
