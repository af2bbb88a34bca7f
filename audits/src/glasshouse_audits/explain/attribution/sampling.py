"""Which rows are explained: a random sample, used for all numbers, and the most confident errors, shown as examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from glasshouse import Column, Evidence, Predictions, Question, Table, UserError, chosen_inputs
from numpy.typing import NDArray

from glasshouse_audits.explain.attribution.predicted_class import predicted_outputs, predicted_scores

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """Rows of the evaluated split: `positions` (m,), of which the first `random_count` are a random sample.

    `question` has their encoded inputs and the reference, `predicted` (m,) is the number of each row's predicted
    output, `scores` (m,) is its score.
    """

    question: Question
    positions: NDArray[np.intp]
    random_count: int
    predicted: NDArray[np.intp]
    scores: NDArray[np.float64]
    predictions: Predictions

    @property
    def random_rows(self) -> slice:
        """The random sample, which all numbers are computed from."""
        return slice(0, self.random_count)

    def wrong(self, row: int) -> bool:
        """Whether the predicted class of a row is wrong; never for a regression."""
        found = _wrong(self.predictions)
        return bool(found is not None and found[self.positions[row]])

    def label(self, row: int) -> str:
        """A row's label: its index in the split, the prediction and the target."""
        target, at = self.predictions.target, self.positions[row]
        truth = None if self.predictions.targets is None else self.predictions.targets[at]
        if target.kind == "regression":
            known = "" if truth is None else f", true {truth:.4g}"
            return f"row {self.predictions.index[at]}: predicted {self.scores[row]:.4g}{known}"
        known = "" if truth is None or truth == self.predicted[row] else f", true {target.classes[int(truth)]}"
        predicted = target.classes[self.predicted[row]]
        return f"row {self.predictions.index[at]}: predicted {predicted} ({self.scores[row]:.2f}){known}"


def draw_sample(evidence: Evidence, audit: str, *, rows: int, errors: int, reference: Tensor, max_batch: int) -> Sample:
    """Draw `rows` of the evaluated split with the run's seed, and add the `errors` most confident errors of the split.

    Raises:
        UserError: for a split without rows, or inputs or scores that are not finite.
    """
    assert evidence.model is not None
    predictions = evidence.evaluated
    if not len(predictions):
        raise UserError(
            f"audit '{audit}'", f"the {predictions.split} split has no rows.", "Choose another `evaluate_on:`."
        )
    rng = np.random.default_rng(evidence.seed)
    drawn = np.sort(rng.choice(len(predictions), size=min(rows, len(predictions)), replace=False))
    wrong = _wrong(predictions)
    further = np.empty(0, dtype=np.intp)
    if wrong is not None:
        at = np.flatnonzero(wrong)
        sure = predictions.scores[at].max(axis=1)
        confident = at[np.argsort(-sure, kind="stable")][:errors]
        further = confident[~np.isin(confident, drawn)]
    positions = np.concatenate([drawn, further]).astype(np.intp)
    inputs = chosen_inputs(evidence, evidence.evaluate_on, positions)
    question = Question(
        model=evidence.model,
        rows=inputs,
        background=reference.to(inputs.dtype),
        outputs=(0,),
        seed=evidence.seed,
        max_batch=max_batch,
    )
    predicted = predicted_outputs(predictions)[positions]
    scores = predicted_scores(question, predicted)(inputs)
    if not np.isfinite(scores).all() or not bool(inputs.isfinite().all()):
        raise UserError(
            f"audit '{audit}'",
            "expected finite inputs and outputs; some explained rows have NaN or infinite values.",
            "Check the data and the training: has its loss diverged?",
        )
    return Sample(
        question=question,
        positions=positions,
        random_count=len(drawn),
        predicted=predicted,
        scores=scores,
        predictions=predictions,
    )


def examples(found: Sample, most: int) -> list[int]:
    """Rows to show: at most half of them errors, the most confident first, then others by descending confidence."""
    wrong = [row for row in range(len(found.positions)) if found.wrong(row)]
    wrong.sort(key=lambda row: -found.scores[row])
    chosen = wrong[: most // 2]
    right = [
        row for row in np.argsort(-found.scores[found.random_rows], kind="stable").tolist() if not found.wrong(row)
    ]
    wanted = min(most - len(chosen), len(right))
    evenly = np.linspace(0, len(right) - 1, wanted).round().astype(int).tolist()
    return chosen + [right[at] for at in evenly]


def index_table(found: Sample, rows: Sequence[int]) -> Table:
    """The examples, by index only."""
    return Table(
        title="Example rows",
        columns=(Column(name="row", format="d"), Column(name="why")),
        rows=tuple(
            (int(found.predictions.index[found.positions[row]]), "confident error" if found.wrong(row) else "typical")
            for row in rows
        ),
        description=f"Positions in the {found.predictions.split} split. With `show_examples: true` the report shows "
        "these rows with their attributions.",
    )


def _wrong(predictions: Predictions) -> NDArray[np.bool_] | None:
    if predictions.targets is None or predictions.target.kind == "regression":
        return None
    found: NDArray[np.bool_] = predictions.predicted != predictions.targets
    return found
