"""How many people's scores move against a promised direction."""

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
    """The share of rows whose score falls when a rising feature grows, or rises when a falling one does.

    In [0, 1]; 0 keeps the promise as far as these rows and this step show. The score is the probability of the
    favourable class, or the predicted value.
    """

    rising: Sequence[str] = ()
    """Numeric features that may only raise the score; every numeric one where nothing is promised at all."""
    falling: Sequence[str] = ()
    """Numeric features that may only lower it."""
    step: float = 0.5
    """How far a feature is moved up, in its standard deviations over the training rows."""
    rows: int = 2000
    """How many rows are moved at most; they are drawn by the run's seed."""

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
            raise UserError(_WHO, f"{', '.join(both)} cannot both rise and fall.", "Take it out of one of the lists.")

    def measure(self, evidence: Evidence) -> AuditResult:
        """One rate for each promise, with a 95 % Wilson interval."""
        assert evidence.model is not None, "the declaration requires it"
        split, total = evidence.evaluate_on, len(evidence.evaluated)
        random = np.random.default_rng(evidence.seed)
        chosen = np.sort(random.permutation(total)[: self.rows])
        x: Tensor = chosen_inputs(evidence, split, chosen)
        output = evidence.info.target.favourable_index or 0
        before = evidence.model.scores(x)[:, output]
        measurements = []
        for feature, direction in self._promises(evidence):
            moved = x.clone()
            moved[:, list(feature.columns)] += self.step
            change = (evidence.model.scores(moved)[:, output] - before).double().numpy()
            measurements.append(
                Measurement(
                    name=NAME,
                    split=split,
                    parameters={"feature": feature.name, "promised": "rises" if direction > 0 else "falls"},
                    **against(change, direction).fields(),
                )
            )
        return AuditResult(
            name="monotonicity",
            family="robustness",
            parameters={"rising": [*self.rising], "falling": [*self.falling], "step": self.step, "rows": self.rows},
            measurements=measurements,
        )

    def _promises(self, evidence: Evidence) -> list[tuple[Feature, int]]:
        numeric = {feature.name: feature for feature in evidence.info.features if feature.kind == "numeric"}
        promised = [(name, 1) for name in self.rising] + [(name, -1) for name in self.falling]
        for name, _ in promised:
            if name not in numeric:
                raise UserError(_WHO, f"there is no numeric feature '{name}'.", did_you_mean(name, numeric))
        return [(numeric[name], direction) for name, direction in promised or [(name, 1) for name in numeric]]


def against(change: NDArray[np.float64], direction: int, *, tolerance: float = 1e-6) -> Estimate:
    """The share of changes that go against a direction by more than rounding; those that are no numbers do not count.

    Undefined without changes.
    """
    change = change[~np.isnan(change)]
    total, hits = len(change), int((change * direction < -tolerance).sum())
    if total == 0:
        return Estimate(None, 0, undefined="no rows")
    return Estimate(hits / total, total, wilson(hits, total).item())
