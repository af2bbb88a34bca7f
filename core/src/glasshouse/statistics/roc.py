"""ROC curve, its area with DeLong's interval, and rates at a threshold."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.typing import ArrayLike

from glasshouse.statistics.estimates import Estimate, Floats


@dataclass(frozen=True, eq=False)
class RocCurve:
    """Rates when all scores >= threshold are called positive, from threshold infinity (0, 0) down to (1, 1)."""

    false_positive_rate: Floats
    true_positive_rate: Floats
    thresholds: Floats


@dataclass(frozen=True)
class OperatingPoint:
    """Both rates at one threshold, with Clopper-Pearson intervals that hold for a threshold fixed beforehand."""

    threshold: float
    true_positive_rate: Estimate
    false_positive_rate: Estimate


def roc_curve(targets: ArrayLike, scores: ArrayLike) -> RocCurve:
    """Every point of the ROC curve; tied scores are one point."""
    raise NotImplementedError


def roc_auc(targets: ArrayLike, scores: ArrayLike, *, level: float = 0.95) -> Estimate:
    """Area under the ROC curve with DeLong's interval, in O(n log n) (Sun and Xu 2014)."""
    raise NotImplementedError


def operating_point(targets: ArrayLike, scores: ArrayLike, threshold: float, *, level: float = 0.95) -> OperatingPoint:
    """Rates of ``scores >= threshold``."""
    raise NotImplementedError


def tpr_at_fpr(
    targets: ArrayLike, scores: ArrayLike, false_positive_rate: float, *, level: float = 0.95
) -> OperatingPoint:
    """The largest true positive rate whose false positive rate is at most the one given."""
    raise NotImplementedError
