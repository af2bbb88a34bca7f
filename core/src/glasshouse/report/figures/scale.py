"""Scales of axes: from values to pixels, and the position of ticks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """Maps values from `low` to `high` onto pixels from `start` to `end`, linearly or by the logarithm."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high = self.low, self.high
        if self.log:
            # values <= 0 have no logarithm and are drawn at the edge
            value, low, high = (math.log10(max(v, self.low)) for v in (value, low, high))
        share = (value - low) / (high - low)
        return self.start + min(1.0, max(0.0, share)) * (self.end - self.start)

    def ticks(self, most: int = 5) -> list[float]:
        """Round values inside the range."""
        if self.log:
            first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
            every = max(1, math.ceil((last - first + 1) / most))
            return [10.0**power for power in range(first, last + 1, every)]
        step = nice_step((self.high - self.low) / most)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [round(number * step, 12) for number in range(first, last + 1)]


def nice_step(rough: float) -> float:
    """The smallest of 1, 2, 2.5 and 5 times a power of ten that is not below `rough`.

    >>> nice_step(0.03), nice_step(7.0)
    (0.05, 10.0)
    """
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * (1 - 1e-9))


def spanning(
    values: Iterable[float | None], start: float, end: float, *, include: Sequence[float] = (), log: bool = False
) -> Scale:
    """A scale that includes every value and ends at round numbers.

    Values in [0, 1] get the scale from 0 to 1, unless all are below 0.5 or their range is below 0.1.
    """
    known = [value for value in (*values, *include) if value is not None]
    if log:
        known = [value for value in known if value > 1e-300] or [0.1, 1.0]
        low = 10.0 ** math.floor(math.log10(min(known)))
        high = 10.0 ** math.ceil(math.log10(max(known)))
        return Scale(low, high if high > low else low * 10, start, end, log=True)
    low, high = min(known, default=0.0), max(known, default=1.0)
    if low >= 0 and 0.5 < high <= 1 and high - low >= 0.1:
        return Scale(0.0, 1.0, start, end)
    if max(abs(low), abs(high)) < 1e-300:  # the logarithm of their distance would overflow
        low, high = 0.0, 1.0
    elif high - low <= 1e-12 * max(abs(low), abs(high)):
        low, high = (0.0, 2 * high) if high > 0 else (2 * low, 0.0) if low < 0 else (0.0, 1.0)
    step = nice_step((high - low) / 5)
    return Scale(math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step, start, end)
