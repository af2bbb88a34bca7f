"""The `feature_attribution` audit: explanations of a sample of rows, summaries of them, and checks of their quality."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from glasshouse import AuditResult, Evidence, Figure, Measurement, Table
from numpy.typing import NDArray

from glasshouse_audits.explain.explainers import MethodExplanation, parse_methods
from glasshouse_audits.explain.features import figures, measurements
from glasshouse_audits.explain.features.importance import levels
from glasshouse_audits.explain.features.measurements import Attributions
from glasshouse_audits.explain.features.method_selection import explain
from glasshouse_audits.explain.features.sample import ExplainedSample, draw_sample
from glasshouse_audits.option_checks import fraction, true_or_false, whole_number

if TYPE_CHECKING:
    from glasshouse_audits.explain.checks.check_result import CheckResult

_NAME = "feature_attribution"
_WHO = f"audit '{_NAME}'"
# Rows that the shap library also explains, and its permutations if exact values would take too long.
_COMPARED_ROWS = 3
_PERMUTATIONS = 64


class FeatureAttributionAudit:
    """Which features move the model's output, for which groups, and how reliable the explanation is.

    Explained is the probability of the favourable class (without one: of the classes predicted most often), or the
    predicted value. The columns that encode one feature are explained as one feature.

    Args:
        methods: explainers by name (`glasshouse plugins list`), each alone or as a mapping of `name` and its options;
            auto uses Shapley values and the cheapest gradient method whose attributions add up. The first method is
            reported by row and by group, the others by feature.
        rows: number of rows to explain, drawn with the run's seed.
        background: number of training rows that represent "the feature is unknown"; methods with a single baseline
            start at their mean.
        budget: most model evaluations for each explained row; by default 500,000, and fewer if all rows together
            would take more than 10^12 floating-point operations. With so many features that two random orders of
            them take more, fewer rows and background rows are explained, at least 10 of each.
        tolerance: sampling of a row's Shapley values stops when their standard error is at most this fraction of
            their size.
        completeness: largest accepted completeness error: a method that promises values which add up is replaced by
            the next method if the worst row misses the change of its output by more than this fraction.
        max_batch: most inputs evaluated or differentiated at once; by default 8,192 on a CPU and 262,144 on an
            accelerator, halved when the accelerator runs out of memory.
        local: number of rows shown one by one, from the lowest to the highest score, identified by their index only.
        checks: whether to check the explanations: faithfulness, sensitivity, stability, agreement, random weights.
        cross_check: whether the shap library also explains a few of the rows, to record how far its Shapley values
            are from ours.
    """

    def __init__(
        self,
        *,
        methods: str | list[Any] = "auto",
        rows: int = 200,
        background: int = 100,
        budget: int | None = None,
        tolerance: float = 0.05,
        completeness: float = 0.05,
        max_batch: int | None = None,
        local: int = 3,
        checks: bool = True,
        cross_check: bool = True,
    ) -> None:
        self.methods = methods
        self.rows = whole_number(_WHO, "rows", rows, minimum=1)
        self.background = whole_number(_WHO, "background", background, minimum=1)
        self.budget = None if budget is None else whole_number(_WHO, "budget", budget, minimum=1)
        self.tolerance = fraction(_WHO, "tolerance", tolerance)
        self.completeness = fraction(_WHO, "completeness", completeness)
        self.max_batch = None if max_batch is None else whole_number(_WHO, "max_batch", max_batch, minimum=2)
        self.local = whole_number(_WHO, "local", local, minimum=0)
        self.checks = true_or_false(_WHO, "checks", checks)
        self.cross_check = true_or_false(_WHO, "cross_check", cross_check)
        self._options = vars(self).copy()
        self._choices = None if methods == "auto" else parse_methods(_NAME, methods)

    def measure(self, evidence: Evidence) -> AuditResult:
        """Explain a sample of the evaluated split.

        Raises:
            UserError: if an encoded column belongs to no feature, inputs or outputs are not finite, or no method can
                explain the model.
        """
        sample = draw_sample(
            evidence,
            rows=self.rows,
            background=self.background,
            budget=self.budget,
            tolerance=self.tolerance,
            max_batch=self.max_batch,
        )
        question, split = sample.question, evidence.evaluate_on
        explained, notes = explain(self._choices, evidence, question, sample.scores, most_error=self.completeness)
        all_outputs = [one for each in explained for one in measurements.by_output(each, sample.scores, sample.labels)]
        used = [one for one in all_outputs if one.used]
        names = [feature.name for feature in evidence.info.features]
        found = [m for one in all_outputs for m in measurements.completeness(one, split)]
        found += self._sampling_tolerance(explained, sample, split)
        found += self._difference_from_shap(explained, sample, split)
        found += [m for one in used for m in measurements.importance(one, names, split)]
        tables, drawn, by_group = _report(used, sample, evidence, names, rows=self.local)
        checked = self._run_checks([each for each in explained if not each.failed], sample, split)
        return AuditResult(
            name=_NAME,
            family="explainability",
            parameters={**self._options, "budget": question.budget},
            measurements=[*found, *by_group, *checked.measurements],
            tables=[*tables, *checked.tables],
            figures=[*drawn, *checked.figures],
            notes=[
                f"Explained: {len(question.rows)} of {len(evidence.evaluated)} rows of the {split} split, drawn with "
                f"seed {evidence.seed}, against {len(question.background)} rows of the {sample.reference_split} split.",
                *(
                    f"{each.title}: {each.explanation.details} {each.explanation.evaluations:,} evaluations."
                    for each in explained
                ),
                *notes,
                *checked.notes,
            ],
        )

    def _sampling_tolerance(
        self, explained: Sequence[MethodExplanation], sample: ExplainedSample, split: str
    ) -> list[Measurement]:
        """The requested tolerance, which a policy can compare with the sampling error."""
        if all(each.explanation.standard_error is None for each in explained):
            return []
        return [
            Measurement(name="sampling_tolerance", value=self.tolerance, output=label, split=split)
            for label in sample.labels
        ]

    def _difference_from_shap(
        self, explained: Sequence[MethodExplanation], sample: ExplainedSample, split: str
    ) -> list[Measurement]:
        """The largest difference between our Shapley values and the shap library's in a few rows, in output units."""
        ours = next((each for each in explained if each.name == "shapley"), None)
        if ours is None or not self.cross_check:
            return []
        import torch

        from glasshouse_audits.explain.features.shap_comparison import CoalitionGame, shapley_values

        question = sample.question
        assert question.owner is not None

        def score(x: NDArray[np.float32]) -> NDArray[np.float64]:
            return question.scores(torch.from_numpy(x))

        rows, background = question.rows[:_COMPARED_ROWS].numpy(), question.background.numpy()
        theirs = shapley_values(
            CoalitionGame(score, rows, background, question.owner), permutations=_PERMUTATIONS, seed=question.seed
        )
        distances = np.abs(ours.explanation.values[:_COMPARED_ROWS] - theirs.values)
        return [
            Measurement(
                name="shap_largest_difference",
                value=float(distances[:, :, k].max()),
                n=len(distances),
                output=label,
                split=split,
                parameters={"shap_algorithm": theirs.algorithm},
            )
            for k, label in enumerate(sample.labels)
        ]

    def _run_checks(self, explained: list[MethodExplanation], sample: ExplainedSample, split: str) -> CheckResult:
        """All checks; with `checks: false` the sampling error alone, which costs nothing."""
        from glasshouse_audits.explain.checks.check_result import CheckContext
        from glasshouse_audits.explain.checks.sampling_error import sampling_error
        from glasshouse_audits.explain.checks.suite import run_checks

        question, labels, seed = sample.question, tuple(sample.labels), sample.question.seed
        if not self.checks:
            context = CheckContext(question=question, labels=labels, split=split, seed=seed)
            return sampling_error(explained, context)
        return run_checks(explained, question, split=split, labels=labels, seed=seed)


