"""Repetitions of the training with other seeds: how much every measurement varies."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Spread:
    """One measurement over several seeds.

    It shows the randomness of training on the same rows. The confidence interval of a single run shows the randomness
    of the rows; neither includes the other.

    Attributes:
        measurement: its identifier within the record.
        values: one for each seed, in the order of the seeds; None if undefined or not measured.
        mean: of the defined values; None without any.
        standard_deviation: of the defined values, with n - 1; None for fewer than two.
    """

    measurement: str
    values: tuple[float | None, ...]
    mean: float | None
    standard_deviation: float | None


@dataclass(frozen=True, kw_only=True)
class Repeats:
    """The seeds, first that of the run itself, and the spread of each measurement."""

    seeds: tuple[int, ...]
    spread: tuple[Spread, ...]


def spread_of(measured: Mapping[int, Mapping[str, float | None]]) -> Repeats:
    """The spread of every measurement of the first seed over all seeds.

    Args:
        measured: seed -> identifier of a measurement -> its value; the seed of the run itself comes first.
    """
    return Repeats(
        seeds=tuple(measured),
        spread=tuple(
            _spread(identifier, [values.get(identifier) for values in measured.values()])
            for identifier in next(iter(measured.values()))
        ),
    )


def only_measurements(repeats: Repeats | None, shown: Collection[str]) -> Repeats | None:
    """The repetitions with the spread of the measurements `shown` only."""
    if repeats is None:
        return None
    return Repeats(seeds=repeats.seeds, spread=tuple(one for one in repeats.spread if one.measurement in shown))


def _spread(identifier: str, values: Sequence[float | None]) -> Spread:
    defined = [float(value) for value in values if value is not None]
    mean = math.fsum(defined) / len(defined) if defined else None
    deviation = None
    if mean is not None and len(defined) > 1:
        deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in defined) / (len(defined) - 1))
    return Spread(measurement=identifier, values=tuple(values), mean=mean, standard_deviation=deviation)
