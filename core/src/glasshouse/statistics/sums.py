"""Mergeable sums by group of targets, predicted numbers and their errors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from glasshouse.statistics.counts import Attribute, GroupColumn
from glasshouse.statistics.estimates import Estimate


@dataclass(frozen=True, kw_only=True, eq=False)
class GroupSums:
    """Sums of powers and products for G groups. `+` adds the rows of both."""

    attributes: tuple[Attribute, ...]
    codes: NDArray[np.int64]

    @property
    def groups(self) -> tuple[dict[str, str], ...]: ...  # type: ignore[empty-body]
    @property
    def has_targets(self) -> bool: ...  # type: ignore[empty-body]
    @property
    def weighted(self) -> bool: ...  # type: ignore[empty-body]
    @property
    def sizes(self) -> NDArray[np.int64]: ...  # type: ignore[empty-body]
    def __add__(self, other: GroupSums) -> GroupSums: ...  # type: ignore[empty-body]
    def marginal(self, names: Sequence[str]) -> GroupSums: ...  # type: ignore[empty-body]
    def overall(self) -> GroupSums: ...  # type: ignore[empty-body]

    # Each (G) estimates with the intervals of the functions of the same name over rows.
    def mean_prediction(self, *, level: float = 0.95) -> tuple[Estimate, ...]: ...  # type: ignore[empty-body]
    def mean_target(self, *, level: float = 0.95) -> tuple[Estimate, ...]: ...  # type: ignore[empty-body]
    def mean_error(self, *, level: float = 0.95) -> tuple[Estimate, ...]: ...  # type: ignore[empty-body]
    def mean_absolute_error(self, *, level: float = 0.95) -> tuple[Estimate, ...]: ...  # type: ignore[empty-body]
    def root_mean_squared_error(self, *, level: float = 0.95) -> tuple[Estimate, ...]: ...  # type: ignore[empty-body]
    def r2_score(self, *, level: float = 0.95) -> tuple[Estimate, ...]: ...  # type: ignore[empty-body]


def group_sums(
    groups: Iterable[GroupColumn], targets: ArrayLike | None, predicted: ArrayLike, *, weights: ArrayLike | None = None
) -> GroupSums:
    """Sum n rows by group in one vectorised pass."""
    raise NotImplementedError
