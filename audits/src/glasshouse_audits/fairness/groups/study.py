"""What the parts of the fairness audit are given, and what each returns.

A part is a function ``measure(study: Study) -> Measured`` in a module of its own; `audit.PARTS` lists them in the
order of the report.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from glasshouse import Evidence, Figure, Measurement, Predictions, Table, UserError
from glasshouse.statistics import (
    Bootstrap,
    ClusteredCounts,
    GroupCounts,
    PredictionTables,
    UnitCounts,
    bootstrap,
    count,
    count_clusters,
    count_units,
    gamma_bootstrap,
    marginal_groups,
)

MOST_CLASSES = 20
"""A target of many classes is looked at one class against the rest, for this many at most."""

MOST_DRAWN = 500_000_000
"""Poisson draws, of weighted rows or clusters in all replicates, that an audit takes time for: ten seconds or so."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """The audit's options, checked; `FairnessAudit` says what they mean."""

    intersections: bool | tuple[tuple[str, ...], ...] = True
    reference: Mapping[str, str] = field(default_factory=dict)
    pair_intervals: str = "score"
    replicates: int = 1000
    permutations: int = 999
    gap: float = 0.05
    top: tuple[int, ...] = (10, 100, 1000)
    sex: str | None = None
    race: str | None = None
    exclude_under_2_percent: str | None = None
    cross_check: bool = True


@dataclass
class Measured:
    """What one part found."""

    measurements: list[Measurement] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __iadd__(self, other: Measured) -> Measured:
        self.measurements += other.measurements
        self.tables += other.tables
        self.figures += other.figures
        self.notes += other.notes
        return self