def _report(
    used: Sequence[Attributions], sample: ExplainedSample, evidence: Evidence, names: list[str], *, rows: int
) -> tuple[list[Table], list[Figure], list[Measurement]]:
    """Tables and figures of each output; by row and by group for the first method, with the measurements by group."""
    ordered = np.array([len(feature.columns) == 1 for feature in evidence.info.features])
    assert sample.question.owner is not None
    thirds = levels(sample.question.rows.numpy(), sample.question.owner, ordered)
    groups = sample.groups(evidence)
    tables: list[Table] = []
    drawn: list[Figure] = []
    by_group: list[Measurement] = []
    for label in sample.labels:
        of_output = [one for one in used if one.output == label]
        if not of_output:
            continue
        tables.append(figures.table_of_features(of_output, names))
        drawn += [figures.figure_of_features(one, names) for one in of_output]
        drawn += [figures.beeswarm(one, names, thirds) for one in of_output]
        first = of_output[0]
        by_group += measurements.by_group(first, names, groups, evidence.evaluate_on)
        for item in figures.by_group(first, names, groups):
            if isinstance(item, Table):
                tables.append(item)
            else:
                drawn.append(item)
        drawn += _row_figures(first, sample, evidence, names, most=rows if len(sample.labels) == 1 else min(rows, 1))
    return tables, drawn, by_group


def _row_figures(
    one: Attributions, sample: ExplainedSample, evidence: Evidence, names: list[str], *, most: int
) -> list[Figure]:
    scores = sample.scores[:, sample.labels.index(one.output)]
    chosen = figures.example_rows(scores, most) if most != 1 else [int(scores.argmax())]
    features, encoded = evidence.info.features, sample.question.rows
    return [
        figures.figure_of_row(
            one,
            row,
            index=int(evidence.evaluated.index[sample.positions[row]]),
            score=float(scores[row]),
            split=evidence.evaluate_on,
            labels=figures.names_with_values(features, encoded[row].numpy()) if evidence.show_examples else names,
        )
        for row in chosen
    ]
