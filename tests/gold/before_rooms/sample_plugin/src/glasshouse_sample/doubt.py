"""How often a model is not sure of its own decision."""

from dataclasses import dataclass

from glasshouse import AuditResult, Evidence, Measurement, UserError
from scipy.stats import binomtest


@dataclass(frozen=True)
class DoubtAudit:
    """The share of rows whose most probable class has less than a threshold's probability; larger is less sure."""

    threshold: float = 0.6
    """Probability under which a decision counts as doubtful."""

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise UserError("audit 'doubt'", f"threshold is {self.threshold}; expected a number in (0, 1].")

    def measure(self, evidence: Evidence) -> AuditResult:
        """One measurement on the evaluated split, with a 95 % Wilson interval; undefined for an empty split."""
        largest = evidence.evaluated.scores.max(axis=1)
        measurement = share(int((largest < self.threshold).sum()), len(largest), split=evidence.evaluate_on)
        return AuditResult(
            name="doubt",
            family="performance",
            parameters={"threshold": self.threshold},
            measurements=[measurement],
        )


def share(hits: int, total: int, *, split: str) -> Measurement:
    """`hits` among `total` rows as a measurement."""
    if total == 0:
        return Measurement(name="doubt_rate", value=None, undefined="the split is empty", n=0, split=split)
    interval = binomtest(hits, total).proportion_ci(0.95, method="wilson")
    return Measurement(
        name="doubt_rate",
        value=hits / total,
        low=float(interval.low),
        high=float(interval.high),
        level=0.95,
        interval_method="wilson",
        n=total,
        split=split,
    )
