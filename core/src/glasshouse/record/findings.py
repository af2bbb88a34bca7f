"""What a policy says about measurements: one finding per judged number, one verdict over all of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

FindingVerdict = Literal["pass", "fail", "insufficient_evidence", "info"]
Verdict = Literal["pass", "fail", "insufficient_evidence", "not_judged"]
Severity = Literal["high", "medium", "low"]
Bound = Literal["min", "max", "above", "below"]
Evidence = Literal["interval", "value"]

SEVERITIES: tuple[Severity, ...] = ("high", "medium", "low")
BOUNDS: tuple[Bound, ...] = ("min", "max", "above", "below")


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """What a measurement was held against."""

    bound: Bound
    """``min``, ``max``: the measurement is at least, at most `value`; ``above``, ``below``: more, less than it."""
    value: float
    evidence: Evidence
    """Whether the whole confidence interval must lie on the right side, or the value alone."""
    source: str
    """Who set the threshold, citable."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One rule applied to one measurement.

    `info` judges nothing: there is no accepted threshold, or (with `measurement` None) the rule was not applied.
    """

    title: str
    verdict: FindingVerdict
    severity: Severity
    audit: str
    measurement: str | None
    """Identifier of the measurement within the record; None where there is none to point at."""
    threshold: Threshold | None
    explanation: str


def overall_verdict(findings: Iterable[Finding]) -> Verdict:
    """Fail if anything fails, else insufficient evidence if any is, else pass; not judged where no rule decided.

    >>> overall_verdict([])
    'not_judged'
    """
    verdicts = {finding.verdict for finding in findings}
    if "fail" in verdicts:
        return "fail"
    if "insufficient_evidence" in verdicts:
        return "insufficient_evidence"
    return "pass" if "pass" in verdicts else "not_judged"
