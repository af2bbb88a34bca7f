"""Which column is what, and what its values are called."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from glasshouse.data.raw_table import SensitiveColumn
from glasshouse.errors import UserError

MOST_LEVELS = 10_000
"""A column with more values than these holds no classes and no groups."""

MOST_NUMERIC_CLASSES = 50
"""Whole numbers with more distinct values than these are numbers, not classes."""


@dataclass(frozen=True, kw_only=True)
class LabelColumns:
    """The columns of one of several labels: whether it is predicted, whether it is true, and its probability."""

    name: str
    prediction: str
    target: str | None = None
    score: str | None = None


@dataclass(frozen=True, kw_only=True)
class PredictionColumns:
    """The roles of the columns of a frame of predictions.

    - `prediction`: the decision, a class or a number; with a `threshold` and no `score`, the number held against it.
    - `target`: the truth; None where it is not known.
    - `score`: probability of the favourable class, from 0 to 1.
    - `scores`: instead of `score`, pairs of a class and the column of its probability, for one class against the rest.
    - `labels`: instead of `prediction`, `target` and `score`, the columns of several labels, any of which may be true.
    - `weights`: what each row counts for, finite and not negative.
    - `clusters`: names what rows belong together, and so are not independent of each other.
    - `sensitive`: the attributes; numeric ones with `edges` are binned.
    - `favourable`: the class that is good for the person concerned; default: the second of two.
    - `threshold`: favourable is predicted where the score reaches it.
    """

    prediction: str = ""
    target: str | None = None
    score: str | None = None
    scores: tuple[tuple[str, str], ...] = ()
    labels: tuple[LabelColumns, ...] = ()
    weights: str | None = None
    clusters: str | None = None
    sensitive: tuple[SensitiveColumn, ...] = ()
    favourable: str | None = None
    threshold: float | None = None

    def __post_init__(self) -> None:
        if self.threshold is not None and not math.isfinite(self.threshold):
            raise UserError("--threshold", f"expected a finite number, received {self.threshold}.")
        if bool(self.prediction) == bool(self.labels):
            raise UserError("--prediction", "expected the column with the decisions.", "Give --prediction COLUMN.")
        if self.score and self.scores:
            raise UserError("--score", "expected one column, or CLASS=COLUMN for each class; received both.")
        for option, names in (
            ("--sensitive", [attribute.name for attribute in self.sensitive]),
            ("--score", [name for name, _ in self.scores]),
            ("--prediction", [label.name for label in self.labels]),
        ):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise UserError(option, f"names {', '.join(twice)} more than once.", "Name each once.")

    @property
    def names(self) -> tuple[str, ...]:
        """All columns that are read, each once."""
        given = [column for each in self.by_label.values() for column in (each.prediction, each.target, each.score)]
        given += [*(column for _, column in self.scores), self.weights, self.clusters]
        return tuple(dict.fromkeys(name for name in (*given, *(a.column for a in self.sensitive)) if name is not None))

    @property
    def by_label(self) -> dict[str, PredictionColumns]:
        """The columns of each label as those of a prediction of its own; these themselves where there are no labels."""
        if not self.labels:
            return {self.prediction: self}
        return {
            label.name: replace(self, labels=(), prediction=label.prediction, target=label.target, score=label.score)
            for label in self.labels
        }

    @property
    def needed(self) -> tuple[tuple[str, str], ...]:
        """Why a row is left out that lacks a value, and the column that holds it."""
        scores = (self.score, *(column for _, column in self.scores))
        named = [
            ("no prediction", self.prediction),
            ("no target", self.target),
            *(("no score", name) for name in scores),
        ]
        return tuple((reason, name) for reason, name in named if name is not None)

    @property
    def held_against_threshold(self) -> str | None:
        """The column that the threshold is for."""
        if self.threshold is None:
            return None
        return self.score or dict(self.scores).get(self.favourable or "") or self.prediction

    @property
    def probabilities(self) -> dict[str | None, str]:
        """The columns with probabilities by class; None stands for the favourable one."""
        if self.scores:
            return dict(self.scores)
        one = self.score or (None if self.threshold is None else self.prediction)
        return {} if one is None else {None: one}


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
