"""The `fairness` audit: from tables of predictions to rates by group and the gaps between groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from glasshouse import AuditResult, Evidence, UserError
from glasshouse.evidence import tables_of

from glasshouse_audits.fairness.groups import calibration, classification, inequality, power, regression, scores
from glasshouse_audits.fairness.groups import fairlearn_check as crosscheck
from glasshouse_audits.fairness.groups import local_law_144 as ll144
from glasshouse_audits.fairness.groups.p_values import adjusted
from glasshouse_audits.fairness.groups.study import Measured, Options, Study
from glasshouse_audits.fairness.input_checks import refuse_non_finite
from glasshouse_audits.option_checks import switch, whole_number

PARTS: tuple[Callable[[Study], Measured], ...] = (
    classification.measure,
    regression.measure,
    power.measure,
    ll144.measure,
    scores.measure,
    calibration.measure,
    inequality.measure,
)
"""What is measured, in the order of the report."""


class FairnessAudit:
    """How the model treats the groups of each sensitive attribute, and those where attributes meet.

    Args:
        intersections: whether to look at every pair of attributes as well; or a list of lists of attributes to look at
            together, e.g. ``[[sex, race, age_group]]``.
        reference: level that the others of an attribute are compared with, e.g. ``{sex: Male}``; none by default.
        pair_intervals: intervals of differences between two groups: ``score`` (Miettinen and Nurminen's), or
            ``bootstrap``.
        gap: the gap whose discovery the power statement is about.
        top: how many positions of the ranking by score to look at, for exposure.
        sex: attribute of sex for the tables of Local Law 144; known by its name if left out.
        race: attribute of race/ethnicity for them; known by its name if left out.
        exclude_under_2_percent: why categories under 2 % are to be left out of the impact ratios of Local Law 144; they
            stay if no justification is given.
        cross_check: whether to compute the same metrics with fairlearn and record the largest difference.
        replicates: bootstrap replicates where intervals come from resampling.
        permutations: random groupings for the p-values of gaps.
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
        self.options = Options(
            intersections=_intersections(intersections),
            reference=_levels(reference),
            pair_intervals=_one_of("pair_intervals", pair_intervals, ("score", "bootstrap")),
            gap=_share("gap", gap),
            top=tuple(whole_number("fairness", "top", k, least=1) for k in _listed("top", top)),
            sex=_text("sex", sex),
            race=_text("race", race),
            exclude_under_2_percent=_text("exclude_under_2_percent", exclude_under_2_percent),
            cross_check=switch("fairness", "cross_check", cross_check),
            replicates=whole_number("fairness", "replicates", replicates, least=100),
            permutations=whole_number("fairness", "permutations", permutations, least=99),
        )

    def measure(self, evidence: Evidence) -> AuditResult:
        """Measure the evaluated split.

        Raises:
            UserError: if scores are not finite, or an option names an attribute or level that there is not.
        """
        if evidence.predictions:
            refuse_non_finite(evidence.evaluated, "fairness")
        study = Study(evidence=evidence, tables=tables_of(evidence), options=self.options)
        _refuse_unknown_names(study)
        found = Measured()
        for part in PARTS:
            found += part(study)
        calibration.show(found, study)
        found.measurements += adjusted(found.measurements)
        if self.options.cross_check and evidence.predictions and study.tables.has_targets:
            found.measurements += crosscheck.measure(evidence.evaluated, study)
        found.notes += [f"{count:,} rows left out: {why}." for why, count in study.tables.left_out.items() if count]
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
    asked = [("sex", study.options.sex), ("race", study.options.race)]
    asked += [("reference", name) for name in study.options.reference]
    for option, name in asked:
        if name is not None and name not in levels:
            raise UserError(
                "audit 'fairness'", f"{option} names the attribute '{name}'; there are {', '.join(levels) or 'none'}."
            )
    for name, level in study.options.reference.items():
        if level not in levels[name]:
            raise UserError(
                "audit 'fairness'",
                f"reference names the level '{level}' of {name}; there are {', '.join(levels[name])}.",
            )


def _intersections(value: Any) -> bool | tuple[tuple[str, ...], ...]:
    if isinstance(value, bool):
        return value
    whole = isinstance(value, Sequence) and not isinstance(value, str)
    if whole and all(
        isinstance(names, Sequence)
        and not isinstance(names, str)
        and len(names) > 1
        and len(set(names)) == len(names)
        and all(isinstance(name, str) for name in names)
        for names in value
    ):
        return tuple(tuple(names) for names in value)
    raise UserError(
        "audit 'fairness'",
        f"intersections is {value!r}; expected true or false, or lists of two or more different attributes.",
        "For example [[sex, race]].",
    )


def _levels(value: Any) -> dict[str, str]:
    if value is None:
        return {}
    if isinstance(value, Mapping) and all(isinstance(k, str) and isinstance(v, str) for k, v in value.items()):
        return dict(value)
    raise UserError("audit 'fairness'", f"reference is {value!r}; expected a level for each attribute, e.g. sex: Male.")


def _one_of(name: str, value: Any, known: tuple[str, ...]) -> str:
    if value in known:
        return str(value)
    raise UserError("audit 'fairness'", f"{name} is {value!r}; expected {' or '.join(known)}.")


def _share(name: str, value: Any) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 1:
        return float(value)
    raise UserError("audit 'fairness'", f"{name} is {value!r}; expected a number above 0 and below 1.")


def _listed(name: str, value: Any) -> Sequence[Any]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return value
    raise UserError("audit 'fairness'", f"{name} is {value!r}; expected a list.")


def _text(name: str, value: Any) -> str | None:
    if value is None or (isinstance(value, str) and value.strip()):
        return value
    raise UserError("audit 'fairness'", f"{name} is {value!r}; expected text.")
