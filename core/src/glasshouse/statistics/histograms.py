"""Mergeable histograms of scores by group and target: AUC, calibration and distributions without the rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from glasshouse.statistics.calibration import ReliabilityCurve
from glasshouse.statistics.counts import Attribute, GroupColumn
from glasshouse.statistics.estimates import Estimate, Floats

Scale = Literal["probability", "value"]


class ScoreBins(NamedTuple):
    """The occupied bins of one group in ascending order, (b,) each or (b, 2) by target: 0, 1. Without targets (b, 1)."""

    score: Floats
    """(b,) mean score of the bin's rows, weighted."""
    rows: NDArray[np.int64]
    """(b, t) rows."""
    weights: Floats
    """(b, t) sums of weights; the rows if there are none."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ScoreHistogram:
    """Scores by group, target and bin, for G groups; only occupied bins are stored. `+` adds the rows of both."""

    attributes: tuple[Attribute, ...]
    codes: NDArray[np.int64]
    """(G, a) each group's level codes, as in `GroupCounts`."""
    scale: Scale

    @property
    def groups(self) -> tuple[dict[str, str], ...]:
        """Each group as attribute -> level."""
        raise NotImplementedError

    @property
    def has_targets(self) -> bool: ...  # type: ignore[empty-body]
    @property
    def weighted(self) -> bool: ...  # type: ignore[empty-body]
    @property
    def sizes(self) -> NDArray[np.int64]: ...  # type: ignore[empty-body]
    def __add__(self, other: ScoreHistogram) -> ScoreHistogram: ...  # type: ignore[empty-body]
    def marginal(self, names: Sequence[str]) -> ScoreHistogram: ...  # type: ignore[empty-body]
    def overall(self) -> ScoreHistogram: ...  # type: ignore[empty-body]

    def bins(self, group: int) -> ScoreBins:
        """One group's bins, for whatever else is a function of score and target (slope, exposure, thresholds)."""
        raise NotImplementedError

    def roc_auc(self, *, level: float = 0.95) -> tuple[Estimate, ...]:
        """(G) area under the ROC curve of each group, with DeLong's interval as `glasshouse.statistics.roc_auc`."""
        raise NotImplementedError

    def roc_auc_error(self) -> Floats:
        """(G,) the most by which `roc_auc` can differ from the area over the rows; NaN where it is undefined, 0 exact."""
        raise NotImplementedError

    def reliability(self, *, bins: int = 10, level: float = 0.95) -> tuple[ReliabilityCurve, ...]:
        """(G) reliability curves over 5, 10 or 20 bins of equal width, exactly those of the rows."""
        raise NotImplementedError

    def brier_score(self, *, level: float = 0.95) -> tuple[Estimate, ...]: ...  # type: ignore[empty-body]
    def log_loss(self, *, level: float = 0.95) -> tuple[Estimate, ...]: ...  # type: ignore[empty-body]
    def mean(self, *, level: float = 0.95) -> tuple[Estimate, ...]: ...  # type: ignore[empty-body]

    def quantiles(self, shares: ArrayLike) -> Floats:
        """(G, q) scores below which those shares of a group's weight lie, to within a bin; NaN without rows."""
        raise NotImplementedError

    def share_above(self, threshold: float) -> Floats:
        """(G,) share of a group's weight with a score above a value (LL144's scoring rate at the overall median)."""
        raise NotImplementedError

    def distribution(self, edges: ArrayLike) -> Floats:
        """(G, t, len(edges) - 1) weight of the rows by target between edges, lower edge excluded."""
        raise NotImplementedError


def score_histogram(
    groups: Iterable[GroupColumn],
    targets: ArrayLike | None,
    scores: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    scale: Scale = "probability",
    exact: bool = False,
) -> ScoreHistogram:
    """Histogram of n scores by group and target (0 or 1; None: unknown)."""
    raise NotImplementedError
