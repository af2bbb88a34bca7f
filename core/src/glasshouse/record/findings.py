"""Findings: the verdict on each judged measurement, and the overall verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

FindingVerdict = Literal["pass", "fail", "insufficient_evidence", "info"]
Verdict = Literal["pass", "fail", "insufficient_evidence", "not_judged"]
Severity = Literal["high", "medium", "low"]
Bound = Literal["min", "max", "above", "below"]
Evidence = Literal["interval", "value"]

SEVERITIES: tuple[Severity, ...] = ("high", "medium", "low")
BOUNDS: tuple[Bound, ...] = ("min", "max", "above", "below")
VERDICT_LABELS: Mapping[str, str] = {
    "pass": "Pass",
    "fail": "Fail",
    "insufficient_evidence": "Inconclusive",
    "info": "Info",
    "not_judged": "Not judged",
}
"""Verdicts as reports and the console show them; the record stores the keys."""


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """The accepted range of a measurement."""

    bound: Bound
    """``min``, ``max``: the measurement is at least, at most `value`; ``above``, ``below``: more, less than it."""
    value: float
    evidence: Evidence
    """``interval``: the whole confidence interval must satisfy the bound; ``value``: the value alone."""
    source: str
    """The law, standard or paper that sets the threshold."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One rule applied to one measurement.

    The verdict `info` means that there is no accepted threshold, or, with `measurement` None, that the rule was not
    applied.
    """

    title: str
    verdict: FindingVerdict
    severity: Severity
    audit: str
    measurement: str | None
    """Identifier of the measurement within the record; None if it was not measured."""
    threshold: Threshold | None
    explanation: str


def overall_verdict(findings: Iterable[Finding]) -> Verdict:
    """The worst verdict: fail, insufficient evidence, pass; `not_judged` if no rule with a threshold was applied.

    >>> overall_verdict([])
    'not_judged'
    """
    verdicts = {finding.verdict for finding in findings}
    if "fail" in verdicts:
        return "fail"
    if "insufficient_evidence" in verdicts:
        return "insufficient_evidence"
    return "pass" if "pass" in verdicts else "not_judged"
