"""Input and output of the parts of the fairness audit.

A part is a function ``measure(study: Study) -> PartialResult`` in its own module; `audit.PARTS` lists them in the order
of the report.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
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

from glasshouse_audits.fairness.groups.options import FairnessOptions

MAX_CLASSES = 20
"""A multiclass target is measured one class against the rest, for at most this many classes."""

MAX_GROUPS_IN_DETAIL = 200
"""With more groups than this, an attribute's groups have counts, rates and impact ratios only: each further number by
group would cost time and space that nobody reads."""

MAX_POISSON_DRAWS = 500_000_000
"""Most Poisson draws, over weighted rows or clusters and all replicates, in one bootstrap: about ten seconds."""


@dataclass
class PartialResult:
    """Measurements, tables, figures and notes of one part."""

    measurements: list[Measurement] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __iadd__(self, other: PartialResult) -> PartialResult:
        self.measurements += other.measurements
        self.tables += other.tables
        self.figures += other.figures
        self.notes += other.notes
        return self


@dataclass(frozen=True)
class PositiveClass:
    """One class or label as the positive class, against the rest: rates refer to it."""

    counts: GroupCounts
    """Counts by all attributes; for a label, its own table of two classes."""
    code: int
    """The class's code in `counts`."""
    label: str
    """The class's name."""
    output: str | None
    """The `output` of measurements: None for a binary target, which has only one positive class."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Study:
    """The evaluated split as tables, and the options: everything that the parts measure from."""

    evidence: Evidence
    tables: PredictionTables
    options: FairnessOptions

    @property
    def split(self) -> str:
        """The evaluated split."""
        return self.tables.split

    @property
    def rows(self) -> Predictions | None:
        """The evaluated rows; None if only their tables are available."""
        return self.evidence.evaluated if self.evidence.predictions else None

    @property
    def clustered(self) -> bool:
        """Whether the rows are clustered."""
        return self.tables.clustered or (self.rows is not None and self.rows.clusters is not None)

    def scores_and_targets(self, label: str) -> tuple[np.ndarray, np.ndarray | None]:
        """(n,) scores of a class or label, and its targets as 0 and 1; requires `rows`."""
        assert self.rows is not None
        at = self.tables.classes.index(label)
        scores, targets = self.rows.scores[:, at].astype(np.float64), self.rows.targets
        if targets is None:
            return scores, None
        return scores, (targets[:, at] if targets.ndim == 2 else (targets == at)).astype(np.int64)

    @property
    def seed(self) -> int:
        """Seed of all random draws."""
        return self.evidence.seed

    @cached_property
    def attributes(self) -> tuple[str, ...]:
        """Names of the sensitive attributes."""
        return tuple(attribute.name for attribute in self.tables.attributes)

    @cached_property
    def attribute_sets(self) -> tuple[tuple[str, ...], ...]:
        """The sets of attributes that define groups: each attribute alone, then the intersections."""
        alone = tuple((name,) for name in self.attributes)
        intersections = self.options.intersections
        if intersections is True:
            intersections = tuple(
                (one, other) for k, one in enumerate(self.attributes) for other in self.attributes[k + 1 :]
            )
        elif intersections is False:
            intersections = ()
        for names in intersections:
            for name in names:
                if name not in self.attributes:
                    raise UserError(
                        "audit 'fairness'",
                        f"intersections names the attribute '{name}'; "
                        f"available: {', '.join(self.attributes) or 'none'}.",
                    )
        return alone + tuple(names for names in intersections if len(names) > 1)

    def in_detail(self, names: tuple[str, ...]) -> bool:
        """Whether there are few enough groups of these attributes for every measurement by group."""
        tables = self.tables_over[names]
        counted = (tables.counts, *tables.labels.values(), tables.values)
        return all(one is None or len(one.codes) <= MAX_GROUPS_IN_DETAIL for one in counted)

    @cached_property
    def detailed_sets(self) -> tuple[tuple[str, ...], ...]:
        """Those of `attribute_sets` that have at most `MAX_GROUPS_IN_DETAIL` groups."""
        return tuple(names for names in self.attribute_sets if self.in_detail(names))

    @property
    def detailed_attributes(self) -> tuple[str, ...]:
        """Names of the attributes with at most `MAX_GROUPS_IN_DETAIL` groups."""
        return tuple(names[0] for names in self.detailed_sets if len(names) == 1)

    @cached_property
    def tables_over(self) -> dict[tuple[str, ...], PredictionTables]:
        """The tables by each of `attribute_sets`, and those of all rows under ``()``."""
        return {names: self.tables.over(names) for names in ((), *self.attribute_sets)}

    @cached_property
    def positive_classes(self) -> tuple[PositiveClass, ...]:
        """The favourable class (binary), every class (at most `MAX_CLASSES`, the most frequent) or every label."""
        tables = self.tables
        if tables.kind == "multilabel":
            return tuple(PositiveClass(counts, 1, label, label) for label, counts in tables.labels.items())
        if tables.counts is None:
            return ()
        if tables.kind == "binary":
            assert tables.positive is not None
            return (PositiveClass(tables.counts, tables.positive, tables.classes[tables.positive], None),)
        cells = tables.counts.rows.sum(axis=0)
        frequency = cells.sum(axis=0) + (cells.sum(axis=1) if tables.has_targets else 0)
        ranked = sorted(range(len(tables.classes)), key=lambda k: (k != tables.positive, -int(frequency[k]), k))
        chosen = ranked[:MAX_CLASSES]
        return tuple(PositiveClass(tables.counts, k, tables.classes[k], tables.classes[k]) for k in sorted(chosen))

    @cached_property
    def above_median(self) -> GroupCounts | None:
        """Regression: rows with a prediction above the overall median, as a count table without targets.

        Exact from rows; from tables alone, exact to the histogram bin that contains the median. None without predicted
        values, and for weighted tables without rows.
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

    def units(self, positive_class: PositiveClass) -> GroupCounts | UnitCounts | None:
        """The units that a bootstrap of the counts by all attributes resamples.

        None if weighted rows are required but not available, or if there are too many units to draw.
        """
        table, rows = positive_class.counts, self.rows
        if not table.weighted:
            return table
        if isinstance(table, ClusteredCounts):
            found = table.units
        elif rows is None:
            return None
        else:
            targets, predicted = rows.targets, rows.predicted
            if predicted.ndim == 2:  # multilabel: the columns of this label
                at = self.tables.classes.index(positive_class.label)
                targets, predicted = None if targets is None else targets[:, at], predicted[:, at]
            groups = [rows.groups[attribute.name] for attribute in table.attributes]
            found = count_units(groups, targets, predicted, classes=table.classes, weights=rows.weights)
        return found if len(found.multiplicity) * self.options.replicates <= MAX_POISSON_DRAWS else None

    @cached_property
    def _drawn(self) -> dict[str, np.ndarray | None]:
        return {}

    def bootstrap(
        self, table: GroupCounts, positive_class: PositiveClass, statistic: Callable[[np.ndarray], object]
    ) -> Bootstrap | None:
        """Bootstrap a statistic of one of the tables.

        Rows are resampled; weighted rows and clusters enter a replicate a Poisson number of times. Weighted rows that
        are not available, or too many, are replaced by gamma draws of their sums. None for too many clusters.

        Args:
            table: counts of the positive class, by some of the attributes.
            positive_class: the class that the table belongs to.
            statistic: maps cells (b, G, K, K) to (b, ...).
        """
        rng = np.random.default_rng(self.seed)
        if not table.weighted:
            return bootstrap(table, statistic, rng=rng, replicates=self.options.replicates)  # type: ignore[arg-type]
        if positive_class.label not in self._drawn:  # drawn once, then summed over groups
            source = self.units(positive_class)
            self._drawn[positive_class.label] = (
                None
                if source is None
                else bootstrap(source, lambda cells: cells, rng=rng, replicates=self.options.replicates).replicates
            )
        drawn = self._drawn[positive_class.label]
        if drawn is None:
            if self.clustered:
                return None
            return gamma_bootstrap(table, statistic, rng=rng, replicates=self.options.replicates)  # type: ignore[arg-type]
        names = [attribute.name for attribute in table.attributes]
        _, _, slot = marginal_groups(positive_class.counts.attributes, positive_class.counts.codes, names)
        cells = np.einsum("bgij,gh->bhij", drawn, np.eye(len(table))[slot])
        observed = np.asarray(statistic(table.cells[None]), dtype=np.float64)[0]
        return Bootstrap(observed, np.asarray(statistic(cells), dtype=np.float64), "poisson_bootstrap_percentile")

    @cached_property
    def _tables(self) -> dict[tuple[tuple[str, ...], str], GroupCounts]:
        return {}

    def table(self, names: tuple[str, ...], positive_class: PositiveClass) -> GroupCounts:
        """The count table of a positive class over some of the attributes."""
        if (names, positive_class.label) not in self._tables:
            self._tables[names, positive_class.label] = positive_class.counts.marginal(names)
        return self._tables[names, positive_class.label]

    def each_table(self) -> Iterator[tuple[tuple[str, ...], PositiveClass, GroupCounts]]:
        """Every positive class over every set of attributes, with its count table."""
        for names in self.attribute_sets:
            for positive_class in self.positive_classes:
                yield names, positive_class, self.table(names, positive_class)


def median(values: np.ndarray, weights: np.ndarray | None) -> float:
    """The weighted median: the mean of the two middle values if half of the weight lies exactly between them."""
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
