"""Integrated gradients by captum.

Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep Networks", 2017: the gradient of an output averaged along
the straight line from a baseline to the input, times the distance. By the fundamental theorem of calculus the
attributions of a row add up to its output minus the baseline's (completeness), as far as the sum over finitely many
steps approximates the integral.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from glasshouse import Explanation, NotExplainableError, Question, in_batches

from glasshouse_audits.explain.completeness import relative_to, resolution, resolved
from glasshouse_audits.explain.methods.batching import (
    CountedScore,
    mean_background_row,
    score_of_mean_background,
    with_gradients,
)
from glasshouse_audits.option_checks import positive_number, whole_number

if TYPE_CHECKING:
    from torch import Tensor

_FIRST_STEPS = 64


class IntegratedGradients:
    """Integrated gradients from the mean background row, with more steps until the values add up.

    Args:
        error: target for the relative completeness error of each row.
        steps: most steps for each row.
    """

    def __init__(self, *, error: float = 0.01, steps: int = 1024) -> None:
        self.error = positive_number("explainer 'integrated_gradients'", "error", error)
        self.steps = whole_number("explainer 'integrated_gradients'", "steps", steps, minimum=2)

    def explain(self, question: Question) -> Explanation:
        import torch

        most = min(self.steps, question.budget)
        if most < 2:
            raise NotExplainableError("it requires a budget of at least 2 evaluations per row")
        base = score_of_mean_background(question)
        scores = question.scores(question.rows)
        change = resolved(scores - base, scores)
        counted = CountedScore(question)
        columns = torch.zeros(*question.rows.shape, len(question.outputs), dtype=torch.float64)
        taken = 0
        for output in range(len(question.outputs)):
            allowed = self.error * relative_to(change[:, output]) + resolution(scores[:, output])
            line = _Line(counted.of(output), mean_background_row(question), most=question.max_batch)
            steps, pending = min(_FIRST_STEPS, most), torch.arange(len(question.rows))
            while True:
                columns[pending, ..., output] = line.attributions(question.rows[pending], steps).double()
                error = np.abs(columns[pending, ..., output].flatten(1).sum(dim=1).numpy() - change[pending, output])
                pending = pending[error > allowed[pending]]
                taken = max(taken, steps)
                if not len(pending) or 2 * steps > most:
                    break
                steps *= 2
        return Explanation(
            values=question.by_feature(columns.numpy()),
            base=base,
            completeness="promised",
            evaluations=counted.evaluations,
            details=f"Up to {taken} steps from the mean background row.",
        )


class _Line:
    """Gradients of one score along the line from a baseline (1, ...); at most `most` points at once."""

    def __init__(self, score: Callable[[Tensor], Tensor], start: Tensor, *, most: int) -> None:
        from captum.attr import IntegratedGradients as Captum

        self._explain = Captum(score, multiply_by_inputs=True)
        self._start = start
        self._most = most

    def attributions(self, rows: Tensor, steps: int) -> Tensor:
        """Attributions of rows (m, ...), of the same shape, on the CPU."""
        with with_gradients():
            return in_batches(lambda x: self._once(x, steps), rows, most=max(1, self._most // steps))

    def _once(self, x: Tensor, steps: int) -> Tensor:
        import torch

        while True:
            try:
                found: Tensor = self._explain.attribute(
                    x.to(self._start.device),
                    self._start,
                    n_steps=steps,
                    method="gausslegendre",
                    internal_batch_size=max(len(x), self._most),
                )
                return found
            except torch.OutOfMemoryError:
                # `in_batches` halves the rows; here the points of a single row are halved
                if len(x) > 1 or self._most == 1:
                    raise
            self._most //= 2
