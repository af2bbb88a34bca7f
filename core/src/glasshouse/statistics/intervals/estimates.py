"""What statistics return: a value with its interval and its count, or the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A confidence interval; `low` and `high` are None where it is undefined, and `undefined` says why."""

    low: float | None
    high: float | None
    level: float
    method: str
    """How it was made, as `Measurement.interval_method` has it: ``wilson``, ``bootstrap_percentile``."""
    undefined: str | None = None


@dataclass(frozen=True, eq=False)
class Intervals:
    """Confidence intervals of one kind for an array of quantities.

    `low` and `high` have the shape of the quantity and hold NaN where the interval is undefined. Scalars give
    arrays without dimensions; `item()` then is the one interval.
    """

    low: Floats
    high: Floats
    level: float
    method: str
    reason: str = "no rows"
    """Why an interval is undefined where it is NaN."""

    def item(self, *index: int) -> Interval:
        """One of them as plain numbers, None for NaN; the index is that of the array, none for a scalar.

        >>> import numpy as np
        >>> Intervals(np.array([0.1]), np.array([0.3]), 0.95, "wilson").item(0).high
        0.3
        """
        low, high = float(self.low[index]), float(self.high[index])
        if np.isfinite(low) and np.isfinite(high):
            return Interval(low, high, self.level, self.method)
        return Interval(None, None, self.level, self.method, undefined=self.reason)

    def from_effective_counts(self) -> Intervals:
        """The same, its method saying that effective counts of weighted rows went in: ``wilson_effective``."""
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
    """A number with its denominator and interval. Undefined is `value=None` with a reason, never zero.

    Raises:
        ValueError: if value and reason are both given or both missing, or the value is not finite.
    """

    value: float | None
    n: int | None = None
    """Over how many rows the value was taken; rows, not weights."""
    interval: Interval | None = None
    undefined: str | None = None

    def __post_init__(self) -> None:
        if (self.value is None) == (self.undefined is None):
            raise ValueError("an estimate has a value or the reason why it has none, not both")
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
