"""The interval of an area under a ROC curve, from the spreads of the placements of both classes."""

from __future__ import annotations

import numpy as np
from scipy import special

from glasshouse.statistics.intervals.estimates import Interval
from glasshouse.statistics.intervals.means import checked_level, normal_quantile

FEWEST_ROWS = 5
"""Rows of a class below which an area has no interval."""

_PRIOR = 1.5
"""Rows that the largest possible spread is worth, per root of a class's rows; by simulation, see
`benchmarks/coverage.py`."""

_METHOD, _EXACT = "delong_score", "perfect_separation"


def area_interval(
    area: float,
    spreads: tuple[float, float],
    rows: tuple[float, float],
    *,
    level: float,
    suffix: str = "",
    freedom: float = np.inf,
) -> Interval:
    """Score interval of an area under a ROC curve; within 0 and 1.

    The placement of a row is the share of the other class that it is on the right side of. Its variance is at most
    A (1 - A), and so that of the area at most A (1 - A) / min(m, n), at which Wilson's interval with min(m, n) rows
    holds for every distribution (Birnbaum and Klose 1957, Annals of Mathematical Statistics 28:933). DeLong's variance
    (1988), from the spreads observed in m and n rows, is too small if few rows of a class show the rare low placements.
    Each spread is therefore averaged with the largest possible one as if 1.5 sqrt(m) more rows had shown it, and
    Wilson's interval taken with the number of rows A (1 - A) / variance and a quantile of Student's t with Welch's
    degrees of freedom; it never exceeds that for min(m, n).

    If every positive scores above every negative, or below, the spreads are 0. With k = min(m, n) disjoint pairs of a
    positive and a negative this has a probability of at most A^k, so that (alpha / 2)^(1 / k) is a lower limit for
    every distribution: ``perfect_separation``.

    Args:
        area: the estimate.
        spreads: variances of the placements of positives and negatives, with ddof = 1.
        rows: numbers, or effective numbers, of positives and negatives.
        level: of confidence.
        suffix: of the method.
        freedom: degrees of freedom at most.

    It assumes independent rows, and is undefined for fewer than `FEWEST_ROWS` rows of a class.
    """
    method, fewest = f"{_METHOD}{suffix}", min(rows)
    if fewest < FEWEST_ROWS:
        reason = f"fewer than {FEWEST_ROWS} rows of a class show no spread"
        return Interval(None, None, checked_level(level), method, undefined=reason)
    largest = area * (1 - area)
    if largest < 1e-15:
        end = float(((1 - checked_level(level)) / 2) ** (1 / fewest))
        low, high = (end, 1.0) if area > 0.5 else (0.0, 1 - end)
        return Interval(low, high, level, f"{_EXACT}{suffix}")
    counted = np.asarray(rows, dtype=np.float64)
    prior = _PRIOR * np.sqrt(counted)
    spread = (np.asarray(spreads) * (counted - 1) + prior * largest) / (counted - 1 + prior)
    parts = spread / counted
    freedom = min(freedom, float(parts.sum() ** 2 / np.sum(parts**2 / (counted - 1 + prior))))
    effective = max(largest / float(parts.sum()), fewest)
    low, high = _score(area, effective, float(special.stdtrit(freedom, (1 + level) / 2)))
    widest = _score(area, fewest, normal_quantile(level))
    return Interval(max(low, widest[0]), min(high, widest[1]), level, method)


def _score(share: float, rows: float, quantile: float) -> tuple[float, float]:
    """Wilson's interval of a share."""
    square = quantile**2
    centre = (share * rows + square / 2) / (rows + square)
    half = quantile / (rows + square) * np.sqrt(share * (1 - share) * rows + square / 4)
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))
