"""The `fairness` audit: from evidence to rates by group and the gaps between groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from glasshouse import AuditResult, Evidence, Figure, Groups, Measurement, Predictions, Table, UserError
from glasshouse.statistics import GroupCounts, count, gap, group_rates

from glasshouse_audits.fairness import classification, crosscheck, regression, tables
from glasshouse_audits.options import switch, whole_number

# A multiclass target is looked at one class against the rest, for this many classes at most.
_MOST_CLASSES = 20
# Figures for more classes than these would bury the report.
_MOST_CLASSES_DRAWN = 3
_MOST_LISTED = 8


class FairnessAudit:
    """How the model treats the groups of each sensitive attribute, and those where two attributes meet.

    Args:
        intersections: whether to look at every pair of attributes as well.
        cross_check: whether to compute the same metrics with fairlearn and record the largest difference.
        replicates: bootstrap replicates for differences between pairs of groups.
        permutations: random groupings for the p-values of gaps.
    """

    def __init__(
        self,
        *,
        intersections: bool = True,
        cross_check: bool = True,
        replicates: int = 1000,
        permutations: int = 999,
    ) -> None:
        self.intersections = switch("fairness", "intersections", intersections)
        self.cross_check = switch("fairness", "cross_check", cross_check)
        self.replicates = whole_number("fairness", "replicates", replicates, least=100)
        self.permutations = whole_number("fairness", "permutations", permutations, least=99)

    def measure(self, evidence: Evidence) -> AuditResult:
        """Measure the evaluated split.

        Raises:
            UserError: if scores are not finite.
        """
        predictions = evidence.evaluated
        bad = int(np.count_nonzero(~np.isfinite(predictions.scores).all(axis=1)))
        if bad:
            raise UserError(
                "audit 'fairness'",
                f"expected finite scores; {bad} of {len(predictions)} rows of the {predictions.split} split have NaN "
                "or infinite ones.",
                "Look at the training: has its loss diverged?",
            )
        attributes = list(predictions.groups.values())
        together = [[attribute] for attribute in attributes]
        if self.intersections:
            together += [list(pair) for pair in combinations(attributes, 2)]
        measure = _regression if predictions.target.kind == "regression" else self._classification
        measurements, shown, figures, notes = measure(predictions, together, evidence.seed)
        if self.cross_check and predictions.targets is not None:
            measurements.append(_cross_check(predictions, attributes))
        return AuditResult(
            name="fairness",
            family="fairness",
            parameters={
                "intersections": self.intersections,
                "cross_check": self.cross_check,
                "replicates": self.replicates,
                "permutations": self.permutations,
            },
            measurements=measurements,
            tables=shown,
            figures=figures,
            notes=notes,
        )

    def _classification(
        self, predictions: Predictions, together: Sequence[Sequence[Groups]], seed: int
    ) -> tuple[list[Measurement], list[Table], list[Figure], list[str]]:
        split, target = predictions.split, predictions.target
        positives = looked_at(predictions)
        measurements: list[Measurement] = []
        shown: list[Table] = []
        figures: list[Figure] = []
        notes = _about(target.kind, [target.classes[k] for k in positives], len(target.classes))
        if predictions.weights is None:
            notes.append(
                f"Differences between pairs of groups: {self.replicates} bootstrap replicates of the count table, "
                "which is the bootstrap over rows."
            )
        else:
            notes.append("Rows are weighted: pairs of groups have Newcombe intervals, and gaps no p-value.")
        for attributes in together:
            table = count(
                attributes,
                predictions.targets,
                predictions.predicted,
                classes=target.classes,
                weights=predictions.weights,
            )
            measurements += classification.shared_rates(table, split)
            names = classification.names(table)
            in_pairs = len(names) == 1 and len(table) <= classification.MOST_LEVELS_IN_PAIRS
            if len(names) == 1 and not in_pairs:
                notes.append(f"Pairs of groups left out for {names[0]}: it has {len(table)} levels.")
            for number, positive in enumerate(positives):
                output = None if target.kind == "binary" else target.classes[positive]
                asked: dict[str, Any] = {"positive": positive, "output": output}
                measurements += classification.class_rates(table, split, **asked)
                measurements += classification.gaps(table, split, **asked)
                measurements += classification.chance(table, split, **asked, permutations=self.permutations, seed=seed)
                if in_pairs:
                    measurements += classification.pairwise(
                        table, split, **asked, replicates=self.replicates, seed=seed
                    )
                notes += _left_out(table, positive, output)
                shown.append(tables.group_table(measurements, names, output))
                if len(names) == 1 and number < _MOST_CLASSES_DRAWN:
                    figures += _figures(measurements, table, positive, output)
        shown.insert(0, tables.gap_table(measurements))
        pairs = tables.pairwise_table(measurements)
        return measurements, shown + ([pairs] if pairs else []), figures, notes


def looked_at(predictions: Predictions) -> list[int]:
    """Classes that are held against the rest: the favourable one (binary), or all, or the most frequent of too many."""
    target = predictions.target
    if target.kind == "binary":
        assert target.favourable_index is not None
        return [target.favourable_index]
    often = np.bincount(predictions.predicted, minlength=len(target.classes))
    if predictions.targets is not None:
        often = often + np.bincount(predictions.targets, minlength=len(target.classes))
    if target.favourable_index is not None:
        often[target.favourable_index] = often.sum() + 1
    return sorted(int(k) for k in np.argsort(-often, kind="stable")[:_MOST_CLASSES])


def _regression(
    predictions: Predictions, together: Sequence[Sequence[Groups]], seed: int
) -> tuple[list[Measurement], list[Table], list[Figure], list[str]]:
    measurements: list[Measurement] = []
    shown: list[Table] = []
    figures: list[Figure] = []
    everyone = regression.by_group(predictions, [_everyone(len(predictions))])[0][2]
    for attributes in together:
        groups = regression.by_group(predictions, attributes)
        measurements += regression.group_measures(groups, predictions.split)
        measurements += regression.gaps(groups, predictions.split)
        names = [attribute.name for attribute in attributes]
        shown.append(tables.group_table(measurements, names, None))
        if len(names) == 1:
            figures += [
                tables.group_figure(measurements, name, names[0], None, overall.value)
                for name, overall in everyone.items()
                if name != "root_mean_squared_error"
            ]
    shown.insert(0, tables.gap_table(measurements))
    return measurements, shown, figures, ["Errors are prediction minus target, in the target's unit."]


def _everyone(rows: int) -> Groups:
    """An attribute that all rows share."""
    return Groups(name="everyone", levels=("everyone",), codes=np.zeros(rows, dtype=np.int32))


def _figures(
    measurements: Sequence[Measurement], table: GroupCounts, positive: int, output: str | None
) -> Iterator[Figure]:
    everyone = table.overall()
    for metric in classification.available(table, classification.COMPARED):
        reference = group_rates(everyone, metric, positive=positive)[0].value
        yield tables.group_figure(measurements, metric, classification.names(table)[0], output, reference)


def _cross_check(predictions: Predictions, attributes: Sequence[Groups]) -> Measurement:
    positives = [] if predictions.target.kind == "regression" else looked_at(predictions)[:_MOST_CLASSES_DRAWN]
    found = [crosscheck.largest_difference(predictions, attribute, positives) for attribute in attributes]
    compared = sum(number for _, number in found)
    return Measurement(
        name="fairlearn_largest_difference",
        value=max(largest for largest, _ in found) if compared else None,
        undefined=None if compared else "no group has a metric to compare",
        n=min(len(predictions), crosscheck.ROWS),
        split=predictions.split,
    )


def _about(kind: str, classes: Sequence[str], there_are: int) -> list[str]:
    notes = [
        "Rates have Wilson intervals. Gaps between the extreme groups are biased upward when groups are small; their "
        "intervals come from intervals that hold for all groups at once, and are wide rather than wrong."
    ]
    if kind == "binary":
        notes.append(f"Selected means predicted {classes[0]}, the favourable class.")
    elif len(classes) == there_are:
        notes.append("Each class is held against the rest: selected means predicted that class.")
    else:
        notes.append(f"The {len(classes)} most frequent of {there_are} classes are each held against the rest.")
    return notes


def _left_out(table: GroupCounts, positive: int, output: str | None) -> Iterator[str]:
    """Which groups the gaps are not over, since a rate is undefined there."""
    told: dict[tuple[str, ...], list[str]] = {}
    for name in classification.available(table, classification.DIFFERENCES):
        groups = tuple(tables.described(group) for group in gap(table, name, positive=positive).left_out)
        if groups:
            told.setdefault(groups, []).append(name)
    for groups, which in told.items():
        listed = "; ".join(groups[:_MOST_LISTED])
        more = f"; and {len(groups) - _MOST_LISTED} more" if len(groups) > _MOST_LISTED else ""
        about = f" for {output}" if output else ""
        yield (
            f"Left out of {', '.join(which)} over {' and '.join(classification.names(table))}{about}, since a rate is "
            f"undefined there: {listed}{more}."
        )
