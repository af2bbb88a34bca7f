"""Integrated gradients through captum.

Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep Networks", 2017: the gradient of an output averaged along
the straight line from a baseline to the input, times the distance. By the fundamental theorem of calculus the
attributions of a row add up to its output minus the baseline's (completeness), as far as the sum over finitely many
steps comes close to the integral.
"""

from __future__ import annotations

import numpy as np
from glasshouse import Explanation, NotExplainableError, Question, in_batches

from glasshouse_audits.explain.completeness import relative_to, resolution, resolved
from glasshouse_audits.explain.methods.asking import Counted, reference, score_of_reference

_FIRST_STEPS = 64


class IntegratedGradients:
    """Integrated gradients from the mean background row; rows take more steps until they add up.

    Args:
        error: relative completeness error that each row should reach.
        steps: steps that a row takes at most.
    """

    def __init__(self, *, error: float = 0.01, steps: int = 1024) -> None:
        self.error = error
        self.steps = steps

    def explain(self, question: Question) -> Explanation:
        import torch
        from captum.attr import IntegratedGradients as Captum

        most = min(self.steps, question.budget)
        if most < 2:
            raise NotExplainableError("it takes a budget of 2 evaluations a row at least")
        start = reference(question)
        base = score_of_reference(question)
        scores = question.scores(question.rows)
        change = resolved(scores - base, scores)
        counted = Counted(question)
        columns = torch.zeros(*question.rows.shape, len(question.outputs), dtype=torch.float64)
        taken = 0
        for output in range(len(question.outputs)):
            explain = Captum(counted.of(output), multiply_by_inputs=True)
            allowed = self.error * relative_to(change[:, output]) + resolution(scores[:, output])
            steps, pending = min(_FIRST_STEPS, most), torch.arange(len(question.rows))
            while True:
                at_once = max(1, question.max_batch // steps)

                def attribute(x: torch.Tensor, steps: int = steps, explain: Captum = explain) -> torch.Tensor:
                    found: torch.Tensor = explain.attribute(
                        x.to(start.device),
                        start,
                        n_steps=steps,
                        method="gausslegendre",
                        internal_batch_size=max(len(x), question.max_batch),
                    )
                    return found

                columns[pending, ..., output] = in_batches(attribute, question.rows[pending], most=at_once).double()
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
            details=f"Integrated gradients took up to {taken} steps.",
        )
