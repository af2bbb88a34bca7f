"""The `feature_attribution` audit: from evidence to explanations, what they say, and whether they can be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from glasshouse import AuditResult, Evidence, Figure, Groups, Measurement, Question, Table, UserError
from numpy.typing import NDArray

from glasshouse_audits.explain.explainers import Explained, parse_methods
from glasshouse_audits.explain.features import figures as drawings
from glasshouse_audits.explain.features import measurements as summaries
from glasshouse_audits.explain.features.importance import levels
from glasshouse_audits.explain.features.measurements import Attributions
from glasshouse_audits.explain.features.method_selection import explain
from glasshouse_audits.explain.question import MOST, evaluations, explained_outputs, feature_of_column
from glasshouse_audits.option_checks import fraction, true_or_false, whole_number

if TYPE_CHECKING:
    from torch import Tensor

    from glasshouse_audits.explain.checks.check_result import Checked

_NAME = "feature_attribution"
_WHO = "audit 'feature_attribution'"
# Rows that the shap library explains too, and the random orders it may take where exact values would take too long.
_CHECKED = 3
_ORDERS = 64
# A processor's cache holds few inputs; an accelerator needs many to be busy.
_CPU_BATCH = 8192
_ACCELERATOR_BATCH = 2**18


@dataclass(frozen=True, kw_only=True, eq=False)
class _Sample:
    """What is explained: the question, positions of its rows in the judged split, their scores and the outputs."""

    question: Question
    positions: NDArray[np.intp]
    scores: NDArray[np.float64]
    labels: list[str | None]
    reference_split: str


class FeatureAttributionAudit:
    """Which features move the model's output on the evaluated split and for whom, and whether explanations hold.

    What is explained is the probability of the favourable class (without one: of the most often predicted classes),
    or the predicted value. Columns that encode one feature are explained as one.

    Args:
        methods: explainers by name (`glasshouse plugins list`), each alone or as a mapping of `name` and its options;
            auto takes Shapley values and the cheapest method of gradients that keeps its promise. The first is told
            in full, by row and by group; the others by the features that matter.
        rows: how many rows to explain, drawn under the run's seed.
        background: how many training rows stand for "the feature is not known"; methods with one baseline start at
            their mean.
        budget: model evaluations for each explained row at most; by default 500,000, and fewer where those of all rows
            would take more than 10^12 floating-point operations.
        tolerance: sampling of Shapley values stops for a row once their standard error is this share of their size.
        completeness: a method that promises values which add up is set aside where the worst row misses by more than
            this share of the change of its output, and the next method is used.
        max_batch: inputs that are evaluated or differentiated at once at most; by default 8,192 on a processor and
            262,144 elsewhere. Halved where an accelerator's memory runs out.
        local: how many rows to tell one by one, from the lowest to the highest score, known by their index alone.
        checks: whether explanations are tested: faithfulness, sensitivity, stability, agreement, random weights.
        cross_check: whether the shap library explains a few of the rows as well, so that the record shows how far
            our Shapley values and its are apart.
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
        sample = self._sample(evidence)
        question, split = sample.question, evidence.evaluate_on
        explained, notes = explain(self._choices, evidence, question, sample.scores, most_error=self.completeness)
        found = [one for each in explained for one in summaries.by_output(each, sample.scores, sample.labels)]
        told = [one for one in found if one.used]
        names = [feature.name for feature in evidence.info.features]
        result = AuditResult(
            name=_NAME,
            family="explainability",
            parameters={**self._options, "budget": question.budget},
            measurements=[
                *(m for one in found for m in summaries.completeness(one, split)),
                *self._limits(explained, sample, split),
                *self._distance_from_library(explained, sample, split),
                *(m for one in told for m in summaries.importance(one, names, split)),
            ],
            notes=[
                f"Explained: {len(question.rows)} of {len(evidence.evaluated)} rows of the {split} split, drawn with "
                f"seed {evidence.seed}, against {len(question.background)} rows of the {sample.reference_split} split.",
                *(
                    f"{each.title}: {each.explanation.details} {each.explanation.evaluations:,} evaluations."
                    for each in explained
                ),
                *notes,
            ],
        )
        result = _tell(result, told, sample, evidence, names, rows=self.local)
        checked = self._checked([each for each in explained if not each.failed], sample, split)
        return replace(
            result,
            measurements=[*result.measurements, *checked.measurements],
            tables=[*result.tables, *checked.tables],
            figures=[*result.figures, *checked.figures],
            notes=[*result.notes, *checked.notes],
        )

    def _sample(self, evidence: Evidence) -> _Sample:
        """Rows to explain, background rows, and the split that the latter come from; float32 on the CPU."""
        assert evidence.inputs is not None
        assert evidence.model is not None
        rng = np.random.default_rng(evidence.seed)
        trained = "train" in evidence.predictions or evidence.info.rows.get("train", 0) > 0
        reference = "train" if trained else evidence.evaluate_on
        drawn: list[tuple[NDArray[np.intp], Tensor]] = []
        for split, wanted in ((evidence.evaluate_on, self.rows), (reference, self.background)):
            x = evidence.inputs(split)
            chosen = np.sort(rng.choice(len(x), size=min(wanted, len(x)), replace=False))
            drawn.append((chosen, x[chosen].float().cpu()))
            if not drawn[-1][1].isfinite().all():
                raise UserError(
                    _WHO,
                    f"expected finite inputs; the encoded {split} split holds NaN or infinite values.",
                    "Fill missing values in the data.",
                )
        (positions, rows), (_, background) = drawn
        outputs = explained_outputs(evidence)
        question = Question(
            model=evidence.model,
            rows=rows,
            background=background,
            outputs=tuple(position for position, _ in outputs),
            owner=feature_of_column(evidence.info.features, rows.shape[1]),
            seed=evidence.seed,
            budget=self.budget or MOST,
            tolerance=self.tolerance,
            max_batch=self.max_batch or (_CPU_BATCH if evidence.model.device.type == "cpu" else _ACCELERATOR_BATCH),
        )
        if self.budget is None:
            question = replace(question, budget=evaluations(question))
        scores = question.scores(rows)
        if not np.isfinite(scores).all():
            raise UserError(
                _WHO,
                "expected finite model outputs; some explained rows have NaN or infinite ones.",
                "Look at the training: has its loss diverged?",
            )
        return _Sample(
            question=question,
            positions=positions,
            scores=scores,
            labels=[label for _, label in outputs],
            reference_split=reference,
        )

    def _limits(self, explained: Sequence[Explained], sample: _Sample, split: str) -> list[Measurement]:
        """The tolerance that was asked for, beside which a policy can hold the sampling error that was reached."""
        if all(each.explanation.standard_error is None for each in explained):
            return []
        return [
            Measurement(name="sampling_tolerance", value=self.tolerance, output=label, split=split)
            for label in sample.labels
        ]

    def _distance_from_library(self, explained: Sequence[Explained], sample: _Sample, split: str) -> list[Measurement]:
        """The largest difference of our Shapley values from the shap library's in a few rows, in output units."""
        ours = next((each for each in explained if each.name == "shapley"), None)
        if ours is None or not self.cross_check:
            return []
        import torch

        from glasshouse_audits.explain.features.shap_comparison import CoalitionGame, shapley_values

        question = sample.question
        assert question.owner is not None

        def score(x: NDArray[np.float32]) -> NDArray[np.float64]:
            return question.scores(torch.from_numpy(x))

        rows, background = question.rows[:_CHECKED].numpy(), question.background.numpy()
        theirs = shapley_values(
            CoalitionGame(score, rows, background, question.owner), permutations=_ORDERS, seed=question.seed
        )
        distances = np.abs(ours.explanation.values[:_CHECKED] - theirs.values)
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

    def _checked(self, explained: list[Explained], sample: _Sample, split: str) -> Checked:
        """All checks, or the error of sampling alone, which costs nothing."""
        from glasshouse_audits.explain.checks.check_result import Asked
        from glasshouse_audits.explain.checks.sampling_error import sampling
        from glasshouse_audits.explain.checks.suite import checks

        question, labels, seed = sample.question, tuple(sample.labels), sample.question.seed
        if not self.checks:
            return sampling(explained, Asked(question=question, labels=labels, split=split, seed=seed))
        return checks(explained, question, split=split, labels=labels, seed=seed)


