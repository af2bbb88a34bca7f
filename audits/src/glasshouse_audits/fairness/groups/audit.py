"""The `fairness` audit: rates, scores and errors by group, and the gaps between groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from glasshouse import AuditResult, Evidence, UserError
from glasshouse.evidence import tables_of

from glasshouse_audits.fairness.groups import (
    calibration,
    classification,
    fairlearn_check,
    inequality,
    local_law_144,
    power,
    regression,
    scores,
)
from glasshouse_audits.fairness.groups.options import FairnessOptions
from glasshouse_audits.fairness.groups.p_values import adjust_p_values
from glasshouse_audits.fairness.groups.study import PartialResult, Study
from glasshouse_audits.fairness.input_checks import refuse_non_finite

PARTS: tuple[Callable[[Study], PartialResult], ...] = (
    classification.measure,
    regression.measure,
    power.measure,
    local_law_144.measure,
    scores.measure,
    calibration.measure,
    inequality.measure,
)
"""What is measured, in the order of the report."""


class FairnessAudit:
    """Compares the groups of each sensitive attribute, and the groups at intersections of attributes.

    Args:
        intersections: true measures every pair of attributes as well, false none; or a list of lists of attributes
            whose intersections are measured, e.g. ``[[sex, race, age_group]]``.
        reference: the level of an attribute that its other levels are compared with, e.g. ``{sex: Male}``; none by
            default.
        pair_intervals: method of the intervals for differences between two groups: ``score`` (Miettinen and
            Nurminen) or ``bootstrap``.
        gap: the gap between groups for which the power analysis computes the required rows.
        top: numbers of top-ranked positions (by score) for which exposure is measured.
        sex: name of the attribute that holds sex in the tables for Local Law 144; by default recognised by its name.
        race: name of the attribute that holds race/ethnicity in these tables; by default recognised by its name.
        exclude_under_2_percent: justification for excluding categories below 2 % of the data from the impact ratios
            of Local Law 144; without one they are included.
        cross_check: whether fairlearn computes the same metrics as well and the largest difference is recorded.
        replicates: bootstrap replicates, for intervals from resampling.
        permutations: random permutations of the group labels, for the p-values of gaps.
    """

    def __init__(
        self,
        *,
        intersections: bool | Sequence[Sequence[str]] = True,
        reference: Mapping[str, str] | None = None,
        pair_intervals: str = "score",
        gap: float = 0.05,
        top: Sequence[int] = (10, 100, 1000),
        sex: str | None = None,
        race: str | None = None,
        exclude_under_2_percent: str | None = None,
        cross_check: bool = True,
        replicates: int = 1000,
        permutations: int = 999,
    ) -> None:
        self.parameters = {
            "intersections": intersections,
            "reference": reference,
            "pair_intervals": pair_intervals,
            "gap": gap,
            "top": top,
            "sex": sex,
            "race": race,
            "exclude_under_2_percent": exclude_under_2_percent,
            "cross_check": cross_check,
            "replicates": replicates,
            "permutations": permutations,
        }
        self.options = FairnessOptions.checked(**self.parameters)

    def measure(self, evidence: Evidence) -> AuditResult:
        """Measure the evaluated split.

        Raises:
            UserError: for scores that are not finite, or an option that names an unknown attribute or level.
        """
        if evidence.predictions:
            refuse_non_finite(evidence.evaluated, "audit 'fairness'")
        study = Study(evidence=evidence, tables=tables_of(evidence), options=self.options)
        _refuse_unknown_names(study)
        found = PartialResult()
        for measure_part in PARTS:
            found += measure_part(study)
        calibration.add_calibration_table(found, study)
        # after all parts, because the adjustment is for the number of all tests
        found.measurements += adjust_p_values(found.measurements)
        if self.options.cross_check and evidence.predictions and study.tables.has_targets:
            found.measurements += fairlearn_check.measure(evidence.evaluated, study)
        found.notes += [f"{n:,} rows are excluded: {reason}." for reason, n in study.tables.left_out.items() if n]
        return AuditResult(
            name="fairness",
            family="fairness",
            parameters=self.parameters,
            measurements=found.measurements,
            tables=found.tables,
            figures=found.figures,
            notes=found.notes,
        )


def _refuse_unknown_names(study: Study) -> None:
    levels = {attribute.name: attribute.levels for attribute in study.tables.attributes}
    named = [("sex", study.options.sex), ("race", study.options.race)]
    named += [("reference", name) for name in study.options.reference]
    for option, name in named:
        if name is not None and name not in levels:
            raise UserError(
                "audit 'fairness'",
                f"{option} names the attribute '{name}'; available: {', '.join(levels) or 'none'}.",
            )
    for name, level in study.options.reference.items():
        if level not in levels[name]:
            raise UserError(
                "audit 'fairness'",
                f"reference names the level '{level}' of {name}; available: {', '.join(levels[name])}.",
            )
