"""The rows and the model that all parts of the `feature_effects` audit use."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from glasshouse import Evidence, Feature, Figure, Measurement, ModelHandle, Table, Target, UserError, in_batches
from numpy.typing import NDArray

from glasshouse_audits.effects.grids import Floats, Inputs, Score
from glasshouse_audits.explain.question import explained_outputs

_WHO = "audit 'feature_effects'"
MIN_ROWS = 10
"""A mean over fewer rows is not shown, whatever the limit for small groups."""

# Inputs evaluated at once, halved when memory runs out.
_BATCH = 8192


@dataclass
class PartialResult:
    """What the parts of the audit have measured so far."""

    measurements: list[Measurement] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Study:
    """The model and the rows that all parts of the audit use."""

    features: tuple[Feature, ...]
    outputs: list[tuple[int, str | None]]
    """Position and name of each explained score."""
    split: str
    score: Score
    """The explained scores (m, k) of encoded rows."""
    score_all: Score
    """All scores (m, K)."""
    x: Inputs
    """(n, width) rows of the evaluated split."""
    target: Target
    targets: NDArray[Any] | None
    """(n,) their targets."""
    reference: Inputs
    """(b, width) rows of the training split; without one, the first half of `x`."""
    unseen: slice
    """The rows of `x` that are not in the reference."""
    seed: int
    min_rows: int
    """Fewest rows for a point of a curve or a leaf of the tree."""

    def about(self, output: str | None, **parameters: Any) -> dict[str, Any]:
        """The identifying fields of a measurement."""
        return {"output": output, "split": self.split, "parameters": parameters}


def draw_study(evidence: Evidence, most: int, rng: np.random.Generator) -> tuple[Study, int]:
    """The sampled rows and the model, and the number of rows in the evaluated split."""
    assert evidence.model is not None
    split, outputs = evidence.evaluate_on, explained_outputs(evidence)
    x, chosen, whole = _rows(evidence, split, most, rng)
    if split != "train" and ("train" in evidence.predictions or evidence.info.rows.get("train", 0) > 0):
        reference, unseen = _rows(evidence, "train", most, rng)[0], slice(None)
    else:
        half = -(-len(x) // 2)
        reference, unseen = x[:half], slice(half, None)
    positions = [position for position, _ in outputs]
    score_all = _score(evidence.model)
    targets = evidence.evaluated.targets
    return Study(
        features=evidence.info.features,
        outputs=outputs,
        split=split,
        score=lambda rows: score_all(rows)[:, positions],
        score_all=score_all,
        x=x,
        target=evidence.info.target,
        targets=None if targets is None else targets[chosen],
        reference=reference,
        unseen=unseen,
        seed=evidence.seed,
        min_rows=max(MIN_ROWS, evidence.small_group_limit),
    ), whole


def _rows(evidence: Evidence, split: str, most: int, rng: np.random.Generator) -> tuple[Inputs, NDArray[np.intp], int]:
    """At most `most` rows of a split in random order, their positions in it, and its number of rows."""
    assert evidence.inputs is not None
    inputs = evidence.inputs(split)
    if not len(inputs):
        raise UserError(_WHO, f"the {split} split has no rows.", "Choose another `evaluate_on:`.")
    chosen = rng.choice(len(inputs), size=min(most, len(inputs)), replace=False)
    x: Inputs = inputs[chosen].float().cpu().numpy()
    if not np.isfinite(x).all():
        raise UserError(
            _WHO,
            f"expected finite inputs; the encoded {split} split contains NaN or infinite values.",
            "Fill missing values in the data.",
        )
    return x, chosen, len(inputs)


def _score(model: ModelHandle) -> Score:
    import torch

    def score(rows: Inputs) -> Floats:
        with torch.no_grad():
            scores: Floats = in_batches(model.probabilities, torch.from_numpy(rows), most=_BATCH).double().numpy()
        if not np.isfinite(scores).all():
            raise UserError(
                _WHO,
                "expected finite model outputs; some are NaN or infinite.",
                "Check the training: has its loss diverged?",
            )
        return scores

    return score
