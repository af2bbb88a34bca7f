"""Integrated gradients on the embedding of a text, by captum.

Words enter a network as integers, which have no gradient. The path from the reference to the text runs between their
embedding vectors instead (Sundararajan, Taly and Yan 2017, section 6.3, for text); a word's attribution is the sum over
the components of its vector. Attributions add up to the output minus the output for the reference's vectors, with the
positions and the mask of the text.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from glasshouse import Explanation, NotExplainableError, Question, in_batches

from glasshouse_audits.explain.completeness import relative_to, resolution, resolved
from glasshouse_audits.explain.methods.batching import CountedScore, with_gradients
from glasshouse_audits.explain.methods.layer_calls import refuse_unless_called_once
from glasshouse_audits.option_checks import positive_number, whole_number

if TYPE_CHECKING:
    from torch import Tensor, nn

_FIRST_STEPS = 16


class EmbeddingIntegratedGradients:
    """Integrated gradients from the vectors of the first background text, with more steps until the values add up.

    Args:
        error: target for the relative completeness error of each text.
        steps: most steps for each text.
    """

    def __init__(self, *, error: float = 0.01, steps: int = 512) -> None:
        self.error = positive_number("explainer 'embedding_integrated_gradients'", "error", error)
        self.steps = whole_number("explainer 'embedding_integrated_gradients'", "steps", steps, minimum=2)

    def explain(self, question: Question) -> Explanation:
        """Attributions (n, length, k) of the explained scores to the words of every text.

        Raises:
            NotExplainableError: for an embedding that a forward pass does not call exactly once, or a budget below 2.
        """
        import torch
        from captum.attr import LayerIntegratedGradients

        layer = question.model.embed
        refuse_unless_called_once(question, layer)
        start = question.background[:1].to(question.model.device)
        most = min(self.steps, question.budget)
        if most < 2:
            raise NotExplainableError("it requires a budget of at least 2 evaluations per text")
        base = _scores_of_reference(question, layer, start)
        scores = question.scores(question.rows)
        change = resolved(scores - base, scores)
        counted = CountedScore(question)
        values = torch.zeros(*question.rows.shape, len(question.outputs), dtype=torch.float64)
        taken = 0
        for output in range(len(question.outputs)):
            explain = LayerIntegratedGradients(counted.of(output), layer)
            allowed = self.error * relative_to(change[:, output]) + resolution(scores[:, output])
            steps, pending = min(_FIRST_STEPS, most), torch.arange(len(question.rows))
            while True:

                def attribute(x: Tensor, steps: int = steps, explain: Any = explain) -> Tensor:
                    found: Tensor = explain.attribute(
                        x.to(start.device),
                        start,
                        n_steps=steps,
                        method="gausslegendre",
                        internal_batch_size=max(len(x), question.max_batch),
                    )
                    return found.sum(dim=-1)

                # cuDNN differentiates recurrent layers in training mode only
                with with_gradients(), torch.backends.cudnn.flags(enabled=False):
                    found = in_batches(attribute, question.rows[pending], most=max(1, question.max_batch // steps))
                values[pending, :, output] = found.double()
                error = np.abs(values[pending, :, output].sum(dim=1).numpy() - change[pending, output])
                pending = pending[error > allowed[pending]]
                taken = max(taken, steps)
                if not len(pending) or 2 * steps > most:
                    break
                steps *= 2
        return Explanation(
            values=values.numpy(),
            base=base,
            completeness="promised",
            evaluations=counted.evaluations,
            details=f"Up to {taken} steps on the embeddings.",
        )


def _scores_of_reference(question: Question, layer: nn.Module, start: Tensor) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The explained scores (n, k) with the reference's vectors, and the positions and mask of each text."""
    import torch

    with torch.no_grad():
        vectors = layer(start)
    if vectors.ndim != 3:
        raise NotExplainableError("the embedding returns one vector per text, not one per word")
    with _replaced(layer, vectors):
        return question.scores(question.rows)


@contextmanager
def _replaced(layer: nn.Module, vectors: Tensor) -> Iterator[None]:
    """The layer returns these vectors (1, length, width) in the block, for any input."""
    hook = layer.register_forward_hook(lambda _layer, _inputs, output: vectors.expand_as(output))
    try:
        yield
    finally:
        hook.remove()
