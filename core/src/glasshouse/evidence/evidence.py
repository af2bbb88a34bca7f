"""What an audit is given: predictions of every split, and handles on the model and its inputs where they exist."""

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
    "train_predictions": "predictions on the training split as well",
    "validate_predictions": "predictions on the validation split as well",
    "clusters": "rows in clusters, such as the candidates of each query",
    "losses": "a loss for every row",
    "features": "the columns that encode each feature",
    "inputs": "the encoded inputs of the rows",
    "model": "the model itself",
    "gradients": "a model that can be differentiated with respect to its inputs",
    "module": "the model's torch modules",
    "embed": "a model with an embedding layer",
    "rebuild": "a model that can be rebuilt untrained",
    "generate": "a model that generates examples",
    "token_losses": "a language model, which gives the loss of every word",
    "continue_text": "a language model that continues texts",
}
"""What an audit may ask for, and how its absence is said."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Evidence:
    """All that audits may look at.

    `predictions` maps a split's name to its `Predictions`; `evaluate_on` names the one that is judged.
    `inputs(split)` returns the encoded inputs of that split as one tensor (n, ...), row i belonging to row i of the
    split's predictions; None without data. `inputs_at(split, rows)` gives those of some rows alone, for data whose
    encoded inputs are larger than what is stored: ask `chosen_inputs`. `model` is None when only predictions are at
    hand.

    `small_group_limit` is the number of people below which the run wants nothing told of a group: an audit whose
    figures have points that stand for few rows without carrying their count leaves such points out.

    `words(split, rows)` gives, for texts, the words of some rows of a split as they enter the model, by position;
    `spelled(numbers)` the words that stand behind numbers (n, k), such as those of generated texts.

    `tables` are given instead of predictions by row where these are too many to hold, or were never at hand: then
    `predictions` is empty, and only audits that require ``tables`` are asked.
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
        """Predictions of the judged split."""
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
    """Encoded inputs of some rows of a split, on the CPU, without those of all others being made where that can be."""
    if evidence.inputs_at is not None:
        return evidence.inputs_at(split, rows).cpu()
    assert evidence.inputs is not None
    return evidence.inputs(split)[rows].cpu()


def tables_of(evidence: Evidence) -> PredictionTables:
    """The judged split's tables: those given, or made from its rows."""
    from glasshouse.statistics.tables import tabulate

    return evidence.tables if evidence.tables is not None else tabulate(evidence.evaluated)


class Audit(Protocol):
    """What an `AuditPlugin`'s target is: options are its constructor's keywords."""

    def measure(self, evidence: Evidence) -> AuditResult:
        """Measure; judge nothing."""
        ...
