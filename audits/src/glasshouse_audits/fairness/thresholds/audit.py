"""The `fairness_what_if` audit: what other thresholds would change in accuracy and in the gaps between groups."""

from __future__ import annotations

from glasshouse import AuditResult, Evidence, Figure, Measurement, Table

from glasshouse_audits.fairness.holdout_split import holdout_split
from glasshouse_audits.fairness.input_checks import refuse_empty, refuse_non_finite
from glasshouse_audits.fairness.thresholds import report
from glasshouse_audits.fairness.thresholds.decisions import (
    apply_rules,
    group_rows,
    group_rules,
    model_decisions,
    rule_measurements,
    single_threshold,
    threshold_curves,
    undecided_levels,
)
from glasshouse_audits.fairness.thresholds.rules import CONSTRAINTS, Rule
from glasshouse_audits.option_checks import whole_number

_WHO = "audit 'fairness_what_if'"


class FairnessWhatIfAudit:
    """Accuracy and gaps at other thresholds: one for all, or one per group that equalises a rate; chosen on other rows.

    Args:
        points: number of points on the frontier of accuracy against the allowed difference between groups.
    """

    def __init__(self, *, points: int = 11) -> None:
        self.points = whole_number(_WHO, "points", points, minimum=2)

    def measure(self, evidence: Evidence) -> AuditResult:
        """Choose thresholds on the validation split (or half of the evaluated one); evaluate them on the other rows.

        Raises:
            UserError: if the evaluated split has no rows, or scores are not finite.
        """
        refuse_empty(evidence.evaluated, _WHO)
        chosen_on, evaluated = holdout_split(evidence)
        for rows in (chosen_on, evaluated):
            refuse_non_finite(rows.predictions, _WHO)
        predictions = evaluated.predictions
        measurements: list[Measurement] = []
        tables: list[Table] = []
        figures: list[Figure] = []
        notes = [
            f"Thresholds were chosen on {chosen_on.name} ({len(chosen_on):,} rows) and evaluated on {evaluated.name} "
            f"({len(evaluated):,} rows), so rates that were equal there are only approximately equal here.",
            "Where no threshold equalises a rate exactly, rows with scores between two thresholds are selected at "
            "random with the given probability (Hardt, Price and Srebro 2016). All numbers are expected values.",
            "Thresholds that differ by group treat people with equal scores differently. Whether that is lawful "
            "depends on jurisdiction and purpose; the audit shows the effect and recommends nothing.",
        ]
        if predictions.clusters is not None:
            notes.append("Rows are clustered: gaps have no intervals here; those of accuracy account for clusters.")
        threshold = single_threshold(chosen_on.predictions)
        as_is = model_decisions(predictions)
        for attribute in predictions.groups.values():
            groups = threshold_curves(chosen_on.predictions, chosen_on.predictions.groups[attribute.name])
            one_threshold = dict.fromkeys(group_rows(attribute), Rule(threshold, threshold))
            rules = [as_is, apply_rules("one_threshold", one_threshold, predictions, attribute)]
            for constraint in CONSTRAINTS:
                by_group, excluded = group_rules(groups, constraint, threshold)
                rules.append(apply_rules(constraint, by_group, predictions, attribute))
                if excluded:
                    names = ", ".join(f"'{level}'" for level in excluded)
                    notes.append(
                        f"{constraint.replace('_', ' ').capitalize()} over {attribute.name}: too few rows to choose a "
                        f"threshold for {names}; the single threshold is used there."
                    )
            if unseen := undecided_levels(by_group, attribute):
                names = ", ".join(f"'{level}'" for level in unseen)
                notes.append(
                    f"{attribute.name.capitalize()}: {chosen_on.name} has no row of {names}. Thresholds by group do "
                    "not decide these people, and accuracy and gaps of these thresholds leave them out."
                )
            first = not measurements
            for rule in rules:
                measurements += rule_measurements(rule, predictions, attribute, first=first)
            tables.append(report.rule_table(rules, predictions, attribute))
            tables.append(report.threshold_table(rules, groups, attribute.name))
            figures += report.frontier_figure(groups, predictions, attribute, as_is, self.points)
        return AuditResult(
            name="fairness_what_if",
            family="fairness",
            parameters={"points": self.points},
            measurements=measurements,
            tables=tables,
            figures=figures,
            notes=notes,
        )
