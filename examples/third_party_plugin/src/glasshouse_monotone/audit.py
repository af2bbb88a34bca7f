"""How often a model's score violates monotonicity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from glasshouse import AuditResult, Evidence, Feature, Measurement, UserError, chosen_inputs, did_you_mean
from glasshouse.statistics import Estimate, wilson
from numpy.typing import NDArray
from torch import Tensor

_WHO = "audit 'monotonicity'"
NAME = "monotonicity_violation_rate"


@dataclass(frozen=True)
class MonotonicityAudit:
    """The fraction of rows whose score falls when a rising feature increases, or rises when a falling one does.

    In [0, 1]; 0 means no violation for these rows and this step. The score is the probability of the favourable class,
    or the predicted value.
    """

    rising: Sequence[str] = ()
    """Numeric features that may only raise the score; default: all numeric features, if `falling` is empty, too."""
    falling: Sequence[str] = ()
    """Numeric features that may only lower the score."""
    step: float = 0.5
    """Increase of a feature, in its standard deviations in the training split; above 0."""
    rows: int = 2000
    """Maximum number of rows, sampled with the run's seed; at least 1."""

    def __post_init__(self) -> None:
        for name, names in (("rising", self.rising), ("falling", self.falling)):
            if isinstance(names, str) or not all(isinstance(each, str) for each in names):
                raise UserError(_WHO, f"{name} is {names!r}; expected a list of features.")
        if not isinstance(self.step, int | float) or not self.step > 0:
            raise UserError(_WHO, f"step is {self.step!r}; expected a number above 0.")
        if not isinstance(self.rows, int) or self.rows < 1:
            raise UserError(_WHO, f"rows is {self.rows!r}; expected a whole number of at least 1.")
        both = sorted(set(self.rising) & set(self.falling))
        if both:
            raise UserError(_WHO, f"{', '.join(both)} cannot both rise and fall.", "Remove it from one of the lists.")

    def measure(self, evidence: Evidence) -> AuditResult:
        """One violation rate per feature, with a 95 % Wilson interval."""
        assert evidence.model is not None, "required by the declaration"
        split, total = evidence.evaluate_on, len(evidence.evaluated)
        random = np.random.default_rng(evidence.seed)
        chosen = np.sort(random.permutation(total)[: self.rows])
        x: Tensor = chosen_inputs(evidence, split, chosen)
        output = evidence.info.target.favourable_index or 0
        before = evidence.model.scores(x)[:, output]
        measurements = []
        for feature, direction in self._directions(evidence):
            moved = x.clone()
            moved[:, list(feature.columns)] += self.step
            change = (evidence.model.scores(moved)[:, output] - before).double().numpy()
            measurements.append(
                Measurement(
                    name=NAME,
                    split=split,
                    parameters={"feature": feature.name, "promised": "rises" if direction > 0 else "falls"},
                    **violation_rate(change, direction).fields(),
                )
            )
        return AuditResult(
            name="monotonicity",
            family="robustness",
            parameters={"rising": [*self.rising], "falling": [*self.falling], "step": self.step, "rows": self.rows},
            measurements=measurements,
        )

    def _directions(self, evidence: Evidence) -> list[tuple[Feature, int]]:
        numeric = {feature.name: feature for feature in evidence.info.features if feature.kind == "numeric"}
        directions = [(name, 1) for name in self.rising] + [(name, -1) for name in self.falling]
        for name, _ in directions:
            if name not in numeric:
                raise UserError(_WHO, f"there is no numeric feature '{name}'.", did_you_mean(name, numeric))
        return [(numeric[name], direction) for name, direction in directions or [(name, 1) for name in numeric]]


def violation_rate(change: NDArray[np.float64], direction: int, *, tolerance: float = 1e-6) -> Estimate:
    """The fraction of changes against a direction, beyond rounding; NaN changes are ignored.

    Undefined without changes.
    """
    change = change[~np.isnan(change)]
    total, hits = len(change), int((change * direction < -tolerance).sum())
    if total == 0:
        return Estimate(None, 0, undefined="no rows")
    return Estimate(hits / total, total, wilson(hits, total).item())
