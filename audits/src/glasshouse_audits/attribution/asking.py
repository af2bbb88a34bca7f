"""Ask each explainer of an audit, and keep the reasons of those that cannot answer."""

from __future__ import annotations

from collections.abc import Sequence

from glasshouse import Evidence, NotExplainableError, UserError
from glasshouse.config import Choice

from glasshouse_audits.attribution.own_class import Answer, explain_own
from glasshouse_audits.attribution.sampling import Sample
from glasshouse_audits.explain.registered import find_method, why_not


def answers(
    choices: Sequence[Choice], evidence: Evidence, sample: Sample, *, audit: str
) -> tuple[list[Answer], list[str]]:
    """What every method says of the sample, in the order asked for, and notes on those that say nothing.

    Raises:
        UserError: if no method answers.
    """
    found, notes = [], []
    for choice in choices:
        method = find_method(choice)
        problem = why_not(method.plugin, evidence)
        if problem is None:
            try:
                found.append(explain_own(method, sample.question, sample.own))
                notes.append(f"{method.title}: {found[-1].details} {found[-1].evaluations:,} evaluations.")
                continue
            except NotExplainableError as error:
                problem = str(error)
        notes.append(f"{method.title} left out: {problem.rstrip('.')}.")
    if not found:
        raise UserError(f"audit '{audit}'", "no method could explain the model. " + " ".join(notes))
    return found, notes
