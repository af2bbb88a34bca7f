"""What the `feature_attribution` audit explains: a sample of rows against a sample of background rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from glasshouse import Evidence, Groups, Question, UserError
from numpy.typing import NDArray

from glasshouse_audits.explain.question import (
    MAX_EVALUATIONS,
    affordable,
    evaluation_budget,
    explained_outputs,
    feature_of_column,
)

if TYPE_CHECKING:
    from torch import Tensor

_WHO = "audit 'feature_attribution'"
# A processor's cache holds few inputs; an accelerator needs many to be busy.
_CPU_BATCH = 8192
_ACCELERATOR_BATCH = 2**18


@dataclass(frozen=True, kw_only=True, eq=False)
class ExplainedSample:
    """The rows to explain and the question about them."""

    question: Question
    positions: NDArray[np.intp]
    """(n,) positions of the rows in the evaluated split."""
    scores: NDArray[np.float64]
    """(n, k) explained scores of the rows."""
    labels: list[str | None]
    """(k,) names of the explained outputs; None for a regression."""
    reference_split: str
    """The split that the background rows are drawn from."""

    def groups(self, evidence: Evidence) -> Mapping[str, Groups]:
        """The sensitive attributes of the explained rows."""
        groups = evidence.evaluated.groups
        return {name: replace(group, codes=group.codes[self.positions]) for name, group in groups.items()}


def draw_sample(
    evidence: Evidence,
    *,
    rows: int,
    background: int,
    budget: int | None,
    tolerance: float,
    max_batch: int | None,
) -> ExplainedSample:
    """Draw rows and background rows with the evidence's seed, as float32 on the CPU, and set up the question.

    Raises:
        UserError: if an encoded column belongs to no feature, or inputs or scores are not finite.
    """
    assert evidence.inputs is not None
    assert evidence.model is not None
    rng = np.random.default_rng(evidence.seed)
    trained = "train" in evidence.predictions or evidence.info.rows.get("train", 0) > 0
    reference = "train" if trained else evidence.evaluate_on
    drawn: list[tuple[NDArray[np.intp], Tensor]] = []
    for split, wanted in ((evidence.evaluate_on, rows), (reference, background)):
        x = evidence.inputs(split)
        chosen = np.sort(rng.choice(len(x), size=min(wanted, len(x)), replace=False))
        drawn.append((chosen, x[chosen].float().cpu()))
        if not drawn[-1][1].isfinite().all():
            raise UserError(
                _WHO,
                f"expected finite inputs; the encoded {split} split contains NaN or infinite values.",
                "Fill missing values in the data.",
            )
    (positions, x), (_, z) = drawn
    outputs = explained_outputs(evidence)
    question = Question(
        model=evidence.model,
        rows=x,
        background=z,
        outputs=tuple(position for position, _ in outputs),
        owner=feature_of_column(evidence.info.features, x.shape[1]),
        seed=evidence.seed,
        budget=budget or MAX_EVALUATIONS,
        tolerance=tolerance,
        max_batch=max_batch or (_CPU_BATCH if evidence.model.device.type == "cpu" else _ACCELERATOR_BATCH),
    )
    if budget is None:
        some, fewer = affordable(question)
        if (some, fewer) != (len(x), len(z)):
            kept = np.sort(rng.choice(len(x), size=some, replace=False))
            positions, x, z = positions[kept], x[kept], z[np.sort(rng.choice(len(z), size=fewer, replace=False))]
            question = replace(question, rows=x, background=z)
        question = replace(question, budget=evaluation_budget(question))
    scores = question.scores(x)
    if not np.isfinite(scores).all():
        raise UserError(
            _WHO,
            "expected finite model outputs; some explained rows have NaN or infinite outputs.",
            "Check the training: has its loss diverged?",
        )
    return ExplainedSample(
        question=question,
        positions=positions,
        scores=scores,
        labels=[label for _, label in outputs],
        reference_split=reference,
    )
