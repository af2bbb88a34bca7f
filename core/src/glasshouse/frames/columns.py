"""Which column is what, and what its values are called."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from glasshouse.errors import UserError
from glasshouse.tables import SensitiveColumn

MOST_LEVELS = 10_000
"""A column with more values than these holds no classes and no groups."""

MOST_NUMERIC_CLASSES = 50
"""Whole numbers with more distinct values than these are numbers, not classes."""


@dataclass(frozen=True, kw_only=True)
class PredictionColumns:
    """The roles of the columns of a frame of predictions.

    - `prediction`: the decision, a class or a number; with a `threshold` and no `score`, the number held against it.
    - `target`: the truth; None where it is not known.
    - `score`: probability of the favourable class, from 0 to 1.
    - `weights`: what each row counts for, finite and not negative.
    - `clusters`: names what rows belong together, and so are not independent of each other.
    - `sensitive`: the attributes; numeric ones with `edges` are binned.
    - `favourable`: the class that is good for the person concerned; default: the second of two.
    - `threshold`: favourable is predicted where the score reaches it.
    """

    prediction: str
    target: str | None = None
    score: str | None = None
    weights: str | None = None
    clusters: str | None = None
    sensitive: tuple[SensitiveColumn, ...] = ()
    favourable: str | None = None
    threshold: float | None = None

    def __post_init__(self) -> None:
        if self.threshold is not None and not math.isfinite(self.threshold):
            raise UserError("--threshold", f"expected a finite number, received {self.threshold}.")
        names = [attribute.name for attribute in self.sensitive]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise UserError("--sensitive", f"names {', '.join(twice)} more than once.", "Name each once.")

    @property
    def names(self) -> tuple[str, ...]:
        """All columns that are read, each once."""
        beside = (self.target, self.score, self.weights, self.clusters)
        given = (self.prediction, *beside, *(a.column for a in self.sensitive))
        return tuple(dict.fromkeys(name for name in given if name is not None))

    @property
    def held_against_threshold(self) -> str | None:
        """The column that the threshold is for."""
        return None if self.threshold is None else self.score or self.prediction

    @property
    def probability(self) -> str | None:
        """The column with probabilities, if any."""
        return self.score or (None if self.threshold is None else self.prediction)


def level_name(value: Any) -> str | None:
    """What a value is called as a level or class, the same from every engine: 1 and 1.0 are "1"; None is missing."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def level_order(levels: Iterable[str]) -> list[str]:
    """Levels in order: as numbers where all are, else as text."""
    names = list(levels)
    try:
        return sorted(names, key=lambda name: (float(name), name))
    except ValueError:
        return sorted(names)
