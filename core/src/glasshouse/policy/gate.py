"""The exit code of a gate."""

from __future__ import annotations

from collections.abc import Sequence

from glasshouse.record.findings import Finding
from glasshouse.record.measurements import AuditResult


def gate_code(findings: Sequence[Finding], results: Sequence[AuditResult], *, strict: bool = False) -> int:
    """The exit code that a policy's findings ask for.

    Args:
        findings: of every rule.
        results: of every audit.
        strict: count inconclusive rules as failed.

    Returns:
        1 if a rule failed or applied to nothing, or is inconclusive and `strict` is set; else 3 if an audit ended in
        error; else 0.
    """
    crashed = {result.name for result in results if result.status == "error"}
    judged = [finding for finding in findings if finding.audit not in crashed]
    failed = any(finding.verdict == "fail" or applies_to_nothing(finding) for finding in judged)
    unclear = strict and any(finding.verdict == "insufficient_evidence" for finding in findings)
    return 1 if failed or unclear else 3 if crashed else 0


def applies_to_nothing(finding: Finding) -> bool:
    """Whether a rule that is not optional selected no measurement of the record, or its audit ended in error."""
    return finding.verdict == "insufficient_evidence" and finding.measurement is None
