"""All mergeable tables of one split's predictions, from which audits measure performance and group fairness."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from glasshouse.statistics.counts.clusters import ClusteredCounts, count_clusters
from glasshouse.statistics.counts.table import Attribute, GroupColumn, GroupCounts, count
from glasshouse.statistics.numbers.sums import GroupSums, group_sums
from glasshouse.statistics.scores.histogram_rows import score_histogram
from glasshouse.statistics.scores.histograms import CERTIFICATE, ScoreHistogram

MAX_SCORED_CLASSES = 20
"""With more classes, only the most frequent have score histograms."""

_Part = TypeVar("_Part", GroupCounts, ScoreHistogram, GroupSums)


class _Target(Protocol):
    @property
    def kind(self) -> Any: ...
    @property
    def classes(self) -> tuple[str, ...]: ...
    @property
    def favourable_index(self) -> int | None: ...


class PredictionRows(Protocol):
    """Row-by-row predictions of one split, as `glasshouse.Predictions`."""

    @property
    def split(self) -> str: ...
    @property
    def target(self) -> _Target: ...
    @property
    def scores(self) -> NDArray[Any]: ...
    @property
    def targets(self) -> NDArray[Any] | None: ...
    @property
    def groups(self) -> Mapping[str, Any]: ...
    @property
    def weights(self) -> NDArray[Any] | None: ...
    @property
    def clusters(self) -> NDArray[Any] | None: ...
    @property
    def predicted(self) -> NDArray[Any]: ...


@dataclass(frozen=True, kw_only=True, eq=False)
class PredictionTables:
    """Counts, score histograms and sums of one split, by the combinations of all its attributes.

    `over(names)` returns the tables of a subset of the attributes; `+` those of the rows of both.
    """

    split: str
    kind: str
    """``binary``, ``multiclass``, ``multilabel`` or ``regression``."""
    classes: tuple[str, ...]
    """Names in the order of their codes; empty for regression. Multilabel: the labels."""
    positive: int | None
    """Code of the favourable class, always given for a binary target; None if no class is favourable."""
    attributes: tuple[Attribute, ...]
    counts: GroupCounts | None = None
    """Binary and multiclass: rows by group, target and prediction; `ClusteredCounts` for clustered rows."""
    labels: Mapping[str, GroupCounts] = field(default_factory=dict)
    """Multilabel: for each label, rows by group, target and prediction; its classes are ``("no", "yes")``."""
    scores: Mapping[str, ScoreHistogram] = field(default_factory=dict)
    """Histogram of the probability of a class or label, against the rest. Binary: of the favourable class alone.
    Empty without scores; with many classes, the `MAX_SCORED_CLASSES` most frequent."""
    sums: GroupSums | None = None
    """Regression: sums for means and errors."""
    values: ScoreHistogram | None = None
    """Regression: distribution of the predicted values, without targets."""
    errors: ScoreHistogram | None = None
    """Regression: distribution of prediction minus target; None without targets."""
    seen_by_model: tuple[str, ...] = ()
    """Names of the attributes that are among the model's features."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    """Rows that are in none of the tables, by reason: ``{"no prediction": 3}``."""
    read_as: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Column -> its predictions that are written differently from their class: ``{"hired": {"Yes": "1"}}``."""

    def __len__(self) -> int:
        """Number of rows, whatever their weights."""
        return int(self._any.sizes.sum())

    @property
    def weighted(self) -> bool:
        """Whether rows have weights."""
        return self._any.weighted

    @property
    def clustered(self) -> bool:
        """Whether rows are clustered. Then there are no score and error intervals, which need independent rows."""
        return isinstance(self._any, ClusteredCounts)

    @property
    def has_targets(self) -> bool:
        """Whether there are targets."""
        return self._any.has_targets

    def over(self, names: Sequence[str]) -> PredictionTables:
        """The tables by some of the attributes, in the given order; by none of them, all rows are one group.

        Raises:
            ValueError: if a name is not an attribute of the tables.
        """
        reduced = self._each(lambda table: table.marginal(names))
        return replace(reduced, seen_by_model=tuple(name for name in self.seen_by_model if name in names))

    def overall(self) -> PredictionTables:
        """All rows as one group."""
        return self.over(())

    def __add__(self, other: PredictionTables) -> PredictionTables:
        """The tables of the rows of both.

        Raises:
            ValueError: if attributes, levels, classes or what is known of the rows differ.
        """
        mine, theirs = (
            (t.kind, t.classes, t.positive, t.attributes, t.has_targets, set(t.scores)) for t in (self, other)
        )
        if mine != theirs:
            raise ValueError("tables that merge are of the same attributes, classes, targets and scores")
        reasons = {*self.left_out, *other.left_out}
        return replace(
            self,
            counts=_sum(self.counts, other.counts),
            labels={name: table + other.labels[name] for name, table in self.labels.items()},
            scores={name: table + other.scores[name] for name, table in self.scores.items()},
            sums=_sum(self.sums, other.sums),
            values=_sum(self.values, other.values),
            errors=_sum(self.errors, other.errors),
            read_as={**self.read_as, **other.read_as},
            left_out={why: self.left_out.get(why, 0) + other.left_out.get(why, 0) for why in sorted(reasons)},
        )

    @property
    def _any(self) -> GroupCounts | GroupSums:
        if self.counts is not None:
            return self.counts
        return next(iter(self.labels.values())) if self.sums is None else self.sums

    def _each(self, change: Callable[[Any], Any]) -> PredictionTables:
        changed = replace(
            self,
            counts=None if self.counts is None else change(self.counts),
            labels={name: change(table) for name, table in self.labels.items()},
            scores={name: change(table) for name, table in self.scores.items()},
            sums=None if self.sums is None else change(self.sums),
            values=None if self.values is None else change(self.values),
            errors=None if self.errors is None else change(self.errors),
        )
        return replace(changed, attributes=changed._any.attributes)


def tabulate(rows: PredictionRows, names: Sequence[str] | None = None) -> PredictionTables:
    """The tables of row-by-row predictions.

    Args:
        rows: `glasshouse.Predictions`, or anything of that shape.
        names: the attributes to group by; all if left out.

    If binning could change an AUC of a group of one attribute by more than `CERTIFICATE`, the histogram has one bin for
    each distinct score instead.

    Raises:
        ValueError: if scores or targets are not finite, or an attribute is not known.
    """
    target, targets, weights = rows.target, rows.targets, rows.weights
    groups = [rows.groups[name] for name in (rows.groups if names is None else names)]
    blank = PredictionTables(
        split=rows.split,
        kind=target.kind,
        classes=target.classes,
        positive=target.favourable_index,
        attributes=tuple(Attribute(group.name, tuple(group.levels)) for group in groups),
        seen_by_model=tuple(group.name for group in groups if getattr(group, "seen_by_model", False)),
    )
    if target.kind == "regression":
        return replace(blank, **regression_tables(groups, targets, rows.predicted, weights=weights))
    if target.kind == "multilabel":
        of_label = [None if targets is None else targets[:, k] for k in range(len(target.classes))]
        return replace(
            blank,
            labels={
                label: _counted(rows, groups, of_label[k], rows.predicted[:, k], ("no", "yes"))
                for k, label in enumerate(target.classes)
            },
            scores={
                label: refined_histogram(groups, of_label[k], rows.scores[:, k], weights=weights)
                for k, label in enumerate(target.classes)
            },
        )
    counts = _counted(rows, groups, targets, rows.predicted, target.classes)
    return replace(
        blank,
        counts=counts,
        scores={
            target.classes[k]: refined_histogram(
                groups, None if targets is None else targets == k, rows.scores[:, k], weights=weights
            )
            for k in _scored(counts, target)
        },
    )


def _counted(
    rows: PredictionRows, groups: Sequence[GroupColumn], targets: Any, predicted: Any, classes: Sequence[str]
) -> GroupCounts:
    if rows.clusters is None:
        return count(groups, targets, predicted, classes=classes, weights=rows.weights)
    return count_clusters(groups, targets, predicted, classes=classes, weights=rows.weights, clusters=rows.clusters)


def refined_histogram(
    groups: Sequence[GroupColumn], targets: Any, scores: Any, *, weights: Any = None
) -> ScoreHistogram:
    """A histogram of probabilities, exact if its bins could change an AUC by more than `CERTIFICATE`."""
    found = score_histogram(groups, targets, scores, weights=weights)
    if targets is not None and max_auc_error(found) > CERTIFICATE:
        return score_histogram(groups, targets, scores, weights=weights, exact=True)
    return found


def max_auc_error(histogram: ScoreHistogram) -> float:
    """The largest possible error of an AUC by binning: over all rows, groups of one attribute, and all combinations.

    0 if all are exact.
    """
    if histogram.exact:
        return 0.0
    names = [attribute.name for attribute in histogram.attributes]
    tables = [histogram, histogram.overall(), *(histogram.marginal([name]) for name in names if len(names) > 1)]
    return float(max(np.nan_to_num(table.roc_auc_error()).max(initial=0.0) for table in tables))


def max_auc_error_of_tables(tables: PredictionTables) -> float:
    """The largest possible error by binning of an AUC from these tables."""
    return max((max_auc_error(found) for found in tables.scores.values() if found.has_targets), default=0.0)


def regression_tables(
    groups: Sequence[GroupColumn], targets: Any, predicted: Any, *, weights: Any = None, center: float | None = None
) -> dict[str, Any]:
    """The parts of `PredictionTables` for regression."""
    return {
        "sums": group_sums(groups, targets, predicted, weights=weights, center=center),
        "values": score_histogram(groups, None, predicted, weights=weights, scale="value"),
        "errors": None
        if targets is None
        else score_histogram(groups, None, predicted - targets, weights=weights, scale="value"),
    }


def _scored(counts: GroupCounts, target: _Target) -> list[int]:
    """Codes of the classes with histograms: the favourable one (binary), all, or the most frequent of many."""
    if target.kind == "binary":
        assert target.favourable_index is not None
        return [target.favourable_index]
    often = counts.rows.sum(axis=0)
    frequency = often.sum(axis=1) + often.sum(axis=0) if counts.has_targets else often.sum(axis=0)
    return sorted(int(k) for k in np.argsort(-frequency, kind="stable")[:MAX_SCORED_CLASSES])


def _sum(first: _Part | None, second: _Part | None) -> _Part | None:
    return None if first is None or second is None else first + second
