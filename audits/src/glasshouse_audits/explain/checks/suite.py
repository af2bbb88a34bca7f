"""Checks of explanations: numbers by which to trust them or not, whatever method they came from.

Faithfulness to the model (deletion and insertion curves, infidelity), stability (seeds, backgrounds, neighbouring
rows), agreement between methods, dependence on the model's weights, and sampling error. No threshold is accepted for
any of them, so they are told and not judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from glasshouse import Question

from glasshouse_audits.explain.checks.agreement import agreement
from glasshouse_audits.explain.checks.check_result import CheckContext, CheckResult, explain_again
from glasshouse_audits.explain.checks.curves_report import curves_report
from glasshouse_audits.explain.checks.infidelity_report import infidelity_report
from glasshouse_audits.explain.checks.replacement import FeatureReplacement
from glasshouse_audits.explain.checks.sampling_error import sampling_error
from glasshouse_audits.explain.checks.sanity import sanity
from glasshouse_audits.explain.checks.stability import sensitivity, stability
from glasshouse_audits.explain.explainers import MethodExplanation
from glasshouse_audits.explain.question import two_permutations

# More rows would make the intervals of faithfulness narrower than anybody needs.
_MOST_ROWS = 500
# Rows that are explained again, background rows and evaluations where that is done many times.
_ROWS = 20
_BACKGROUND = 20
_BUDGET = 10_000
# What part of the budget of one explanation goes into one of these.
_PART = 50


def run_checks(
    explained: Sequence[MethodExplanation],
    question: Question,
    *,
    split: str,
    labels: Sequence[str | None],
    seed: int = 0,
) -> CheckResult:
    """Check explanations of one question by several methods.

    The model is left as it came, its weights included.

    Args:
        explained: what the methods answered to `question`; those that failed are better left out.
        question: what they were asked.
        split: which split the rows are of.
        labels: the names of the outputs that were asked about; None for that of a regression.
        seed: of all that is drawn. Rows get their draws by what they are, so their order changes nothing.
    """
    if not explained:
        return CheckResult()
    context = CheckContext(question=question, labels=tuple(labels), split=split, seed=seed)
    many, rows = context.rows(_MOST_ROWS), context.rows(_ROWS)
    replacement = FeatureReplacement.of(context.question_for(many))
    every = -(-len(question.background) // _BACKGROUND)
    small = replace(context.question_for(rows), background=question.background[::every])
    enough = max(question.budget // _PART, two_permutations(small))
    small = replace(small, budget=min(question.budget, enough, _BUDGET))
    with_originals = [(one, explain_again(one, small)) for one in explained]
    notes = (
        "No threshold is accepted for any of the checks of explanations: they are told and not judged."
        + (" Their pictures show the first output, their tables all." if len(context.labels) > 1 else ""),
        f"Explanations are asked for again on {len(rows)} rows; where the rows or the model's weights change, against "
        f"{len(small.background)} background rows and with at most {small.budget:,} evaluations a row.",
    )
    parts = [
        sampling_error(explained, context),
        curves_report(explained, context, replacement, many),
        infidelity_report(explained, context, replacement, many),
        agreement(explained, context),
        stability(explained, context, rows),
        sensitivity(with_originals, context, small),
        sanity(with_originals, context, small),
    ]
    return sum(parts, CheckResult(notes=notes))