@dataclass(frozen=True)
class Question:
    """One class or label against the rest: what a rate is about."""

    counts: GroupCounts
    """By all attributes; for a label, its own table of two classes."""
    positive: int
    """The class's code in `counts`."""
    label: str
    """Its name."""
    output: str | None
    """The measurements' `output`: None for a binary target, where the class goes without saying."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Study:
    """The judged split as tables, and what is to be looked at."""

    evidence: Evidence
    tables: PredictionTables
    options: Options

    @property
    def split(self) -> str:
        """The judged split."""
        return self.tables.split

    @property
    def rows(self) -> Predictions | None:
        """The judged rows, where they are at hand."""
        return self.evidence.evaluated if self.evidence.predictions else None

    @property
    def clustered(self) -> bool:
        """Whether rows come in clusters."""
        return self.tables.clustered or (self.rows is not None and self.rows.clusters is not None)

    def scored(self, label: str) -> tuple[np.ndarray, np.ndarray | None]:
        """Of the rows, which are at hand, the scores of a class or label, and the targets as 0 and 1."""
        assert self.rows is not None
        at = self.tables.classes.index(label)
        scores, targets = self.rows.scores[:, at].astype(np.float64), self.rows.targets
        if targets is None:
            return scores, None
        return scores, (targets[:, at] if targets.ndim == 2 else (targets == at)).astype(np.int64)

    @property
    def seed(self) -> int:
        """Seed of everything that is drawn."""
        return self.evidence.seed

    @cached_property
    def attributes(self) -> tuple[str, ...]:
        """Names of the sensitive attributes."""
        return tuple(attribute.name for attribute in self.tables.attributes)

    @cached_property
    def together(self) -> tuple[tuple[str, ...], ...]:
        """Attributes whose levels make the groups: each alone, then the intersections asked for."""
        alone = tuple((name,) for name in self.attributes)
        asked = self.options.intersections
        if asked is True:
            asked = tuple((one, other) for k, one in enumerate(self.attributes) for other in self.attributes[k + 1 :])
        elif asked is False:
            asked = ()
        for names in asked:
            for name in names:
                if name not in self.attributes:
                    raise UserError(
                        "audit 'fairness'",
                        f"intersections name the attribute '{name}'; there are {', '.join(self.attributes) or 'none'}.",
                    )
        return alone + tuple(names for names in asked if len(names) > 1)

    @cached_property
    def over(self) -> dict[tuple[str, ...], PredictionTables]:
        """The tables of every one of `together`, and of everyone under ``()``."""
        return {names: self.tables.over(names) for names in ((), *self.together)}

    @cached_property
    def questions(self) -> tuple[Question, ...]:
        """The favourable class (binary), every class (of many, the most frequent) or every label."""
        tables = self.tables
        if tables.kind == "multilabel":
            return tuple(Question(counts, 1, label, label) for label, counts in tables.labels.items())
        if tables.counts is None:
            return ()
        if tables.kind == "binary":
            assert tables.positive is not None
            return (Question(tables.counts, tables.positive, tables.classes[tables.positive], None),)
        cells = tables.counts.rows.sum(axis=0)
        often = cells.sum(axis=0) + (cells.sum(axis=1) if tables.has_targets else 0)
        chosen = sorted(range(len(tables.classes)), key=lambda k: (k != tables.positive, -int(often[k]), k))[
            :MOST_CLASSES
        ]
        return tuple(Question(tables.counts, k, tables.classes[k], tables.classes[k]) for k in sorted(chosen))

    @cached_property
    def above_median(self) -> GroupCounts | None:
        """Regression: who is predicted more than the median of everyone, as a count table without targets.

        Exact where the rows are at hand; from tables alone, to within the bin of the histogram that holds the median.
        None without predicted values, and for weighted tables alone.
        """
        values = self.tables.values
        if values is None:
            return None
        classes = ("not above", "above the median")
        if self.evidence.predictions:
            rows = self.evidence.evaluated
            above = (rows.predicted > median(rows.predicted, rows.weights)).astype(np.int64)
            groups = [rows.groups[name] for name in rows.groups]
            if rows.clusters is not None:
                return count_clusters(
                    groups, None, above, classes=classes, weights=rows.weights, clusters=rows.clusters
                )
            return count(groups, None, above, classes=classes, weights=rows.weights)
        if values.weighted:
            return None
        middle = float(values.overall().quantiles([0.5])[0, 0])
        sizes = values.sizes
        hits = np.rint(np.nan_to_num(values.share_above(middle)) * sizes).astype(np.int64)
        cells = np.stack([sizes - hits, hits], axis=1)[:, None, :]
        return GroupCounts(
            attributes=values.attributes, classes=classes, codes=values.codes, cells=cells, rows=cells, squares=cells
        )

    def units(self, question: Question) -> GroupCounts | UnitCounts | None:
        """What is drawn again in a bootstrap of the counts by all attributes; None where single rows are needed and
        not at hand, or there is too much to draw."""
        table, rows = question.counts, self.rows
        if not table.weighted:
            return table
        if isinstance(table, ClusteredCounts):
            found = table.units
        elif rows is None:
            return None
        else:
            targets, predicted = rows.targets, rows.predicted
            if predicted.ndim == 2:  # labels: the one asked about
                at = self.tables.classes.index(question.label)
                targets, predicted = None if targets is None else targets[:, at], predicted[:, at]
            groups = [rows.groups[attribute.name] for attribute in table.attributes]
            found = count_units(groups, targets, predicted, classes=table.classes, weights=rows.weights)
        return found if len(found.multiplicity) * self.options.replicates <= MOST_DRAWN else None

    @cached_property
    def _drawn(self) -> dict[str, np.ndarray | None]:
        return {}

    def bootstrap(
        self, table: GroupCounts, question: Question, statistic: Callable[[np.ndarray], object]
    ) -> Bootstrap | None:
        """A statistic of one of the tables under resampling: of rows, or of weighted rows or clusters as Poisson
        numbers of each. Weighted rows that are not at hand, or too many, are drawn as the sums that they make; None for
        too many clusters.

        Args:
            table: of the question, by some of the attributes.
            question: whose table it is.
            statistic: maps cells (b, G, K, K) to (b, ...).
        """
        rng = np.random.default_rng(self.seed)
        if not table.weighted:
            return bootstrap(table, statistic, rng=rng, replicates=self.options.replicates)  # type: ignore[arg-type]
        if question.label not in self._drawn:  # drawn once, and added up for every table over fewer attributes
            source = self.units(question)
            self._drawn[question.label] = (
                None
                if source is None
                else bootstrap(source, lambda cells: cells, rng=rng, replicates=self.options.replicates).replicates
            )
        drawn = self._drawn[question.label]
        if drawn is None:
            if self.clustered:
                return None
            return gamma_bootstrap(table, statistic, rng=rng, replicates=self.options.replicates)  # type: ignore[arg-type]
        names = [attribute.name for attribute in table.attributes]
        _, _, slot = marginal_groups(question.counts.attributes, question.counts.codes, names)
        cells = np.einsum("bgij,gh->bhij", drawn, np.eye(len(table))[slot])
        observed = np.asarray(statistic(table.cells[None]), dtype=np.float64)[0]
        return Bootstrap(observed, np.asarray(statistic(cells), dtype=np.float64), "poisson_bootstrap_percentile")

    @cached_property
    def _tables(self) -> dict[tuple[tuple[str, ...], str], GroupCounts]:
        return {}

    def table(self, names: tuple[str, ...], question: Question) -> GroupCounts:
        """A question's count table over some of the attributes."""
        if (names, question.label) not in self._tables:
            self._tables[names, question.label] = question.counts.marginal(names)
        return self._tables[names, question.label]

    def each(self) -> Iterator[tuple[tuple[str, ...], Question, GroupCounts]]:
        """Every question over every set of attributes, with its count table."""
        for names in self.together:
            for question in self.questions:
                yield names, question, self.table(names, question)


def median(values: np.ndarray, weights: np.ndarray | None) -> float:
    """The value with half of the weight on either side, the mean of the two middle ones where it falls between them."""
    if weights is None:
        return float(np.median(values)) if len(values) else float("nan")
    order = np.argsort(values, kind="stable")
    order = order[weights[order] > 0]
    if not len(order):
        return float("nan")
    running = np.cumsum(weights[order])
    half = running[-1] / 2
    first = int(np.searchsorted(running, half * (1 - 1e-12)))
    between = first + 1 < len(order) and abs(running[first] - half) <= 1e-12 * running[-1]
    return float(values[order[first : first + 1 + between]].mean())
