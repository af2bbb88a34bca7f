"""Attributions of each row's predicted score: rows with the same predicted class are explained together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from glasshouse import Evidence, NotExplainableError, Predictions, Question, UserError
from glasshouse.config import Choice
from numpy.typing import NDArray

from glasshouse_audits.explain.completeness import completeness_errors, resolved
from glasshouse_audits.explain.explainers import Method, find_method, unmet_requirement

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class PredictedAttributions:
    """One method's attributions (n, ...) of each row's predicted score, of the shape of the rows.

    `change` (n,) is the score minus the base, to which the attributions should add up; None if the method does not
    promise completeness.
    """

    method: Method
    values: Floats
    change: Floats | None
    evaluations: int
    details: str

    def errors(self, rows: slice) -> Floats | None:
        """Relative completeness errors of some rows; None without a promise, or if no output changes."""
        return None if self.change is None else completeness_errors(self.values[rows], self.change[rows])


def predicted_outputs(predictions: Predictions) -> NDArray[np.intp]:
    """(n,) number of each row's predicted output: its most probable class, or the only output of a regression."""
    if predictions.target.kind == "regression":
        return np.zeros(len(predictions), dtype=np.intp)
    return predictions.predicted.astype(np.intp)


def predicted_scores(question: Question, predicted: NDArray[np.intp]) -> Callable[..., Floats]:
    """A function from inputs, one for each row of `question`, to the scores (n,) of the rows' predicted outputs."""
    outputs = tuple(range(question.model.info.target.num_outputs))
    everything = replace(question, outputs=outputs)
    return lambda x: everything.scores(x)[np.arange(len(predicted)), predicted]


def explain_predicted(method: Method, question: Question, predicted: NDArray[np.intp]) -> PredictedAttributions:
    """Explain every row's predicted score by one method.

    Raises:
        NotExplainableError: if the method cannot explain the model.
        UserError: if its explanation is not what `Explanation` specifies.
    """
    values = np.zeros(tuple(question.rows.shape))
    base = np.zeros(len(predicted))
    complete, evaluations, details = True, 0, []
    for output in np.unique(predicted):
        rows = np.flatnonzero(predicted == output)
        part = replace(question, rows=question.rows[rows], outputs=(int(output),))
        found = method.explain(part.for_one_explainer())
        values[rows] = found.values[..., 0]
        complete &= found.completeness is not None and found.base is not None
        if found.base is not None:
            base[rows] = found.base[:, 0]
        evaluations += found.evaluations
        details.append(found.details)
    scores = predicted_scores(question, predicted)(question.rows)
    return PredictedAttributions(
        method=method,
        values=values,
        change=resolved(scores - base, scores) if complete else None,
        evaluations=evaluations,
        details=max(details, key=len, default=""),
    )


def explain_with_all(
    choices: Sequence[Choice], evidence: Evidence, question: Question, predicted: NDArray[np.intp], *, audit: str
) -> tuple[list[PredictedAttributions], list[str]]:
    """Every method's attributions, in the configured order, and notes on methods that cannot explain the model.

    Raises:
        UserError: if no method can explain the model.
    """
    found, notes = [], []
    for choice in choices:
        method = find_method(choice)
        problem = unmet_requirement(method.plugin, evidence)
        if problem is None:
            try:
                found.append(explain_predicted(method, question, predicted))
                notes.append(f"{method.title}: {found[-1].details} {found[-1].evaluations:,} evaluations.")
                continue
            except NotExplainableError as error:
                problem = str(error)
        notes.append(f"{method.title} not used: {problem.rstrip('.')}.")
    if not found:
        raise UserError(f"audit '{audit}'", "no method could explain the model. " + " ".join(notes))
    return found, notes
