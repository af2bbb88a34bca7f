"""Logistic recalibration: whether probabilities are too high on average, or too extreme."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from glasshouse.statistics.intervals.estimates import Estimate, Floats, Interval
from glasshouse.statistics.intervals.means import columns, normal_interval

RESOLUTION = float(np.finfo(np.float32).eps)
"""Minimum distance of probabilities from 0 and 1, whose log-odds are infinite; scores have single precision."""

_STEPS = 50


@dataclass(frozen=True)
class Recalibration:
    """The change of log-odds that calibrates them.

    `intercept`: the number to add to all of them (0 is best; above 0 the probabilities are too low), known as
    calibration in the large; `slope`: the factor to multiply them by, fitted with a separate intercept (1 is best;
    below 1 the probabilities are too extreme).
    """

    intercept: Estimate
    slope: Estimate


def logistic_recalibration(
    targets: ArrayLike,
    probabilities: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    effective: float | None = None,
    level: float = 0.95,
) -> Recalibration:
    """Fit log-odds(target) = a + log-odds(probability), and = a + b log-odds(probability), by maximum likelihood.

    Args:
        targets: (n,) 0 and 1, or shares of 1 among rows of one probability, whose weights then are their numbers.
        probabilities: (n,) in [0, 1]; see `RESOLUTION`.
        weights: (n,) weights, or numbers of rows; None: one each.
        effective: if weights are not numbers of rows, the effective number of rows (sum w)^2 / sum w^2, from which
            standard errors are computed.
        level: of the Wald intervals.

    Undefined without rows of both targets; the slope also if probabilities are constant or separate the targets.
    Source: Cox 1958, Biometrika 45:562; Van Calster et al. 2019, BMC Medicine 17:230.

    Raises:
        ValueError: if targets or probabilities are outside [0, 1], or weights negative.
    """
    y, p, w = columns(targets, probabilities, weights=weights)
    if np.any((y < 0) | (y > 1)) or np.any((p < 0) | (p > 1)):
        raise ValueError("targets and probabilities lie in [0, 1]")
    n = len(y) if weights is None else round(float(w.sum() if effective is None else effective))
    y, p, w = y[w > 0], p[w > 0], w[w > 0]
    scale = 1.0 if effective is None or not w.sum() else effective / float(w.sum())
    if float(w @ y) == 0 or float(w @ (1 - y)) == 0:
        reason = "no rows" if not len(y) else "all rows have one target"
        undefined = Estimate(None, n, undefined=reason)
        return Recalibration(undefined, undefined)
    z = special.logit(np.clip(p, RESOLUTION, 1 - RESOLUTION))
    intercept = _fit(np.ones((len(y), 1)), z, y, w, n, scale, level)
    if np.ptp(z) < 1e-9:
        return Recalibration(intercept, Estimate(None, n, undefined="the probabilities do not vary"))
    positive, negative = z[y > 0], z[y < 1]
    if positive.min() >= negative.max() or positive.max() <= negative.min():
        return Recalibration(intercept, Estimate(None, n, undefined="the probabilities separate the targets"))
    design = np.stack([np.ones_like(z), z], axis=1)
    slope = _fit(design, np.zeros_like(z), y, w, n, scale, level)
    return Recalibration(intercept, slope)


def _fit(design: Floats, offset: Floats, y: Floats, w: Floats, n: int, scale: float, level: float) -> Estimate:
    """The last coefficient of a logistic regression with an offset, by Newton's method with halved steps.

    The maximum is finite, because both targets occur and no threshold separates them (Albert and Anderson 1984,
    Biometrika 71:1).
    """
    beta = np.zeros(design.shape[1])
    beta[-1] = 0.0 if design.shape[1] == 1 else 1.0
    likelihood = _likelihood(design @ beta + offset, y, w)
    for _ in range(_STEPS):
        mean = special.expit(design @ beta + offset)
        gradient = design.T @ (w * (y - mean))
        information = (design * (w * mean * (1 - mean))[:, None]).T @ design
        step = np.linalg.solve(information, gradient)
        size = 1.0
        while (moved := _likelihood(design @ (beta + size * step) + offset, y, w)) < likelihood and size > 1e-6:
            size /= 2
        beta, likelihood = beta + size * step, max(moved, likelihood)
        if np.abs(size * step).max() < 1e-10 * max(1.0, float(np.abs(beta).max())):
            break
    error = float(np.sqrt(np.linalg.inv(information)[-1, -1] / scale))
    found = normal_interval(beta[-1], error, level=level).item()
    interval = Interval(found.low, found.high, level, "wald", found.undefined)
    return Estimate(float(beta[-1]), n, interval)


def _likelihood(log_odds: Floats, y: Floats, w: Floats) -> float:
    return float(w @ (y * log_odds - np.logaddexp(0, log_odds)))
