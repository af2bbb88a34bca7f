"""What an audit receives: the predictions of every split, and the model and its inputs if they exist."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from glasshouse.data.data_info import DataInfo
from glasshouse.evidence.predictions import Predictions
from glasshouse.record.measurements import AuditResult

if TYPE_CHECKING:
    from glasshouse.evidence.model_handle import ModelHandle
    from glasshouse.statistics.tables import PredictionTables

REQUIREMENTS: Mapping[str, str] = {
    "tables": "predictions, by row or as tables",
    "targets": "the true targets of the evaluated rows",
    "sensitive": "at least one sensitive attribute",
    "train_predictions": "predictions on the training split",
    "validate_predictions": "predictions on the validation split",
    "clusters": "clusters of rows, such as the candidates of each query",
    "losses": "a loss for every row",
    "features": "the columns that encode each feature",
    "inputs": "the encoded inputs of the rows",
    "model": "the model itself",
    "gradients": "a model that can be differentiated with respect to its inputs",
    "module": "the model's torch modules",
    "embed": "a model with an embedding layer",
    "rebuild": "a model that can be rebuilt without training",
    "generate": "a model that generates examples",
    "token_losses": "a language model with the loss of every token",
    "continue_text": "a language model that continues texts",
}
"""What an audit can require, and the description in the reason for skipping it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Evidence:
    """Everything that an audit can measure from.

    `predictions` maps the name of a split to its `Predictions`; `evaluate_on` is the split that is evaluated.
    `inputs(split)` returns the encoded inputs of a split as one tensor (n, ...), aligned with the rows of its
    predictions; None without data. `inputs_at(split, rows)` encodes only some rows, for data that are stored in a
    smaller form; call `chosen_inputs`, which uses either. `model` is None if there are only predictions.

    `small_group_limit` is the number of people below which a group is suppressed: an audit omits points of a figure
    that represent fewer rows and have no count in the figure's data.

    For texts, `words(split, rows)` returns the words of some rows by position, as the model receives them, and
    `spelled(numbers)` the words of token numbers (n, k), such as those of generated texts.

    `tables` replace row-by-row predictions that are too many for memory or do not exist: then `predictions` is empty,
    and only audits that require ``tables`` run.
    """

    info: DataInfo
    predictions: Mapping[str, Predictions]
    evaluate_on: str = "test"
    model: ModelHandle | None = None
    inputs: Callable[[str], Any] | None = None
    seed: int = 0
    show_examples: bool = False
    small_group_limit: int = 10
    extra: Mapping[str, Any] = field(default_factory=dict)
    tables: PredictionTables | None = None
    words: Callable[[str, Any], list[list[str]]] | None = None
    inputs_at: Callable[[str, Any], Any] | None = None
    spelled: Callable[[Any], list[list[str]]] | None = None

    @property
    def evaluated(self) -> Predictions:
        """Predictions of the split that is evaluated."""
        return self.predictions[self.evaluate_on]

    def has(self, requirement: str) -> bool:
        """Whether one of `REQUIREMENTS` is met."""
        if self.tables is not None and not self.predictions:
            return {"tables": True, "targets": self.tables.has_targets, "sensitive": bool(self.tables.attributes)}.get(
                requirement, False
            )
        evaluated = self.evaluated
        found = {
            "tables": True,
            "targets": evaluated.targets is not None,
            "sensitive": bool(evaluated.groups),
            "train_predictions": "train" in self.predictions,
            "validate_predictions": "validate" in self.predictions,
            "clusters": evaluated.clusters is not None,
            "losses": evaluated.losses is not None,
            "features": bool(self.info.features),
            "inputs": self.inputs is not None,
            "model": self.model is not None,
        }
        if requirement in found:
            return found[requirement]
        return self.model is not None and requirement in self.model.capabilities


def chosen_inputs(evidence: Evidence, split: str, rows: Any) -> Any:
    """Encoded inputs of some rows of a split, on the CPU; encodes only these rows where the data support it."""
    if evidence.inputs_at is not None:
        return evidence.inputs_at(split, rows).cpu()
    assert evidence.inputs is not None
    return evidence.inputs(split)[rows].cpu()


def tables_of(evidence: Evidence) -> PredictionTables:
    """The tables of the evaluated split, given or counted from its rows."""
    from glasshouse.statistics.tables import tabulate

    return evidence.tables if evidence.tables is not None else tabulate(evidence.evaluated)


class Audit(Protocol):
    """The target of an `AuditPlugin`; the constructor's keywords are its options."""

    def measure(self, evidence: Evidence) -> AuditResult:
        """Measure; verdicts are the policy's task."""
        ...
