"""Encoded inputs as a few integer codes per feature: bins of numbers in their original unit, categories by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from glasshouse import Feature, Groups
from glasshouse.statistics import MISSING
from numpy.typing import NDArray

Codes = NDArray[np.int16]


@dataclass(frozen=True, eq=False)
class FeatureCoding:
    """How one feature or attribute is coded, and the labels of the codes.

    Codes 0 to `ordered` - 1 are bins of a number in ascending order, all others unordered levels; -1 is none of them.
    """

    name: str
    ordered: int
    edges: tuple[float, ...] = ()
    """Upper ends of all bins except the last, in the original unit; each end belongs to its bin."""
    levels: tuple[str, ...] = ()
    """Names of the unordered levels."""

    def __len__(self) -> int:
        return self.ordered + len(self.levels)

    def label(self, low: int, high: int) -> str:
        """The codes from `low` to `high` in words: ``above 48 to 61``, ``Female``."""
        if low >= self.ordered:
            return self.levels[low - self.ordered]
        if low == 0:
            return f"up to {self.edges[high]:.4g}"
        if high == self.ordered - 1:
            return f"above {self.edges[low - 1]:.4g}"
        return f"above {self.edges[low - 1]:.4g} to {self.edges[high]:.4g}"


def fit(feature: Feature, x: NDArray[np.float32], *, bins: int) -> FeatureCoding:
    """Bins of about equal size of a numeric feature, or the categories of a one-hot block.

    Args:
        feature: one of `DataInfo.features`.
        x: (n, d) encoded inputs that the bins are made from.
        bins: largest number of bins; there are fewer if values repeat.
    """
    if feature.kind == "categorical":
        names = feature.categories or tuple(str(k) for k in range(len(feature.columns)))
        return FeatureCoding(feature.name, 0, levels=names)
    values = x[:, feature.columns[0]].astype(np.float64)
    # The order statistics themselves, so that an edge is a value that occurs and can be shown in its unit.
    ends = np.quantile(values, np.arange(1, bins) / bins, method="inverted_cdf") if len(values) else np.empty(0)
    ends = np.unique(ends[ends < values.max()]) if len(values) else ends
    # float32 keeps about seven digits of the encoded value; the rest is noise, visible for edges near 0.
    digits = int(np.ceil(-np.log10(feature.scale * 1e-5)))
    unit = tuple(float(np.round(end * feature.scale + feature.center, digits)) for end in ends)
    return FeatureCoding(feature.name, len(unit) + 1, unit, (MISSING,) if len(feature.columns) > 1 else ())


def encode(coding: FeatureCoding, feature: Feature, x: NDArray[np.float32]) -> Codes:
    """(n,) codes of encoded inputs."""
    block = x[:, list(feature.columns)]
    if feature.kind == "categorical":
        return np.where(block.any(axis=1), block.argmax(axis=1), -1).astype(np.int16)
    ends = (np.array(coding.edges) - feature.center) / feature.scale
    slack = 2e-5 + 1e-6 * np.abs(ends)  # edges are rounded, and must stay in their bin
    codes = np.searchsorted(ends + slack, block[:, 0].astype(np.float64), side="left")
    if coding.levels:  # the second column marks an imputed missing number
        codes = np.where(block[:, 1] > 0.5, coding.ordered, codes)
    return np.asarray(codes, dtype=np.int16)


def encode_groups(groups: Groups) -> tuple[FeatureCoding, Codes]:
    """A sensitive attribute as a column of unordered levels, the missing one last."""
    codes = np.where(groups.codes < 0, len(groups.levels), groups.codes).astype(np.int16)
    return FeatureCoding(groups.name, 0, levels=(*groups.levels, MISSING)), codes


def feature_of_attribute(groups: Groups, features: Sequence[Feature], x: NDArray[np.float32]) -> Feature | None:
    """The feature that encodes a sensitive attribute, or that the attribute is derived from; None if there is none.

    It is the feature of the same name, else the first whose values determine the level of every row: each category
    belongs to one level, or the levels are disjoint ranges of the number.

    Args:
        groups: the attribute of n rows.
        features: the features of the data.
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
        if (_category_determines_level if feature.kind == "categorical" else _range_determines_level)(block, codes):
            return feature
    return None


def _category_determines_level(block: NDArray[np.float32], codes: NDArray[np.int32]) -> bool:
    category = block.argmax(axis=1)
    pairs = np.unique(np.stack([category, codes]), axis=1)
    return bool(len(np.unique(category)) == pairs.shape[1])


def _range_determines_level(block: NDArray[np.float32], codes: NDArray[np.int32]) -> bool:
    values = block[:, 0]
    levels = np.unique(codes)
    low = np.array([values[codes == level].min() for level in levels])
    high = np.array([values[codes == level].max() for level in levels])
    order = np.argsort(low)
    return bool((high[order][:-1] < low[order][1:]).all())
