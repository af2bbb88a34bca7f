"""All checks of explanations, for any method.

Faithfulness to the model (deletion and insertion curves, infidelity), stability (seeds, backgrounds, neighbouring
rows), agreement between methods, dependence on the model's weights, and sampling error. There is no accepted threshold
for any of them, so they are reported without a verdict.
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

# More rows would make the intervals of faithfulness narrower than necessary.
_MOST_ROWS = 500
# Rows, background rows and evaluations for checks that explain again many times.
_ROWS = 20
_BACKGROUND = 20
_BUDGET = 10_000
# The budget of one of these explanations is this fraction of the original one.
_PART = 50


def run_checks(
    explained: Sequence[MethodExplanation],
    question: Question,
    *,
    split: str,
    labels: Sequence[str | None],
    seed: int = 0,
) -> CheckResult:
    """Check the explanations of one question by several methods.

    The model's weights and state are restored.

    Args:
        explained: the methods' explanations of `question`, without failed ones.
        question: what was explained.
        split: the split of the rows.
        labels: names of the explained outputs; None for a regression.
        seed: of all random draws, which depend on the content of rows and not on their order.
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
        "There is no accepted threshold for the checks of explanations, so they are reported without a verdict."
        + (" Their figures show the first output, their tables all." if len(context.labels) > 1 else ""),
        f"For the checks {len(rows)} rows are explained again; if the rows or the model's weights change, against "
        f"{len(small.background)} background rows and with at most {small.budget:,} evaluations per row.",
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
