"""Which methods explain: the configured ones, or those that suit the model; and replacements for a failed method."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from glasshouse import Evidence, NotExplainableError, Question, UserError
from glasshouse.config import Choice
from numpy.typing import NDArray

from glasshouse_audits.explain.explainers import Method, MethodExplanation, find_method, is_installed, unmet_requirement
from glasshouse_audits.explain.features.measurements import worst_completeness_error

# The cost of Shapley values follows from budget and tolerance. DeepLIFT takes two passes for each row, integrated
# gradients 64 to 1024; both have the same baseline and promise completeness, which DeepLIFT reaches only if it has a
# rule for every module.
_AUTOMATIC = ("shapley", "deep_lift")
_RESERVES = ("integrated_gradients", "shapley")


def explain(
    choices: Sequence[Choice] | None,
    evidence: Evidence,
    question: Question,
    scores: NDArray[np.float64],
    *,
    most_error: float,
) -> tuple[list[MethodExplanation], list[str]]:
    """Every method's explanation, in the configured order, and notes on methods that could not explain or failed.

    An explanation fails if it promises completeness and the completeness error of the worst row exceeds `most_error`.
    Integrated gradients, then Shapley values, replace a method that fails or cannot explain.

    Args:
        choices: the methods; None selects by model: Shapley values, and the cheapest gradient method that is complete.
        evidence: of the audit.
        question: what to explain.
        scores: (n, k) explained scores of the question's rows.
        most_error: largest accepted completeness error.

    Raises:
        UserError: if no method can explain the model.
    """
    pending = [Choice(name) for name in _AUTOMATIC if is_installed(name)] if choices is None else list(choices)
    reserves = [name for name in _RESERVES if is_installed(name) and name not in {choice.name for choice in pending}]
    found: list[MethodExplanation] = []
    notes: list[str] = []
    while pending:
        method = find_method(pending.pop(0))
        problem = unmet_requirement(method.plugin, evidence)
        if problem is None:
            try:
                found.append(_explain_with(method, question, scores, most_error))
                problem = _completeness_problem(found[-1], most_error)
            except NotExplainableError as error:
                problem = str(error)
        if problem is None:
            continue
        note = f"{method.title} not used: {problem}."
        reserve = next(
            (name for name in reserves if unmet_requirement(find_method(Choice(name)).plugin, evidence) is None), None
        )
        if reserve is not None:
            reserves.remove(reserve)
            pending.append(Choice(reserve))
            note += f" Replaced by {find_method(Choice(reserve)).title}."
        notes.append(note)
    if not found:
        raise UserError("audit 'feature_attribution'", "no method could explain the model. " + " ".join(notes))
    return found, notes


def _explain_with(
    method: Method, question: Question, scores: NDArray[np.float64], most_error: float
) -> MethodExplanation:
    started = time.perf_counter()
    explanation = method.explain(question.for_one_explainer())
    explained = MethodExplanation(
        name=method.name,
        title=method.title,
        explain=method.explain,
        explanation=explanation,
        seconds=time.perf_counter() - started,
        error=worst_completeness_error(explanation, scores),
    )
    promised = explanation.completeness == "promised"
    return replace(explained, failed=promised and explained.error is not None and explained.error > most_error)


def _completeness_problem(explained: MethodExplanation, most_error: float) -> str | None:
    if not explained.failed:
        return None
    suspects = explained.explanation.suspects
    why = f"; it has no rule for {', '.join(suspects)}" if suspects else ""
    return (
        f"its values do not add up to the change of the output: the worst row misses it by {explained.error:.0%} "
        f"(at most {most_error:.0%} is accepted){why}"
    )