def _tell(
    result: AuditResult,
    told: Sequence[Attributions],
    sample: _Sample,
    evidence: Evidence,
    names: list[str],
    *,
    rows: int,
) -> AuditResult:
    """The result with tables and figures; the first method's by row and by group as well."""
    ordered = np.array([len(feature.columns) == 1 for feature in evidence.info.features])
    assert sample.question.owner is not None
    thirds = levels(sample.question.rows.numpy(), sample.question.owner, ordered)
    groups = _groups(evidence, sample.positions)
    measurements: list[Measurement] = list(result.measurements)
    tables: list[Table] = []
    figures: list[Figure] = []
    for label in sample.labels:
        alike = [one for one in told if one.output == label]
        if not alike:
            continue
        tables.append(drawings.table_of_features(alike, names))
        figures += [drawings.figure_of_features(one, names) for one in alike]
        figures += [drawings.beeswarm(one, names, thirds) for one in alike]
        first = alike[0]
        measurements += summaries.by_group(first, names, groups, evidence.evaluate_on)
        for drawn in drawings.by_group(first, names, groups):
            if isinstance(drawn, Table):
                tables.append(drawn)
            else:
                figures.append(drawn)
        figures += _rows_told(first, sample, evidence, names, most=rows if len(sample.labels) == 1 else min(rows, 1))
    return replace(result, measurements=measurements, tables=tables, figures=figures)


def _rows_told(one: Attributions, sample: _Sample, evidence: Evidence, names: list[str], *, most: int) -> list[Figure]:
    scores = sample.scores[:, sample.labels.index(one.output)]
    chosen = drawings.rows_to_tell(scores, most) if most != 1 else [int(scores.argmax())]
    return [
        drawings.figure_of_row(
            one,
            row,
            index=int(evidence.evaluated.index[sample.positions[row]]),
            score=float(scores[row]),
            split=evidence.evaluate_on,
            labels=drawings.names_with_values(evidence.info.features, sample.question.rows[row].numpy())
            if evidence.show_examples
            else names,
        )
        for row in chosen
    ]


def _groups(evidence: Evidence, positions: NDArray[np.intp]) -> Mapping[str, Groups]:
    """The sensitive attributes of the explained rows."""
    return {name: replace(groups, codes=groups.codes[positions]) for name, groups in evidence.evaluated.groups.items()}
