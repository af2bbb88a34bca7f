"""Completeness: whether attributions add up to the change of the output that they explain."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# If a row's output hardly changes, its error is relative to this share of the range of outputs instead.
_SMALLEST_SHARE = 0.01


def resolved(values: NDArray[np.float64], outputs: NDArray[np.float64]) -> NDArray[np.float64]:
    """`values` in the unit of the outputs, with 0 for values below the outputs' single precision."""
    return np.where(np.abs(values) > resolution(outputs), values, 0.0)


def resolution(outputs: NDArray[np.float64]) -> float:
    """The smallest difference between outputs that single precision represents."""
    return float(np.finfo(np.float32).eps * np.abs(outputs).max(initial=0.0))


def completeness_errors(attributions: NDArray[np.float64], change: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Relative completeness error of each row, (n,); 0 is perfect, larger is worse.

    ``|sum of attributions - change| / max(|change|, 1 % of the range)``, where `change` (n,) is the output minus the
    reference output, `attributions` is (n, ...) and the range is that of the outputs, reference included. None if the
    output is the same everywhere.
    """
    scale = relative_to(change)
    if not scale.any():
        return None
    errors: NDArray[np.float64] = np.abs(attributions.reshape(len(change), -1).sum(axis=1) - change) / scale
    return errors


def relative_to(change: NDArray[np.float64]) -> NDArray[np.float64]:
    """Denominator of each row's completeness error, (n,): all zero only if the output never changes."""
    scale: NDArray[np.float64] = np.maximum(np.abs(change), _SMALLEST_SHARE * np.ptp(np.append(change, 0.0)))
    return scale
