"""Roles of the columns of a frame of predictions, and names of their values."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from glasshouse.data.raw_table import SensitiveColumn
from glasshouse.errors import UserError

MAX_LEVELS = 10_000
"""Maximum number of distinct values of a column of classes or groups."""

MAX_NUMERIC_CLASSES = 50
"""Integers with more distinct values are numbers, not classes."""


@dataclass(frozen=True, kw_only=True)
class LabelColumns:
    """The columns of one label of a multilabel target: prediction, true value and probability."""

    name: str
    prediction: str
    target: str | None = None
    score: str | None = None


@dataclass(frozen=True, kw_only=True)
class PredictionColumns:
    """The roles of the columns of a frame of predictions.

    - `prediction`: the decision, a class or a number; with a `threshold`, the number to compare with it.
    - `target`: the true value; None if unknown.
    - `score`: probability of the favourable class, from 0 to 1.
    - `scores`: instead of `score`, pairs of a class and the column of its probability, for one class against the rest.
    - `labels`: instead of `prediction`, `target` and `score`, the columns of a multilabel target.
    - `weights`: the weight of each row, finite and not negative.
    - `clusters`: identifies clusters of dependent rows.
    - `sensitive`: the attributes; numeric ones with `edges` are binned.
    - `classes`: all classes, also those that no row has; default: those of the true values.
    - `favourable`: the class that benefits the person; default: the second of two.
    - `threshold`: the favourable class is predicted for a score at or above it.
    """

    prediction: str = ""
    target: str | None = None
    score: str | None = None
    scores: tuple[tuple[str, str], ...] = ()
    labels: tuple[LabelColumns, ...] = ()
    weights: str | None = None
    clusters: str | None = None
    sensitive: tuple[SensitiveColumn, ...] = ()
    classes: tuple[str, ...] = ()
    favourable: str | None = None
    threshold: float | None = None

    def __post_init__(self) -> None:
        if self.threshold is not None and not math.isfinite(self.threshold):
            raise UserError("--threshold", f"expected a finite number, received {self.threshold}.")
        if bool(self.prediction) == bool(self.labels):
            raise UserError("--prediction", "expected the column with the decisions.", "Give --prediction COLUMN.")
        if self.labels and self.classes:
            raise UserError("--classes", "is for one target; each of several labels applies or not.", "Leave it out.")
        for each in self.by_label.values():
            if self.threshold is not None and each.score not in (None, each.prediction):
                raise UserError(
                    "--threshold",
                    f"decides by the score '{each.score}', so the decisions in '{each.prediction}' would not be used.",
                    f"Give --prediction {each.score} with --threshold and no --score, or leave --threshold out.",
                )
        if self.score and self.scores:
            raise UserError("--score", "expected one column, or CLASS=COLUMN for each class; received both.")
        for option, names in (
            ("--sensitive", [attribute.name for attribute in self.sensitive]),
            ("--score", [name for name, _ in self.scores]),
            ("--prediction", [label.name for label in self.labels]),
            ("--classes", list(self.classes)),
        ):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise UserError(option, f"names {', '.join(twice)} more than once.", "Name each once.")

    @property
    def names(self) -> tuple[str, ...]:
        """All columns in use, each once."""
        given = [column for each in self.by_label.values() for column in (each.prediction, each.target, each.score)]
        given += [*(column for _, column in self.scores), self.weights, self.clusters]
        return tuple(dict.fromkeys(name for name in (*given, *(a.column for a in self.sensitive)) if name is not None))

    @property
    def by_label(self) -> dict[str, PredictionColumns]:
        """Label -> its columns as for a binary target; without labels these columns themselves."""
        if not self.labels:
            return {self.prediction: self}
        return {
            label.name: replace(self, labels=(), prediction=label.prediction, target=label.target, score=label.score)
            for label in self.labels
        }

    @property
    def needed(self) -> tuple[tuple[str, str], ...]:
        """Columns without which a row is left out, each with the reason."""
        scores = (self.score, *(column for _, column in self.scores))
        named = [
            ("no prediction", self.prediction),
            ("no target", self.target),
            *(("no score", name) for name in scores),
        ]
        return tuple((reason, name) for reason, name in named if name is not None)

    @property
    def number_columns(self) -> dict[str, str]:
        """Columns that must be numbers, and the option that makes them so."""
        options = {attribute.column: "--sensitive" for attribute in self.sensitive if attribute.edges}
        for each in self.by_label.values():
            options |= dict.fromkeys(each.probabilities.values(), "--score")
            if each.thresholded_column is not None:
                options[each.thresholded_column] = "--threshold"
        return options if self.weights is None else {**options, self.weights: "--weights"}

    @property
    def value_columns(self) -> tuple[str, ...]:
        """Columns that are classes or numbers: predictions without a threshold, and targets."""
        given = [each.target for each in self.by_label.values()]
        if self.threshold is None:
            given += [each.prediction for each in self.by_label.values()]
        return tuple(dict.fromkeys(name for name in given if name is not None and name not in self.number_columns))

    @property
    def thresholded_column(self) -> str | None:
        """The column to compare with the threshold; None without a threshold."""
        if self.threshold is None:
            return None
        return self.score or dict(self.scores).get(self.favourable or "") or self.prediction

    @property
    def probabilities(self) -> dict[str | None, str]:
        """Class -> column of its probability; the key None is the favourable class."""
        if self.scores:
            return dict(self.scores)
        one = self.score or (None if self.threshold is None else self.prediction)
        return {} if one is None else {None: one}
