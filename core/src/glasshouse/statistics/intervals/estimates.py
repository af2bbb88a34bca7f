"""Results of statistics: a value with its interval and count, or the reason why it is undefined."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A confidence interval; if it is undefined, `low` and `high` are None and `undefined` is the reason."""

    low: float | None
    high: float | None
    level: float
    method: str
    """The method, as in `Measurement.interval_method`: ``wilson``, ``bootstrap_percentile``."""
    undefined: str | None = None


@dataclass(frozen=True, eq=False)
class Intervals:
    """Confidence intervals of one kind for an array of quantities.

    `low` and `high` have the shape of the quantity, with NaN where the interval is undefined. For a scalar quantity
    they have no dimensions, and `item()` returns the interval.
    """

    low: Floats
    high: Floats
    level: float
    method: str
    reason: str = "no rows"
    """The reason of undefined intervals."""

    def item(self, *index: int) -> Interval:
        """One interval as plain numbers, None for NaN. Without an index for a scalar quantity.

        >>> import numpy as np
        >>> Intervals(np.array([0.1]), np.array([0.3]), 0.95, "wilson").item(0).high
        0.3
        """
        low, high = float(self.low[index]), float(self.high[index])
        if np.isfinite(low) and np.isfinite(high):
            return Interval(low, high, self.level, self.method)
        return Interval(None, None, self.level, self.method, undefined=self.reason)

    def from_effective_counts(self) -> Intervals:
        """The same intervals with the suffix of effective counts in their method: ``wilson_effective``."""
        return replace(self, method=f"{self.method}_effective")


class EstimateFields(TypedDict):
    """The fields of a `Measurement` that an estimate fills."""

    value: float | None
    low: float | None
    high: float | None
    level: float | None
    interval_method: str | None
    n: int | None
    undefined: str | None


@dataclass(frozen=True)
class Estimate:
    """A number with its denominator and interval. An undefined one has `value=None` and a reason.

    Raises:
        ValueError: if value and reason are both given or both missing, or the value is not finite.
    """

    value: float | None
    n: int | None = None
    """The number of rows that the value is computed from, not their weight."""
    interval: Interval | None = None
    undefined: str | None = None

    def __post_init__(self) -> None:
        if (self.value is None) == (self.undefined is None):
            raise ValueError("an estimate needs either a value or the reason why it is undefined")
        if self.value is not None and not np.isfinite(self.value):
            raise ValueError(f"an estimate is a finite number or undefined with a reason, got {self.value}")

    def fields(self) -> EstimateFields:
        """Keyword arguments for a `Measurement`: ``Measurement(name="accuracy", **estimate.fields())``."""
        known = self.interval if self.interval is not None and self.interval.low is not None else None
        return {
            "value": self.value,
            "low": known.low if known else None,
            "high": known.high if known else None,
            "level": known.level if known else None,
            "interval_method": known.method if known else None,
            "n": self.n,
            "undefined": self.undefined,
        }
