"""Applies a policy to audit results: one finding for each rule and selected measurement, and the overall verdict.

Records write the verdict Inconclusive as `insufficient_evidence`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence

from glasshouse.policy.rules import Policy, Rule
from glasshouse.record.findings import Finding, FindingVerdict, Threshold, Verdict, overall_verdict
from glasshouse.record.measurements import AuditResult, Measurement, measurement_id

_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "min": operator.ge,
    "max": operator.le,
    "above": operator.gt,
    "below": operator.lt,
}
_LOWER_BOUNDS = ("min", "above")


def judge(
    results: Sequence[AuditResult], policy: Policy, *, target_kind: str | None = None
) -> tuple[tuple[Finding, ...], Verdict]:
    """Apply every rule to the measurements it selects.

    Args:
        target_kind: rules for other kinds of target are left out; None applies them all.

    Returns:
        The findings, audits that ended in error first and then in the order of the rules, and the verdict over all.
    """
    by_name = {result.name: result for result in results}
    findings = [_crashed(result) for result in results if result.status == "error"]
    for rule in policy.rules:
        if target_kind is None or not rule.targets or target_kind in rule.targets:
            findings += _apply(rule, by_name.get(rule.audit))
    return tuple(findings), overall_verdict(findings)


def _apply(rule: Rule, result: AuditResult | None) -> list[Finding]:
    if result is not None and result.status == "error":
        return []  # `_crashed` reports it once for the whole audit
    if result is None or result.status == "skipped":
        reason = f"was skipped: {result.reason}" if result is not None else "was not run"
        return _missing(rule, f"The audit '{rule.audit}' {reason}.", counts=rule.required == "always")
    selected = [measurement for measurement in result.measurements if rule.selects(measurement)]
    if not selected:
        reason = f"The audit '{rule.audit}' measured no {rule.measurement} that the rule selects."
        return _missing(rule, reason, counts=rule.required != "never")
    return [_decide(rule, measurement, result, only_one=len(selected) == 1) for measurement in selected]


def _crashed(result: AuditResult) -> Finding:
    reason = (result.reason or "No reason is known").rstrip(".")
    return Finding(
        title=f"The audit '{result.name}' ended in error",
        verdict="insufficient_evidence",
        severity="high",
        audit=result.name,
        measurement=None,
        threshold=None,
        explanation=f"{reason}. Its measurements are missing, so its rules cannot be judged.",
    )


def _missing(rule: Rule, reason: str, *, counts: bool) -> list[Finding]:
    if rule.bound is None:
        return []
    return [
        Finding(
            title=rule.title,
            verdict="insufficient_evidence" if counts else "info",
            severity=rule.severity,
            audit=rule.audit,
            measurement=None,
            threshold=None,
            explanation=f"{reason} {rule.explanation}" if counts else f"Not judged: {reason} {rule.explanation}",
        )
    ]


def _decide(rule: Rule, measurement: Measurement, result: AuditResult, *, only_one: bool) -> Finding:
    threshold = _threshold(rule, measurement, result)
    if rule.bound is None:
        verdict, reason = _informative(measurement)
    elif threshold is None:
        verdict, reason = "insufficient_evidence", f"The reference value {rule.limit} was not measured."
    else:
        verdict, reason = _compare(measurement, threshold, rule.minimum_n)
    about = _subject(rule, measurement, only_one=only_one)
    return Finding(
        title=f"{rule.title}: {about}" if about else rule.title,
        verdict=verdict,
        severity=rule.severity,
        audit=rule.audit,
        measurement=measurement_id(rule.audit, measurement),
        threshold=threshold,
        explanation=f"{reason} {rule.explanation}".strip(),
    )


def _threshold(rule: Rule, measurement: Measurement, result: AuditResult) -> Threshold | None:
    if rule.bound is None or rule.limit is None:
        return None
    limit = rule.limit if isinstance(rule.limit, float) else _reference(rule.limit, measurement, result)
    if limit is None:
        return None
    return Threshold(bound=rule.bound, value=limit, evidence=rule.evidence, source=rule.source)


def _reference(name: str, measurement: Measurement, result: AuditResult) -> float | None:
    """The value of the measurement `name` of the same split, group and output; None unless there is exactly one."""
    alike = [
        other.value
        for other in result.measurements
        if other.name == name
        and (other.split, dict(other.group), other.output)
        == (measurement.split, dict(measurement.group), measurement.output)
    ]
    return alike[0] if len(alike) == 1 else None


def _informative(measurement: Measurement) -> tuple[FindingVerdict, str]:
    return "info", f"Not measured: {measurement.undefined}." if measurement.undefined else ""


def _compare(measurement: Measurement, threshold: Threshold, minimum_n: int | None) -> tuple[FindingVerdict, str]:
    """The verdict on one measurement, and one sentence with the reason."""
    value, low, high = measurement.value, measurement.low, measurement.high
    if value is None:
        return "insufficient_evidence", f"Not measured: {measurement.undefined}."
    if minimum_n is not None and (measurement.n is None or measurement.n < minimum_n):
        rows = "an unknown number of" if measurement.n is None else "too few"
        return "insufficient_evidence", f"Computed over {rows} rows; the policy requires at least {minimum_n}."
    satisfies = _COMPARISONS[threshold.bound]
    if threshold.evidence == "value":
        return ("pass", "") if satisfies(value, threshold.value) else ("fail", "")
    if low is None and high is None:
        return "insufficient_evidence", "The policy requires a confidence interval, and this measurement has none."
    worst, best = (low, high) if threshold.bound in _LOWER_BOUNDS else (high, low)
    if worst is not None and satisfies(worst, threshold.value):
        return "pass", ""
    if best is not None and not satisfies(best, threshold.value):
        return "fail", "The whole confidence interval lies on the wrong side of the threshold."
    return "insufficient_evidence", "The confidence interval includes the threshold; a verdict needs more rows."


def _subject(rule: Rule, measurement: Measurement, *, only_one: bool) -> str:
    """The attributes, group, output and parameters that distinguish a finding from others of the same rule."""
    parts = [" and ".join(measurement.over)] if measurement.over else []
    parts += [f"{attribute} {level}" for attribute, level in measurement.group.items()]
    if measurement.output is not None:
        parts.append(measurement.output)
    if not only_one:
        fixed = rule.parameters
        further = [(name, value) for name, value in measurement.parameters.items() if name not in fixed]
        parts += [f"{name.replace('_', ' ')} {value}" for name, value in further]
    return ", ".join(parts)
