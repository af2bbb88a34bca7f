"""Thresholds in, findings out: a policy judges measurements, and is the only place that does."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from glasshouse.data.kinds import TARGET_KINDS
from glasshouse.errors import UserError, did_you_mean
from glasshouse.record.findings import (
    BOUNDS,
    SEVERITIES,
    Bound,
    Evidence,
    Finding,
    FindingVerdict,
    Severity,
    Threshold,
    Verdict,
    overall_verdict,
)
from glasshouse.record.measurements import AuditResult, Cell, Measurement
from glasshouse.record.record import measurement_id

Required = Literal["always", "if_audited", "never"]

_HOLDS: Mapping[str, Callable[[float, float], bool]] = {
    "min": operator.ge,
    "max": operator.le,
    "above": operator.gt,
    "below": operator.lt,
}
_RISING = ("min", "above")  # bounds that larger values satisfy


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What is accepted of some measurements; ``policies/default.yaml`` explains each field."""

    title: str
    audit: str
    measurement: str
    attributes: int | None = None
    over: tuple[str, ...] | None = None
    group: Mapping[str, str] | None = None
    output: str | None = None
    parameters: Mapping[str, Cell] = field(default_factory=dict)
    targets: tuple[str, ...] = ()
    bound: Bound | None = None
    limit: float | str | None = None
    """A number, or the name of the measurement that the bound is taken from."""
    source: str = ""
    evidence: Evidence = "interval"
    minimum_n: int | None = None
    required: Required = "if_audited"
    severity: Severity
    explanation: str

    def selects(self, measurement: Measurement) -> bool:
        """Whether the rule speaks about this measurement."""
        return (
            measurement.name == self.measurement
            and (self.attributes is None or len(measurement.over) == self.attributes)
            and (self.over is None or set(measurement.over) == set(self.over))
            and (self.group is None or dict(measurement.group) == dict(self.group))
            and (self.output is None or measurement.output == self.output)
            and all(
                name in measurement.parameters and measurement.parameters[name] == value
                for name, value in self.parameters.items()
            )
        )


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Rules under a name."""

    name: str
    rules: tuple[Rule, ...]


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
        return []  # told once for the whole audit
    if result is None or result.status == "skipped":
        reason = f"was skipped: {result.reason}" if result is not None else "was not run"
        return _missing(rule, f"The audit '{rule.audit}' {reason}.", counts=rule.required == "always")
    selected = [measurement for measurement in result.measurements if rule.selects(measurement)]
    if not selected:
        reason = f"The audit '{rule.audit}' measured no {rule.measurement} that the rule selects."
        return _missing(rule, reason, counts=rule.required != "never")
    return [_decide(rule, measurement, result, alone=len(selected) == 1) for measurement in selected]


def _crashed(result: AuditResult) -> Finding:
    reason = (result.reason or "No reason is known").rstrip(".")
    return Finding(
        title=f"The audit '{result.name}' ended in error",
        verdict="insufficient_evidence",
        severity="high",
        audit=result.name,
        measurement=None,
        threshold=None,
        explanation=f"{reason}. What it was to measure is not known, so no rule about it can hold.",
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


def _decide(rule: Rule, measurement: Measurement, result: AuditResult, *, alone: bool) -> Finding:
    threshold = _threshold(rule, measurement, result)
    if rule.bound is None:
        verdict, reason = _unjudged(measurement)
    elif threshold is None:
        verdict, reason = "insufficient_evidence", f"There is no {rule.limit} to compare with."
    else:
        verdict, reason = _compare(measurement, threshold, rule.minimum_n)
    about = _subject(rule, measurement, alone=alone)
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
    """The value of the measurement `name` of the same split, group and output."""
    alike = [
        other.value
        for other in result.measurements
        if other.name == name
        and (other.split, dict(other.group), other.output)
        == (measurement.split, dict(measurement.group), measurement.output)
    ]
    return alike[0] if len(alike) == 1 else None


def _unjudged(measurement: Measurement) -> tuple[FindingVerdict, str]:
    return "info", f"Not measured: {measurement.undefined}." if measurement.undefined else ""


def _compare(measurement: Measurement, threshold: Threshold, minimum_n: int | None) -> tuple[FindingVerdict, str]:
    """The verdict on one measurement, and the sentence that gives its reason."""
    value, low, high = measurement.value, measurement.low, measurement.high
    if value is None:
        return "insufficient_evidence", f"Not measured: {measurement.undefined}."
    if minimum_n is not None and (measurement.n is None or measurement.n < minimum_n):
        rows = "an unknown number of" if measurement.n is None else "too few"
        return "insufficient_evidence", f"It rests on {rows} rows; the policy asks for {minimum_n}."
    holds = _HOLDS[threshold.bound]
    if threshold.evidence == "value":
        return ("pass", "") if holds(value, threshold.value) else ("fail", "")
    if low is None and high is None:
        return "insufficient_evidence", "It comes without the confidence interval that the policy asks for."
    worst, best = (low, high) if threshold.bound in _RISING else (high, low)
    if worst is not None and holds(worst, threshold.value):
        return "pass", ""
    if best is not None and not holds(best, threshold.value):
        return "fail", "The whole confidence interval lies on the wrong side of the threshold."
    return "insufficient_evidence", "The confidence interval reaches across the threshold: more rows would be needed."


def _subject(rule: Rule, measurement: Measurement, *, alone: bool) -> str:
    """Whom or what the measurement is about, and what else tells it from others that the rule selects."""
    parts = [" and ".join(measurement.over)] if measurement.over else []
    parts += [f"{attribute} {level}" for attribute, level in measurement.group.items()]
    if measurement.output is not None:
        parts.append(measurement.output)
    if not alone:
        fixed = rule.parameters
        further = [(name, value) for name, value in measurement.parameters.items() if name not in fixed]
        parts += [f"{name.replace('_', ' ')} {value}" for name, value in further]
    return ", ".join(parts)


# ---------------------------------------------------------------- reading


def load_policy(name_or_path: str | Path) -> Policy:
    """A policy that comes with glasshouse, by name, or one from a YAML file.

    Raises:
        UserError: naming file and key, if there is no such policy, or it is not one.
    """
    import yaml

    packaged = files("glasshouse.policy").joinpath("policies")
    names = sorted(entry.name.removesuffix(".yaml") for entry in packaged.iterdir() if entry.name.endswith(".yaml"))
    who = f"policy '{name_or_path}'"
    try:
        if str(name_or_path) in names:
            text = packaged.joinpath(f"{name_or_path}.yaml").read_text(encoding="utf-8")
        else:
            text = Path(name_or_path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(
            who, "no such file, and no policy of that name.", did_you_mean(str(name_or_path), names)
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(who, f"cannot be read: {error}.") from None
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UserError(who, "is not YAML: " + " ".join(str(error).split()) + ".") from None
    return _policy(values, who)


def _policy(values: Any, who: str) -> Policy:
    values = _mapping(values, who, "a mapping with the keys name and rules")
    _refuse_unknown(values, ("name", "rules"), who)
    rules = values.get("rules")
    if not isinstance(values.get("name"), str) or not isinstance(rules, list):
        raise UserError(who, "expected `name:` (text) and `rules:` (a list).", "See the policy 'default'.")
    return Policy(name=values["name"], rules=tuple(_rule(rule, f"{who}, rules[{at}]") for at, rule in enumerate(rules)))


def _rule(values: Any, who: str) -> Rule:
    values = _mapping(values, who, "a mapping")
    plain = [f.name for f in fields(Rule) if f.name not in ("bound", "limit")]
    _refuse_unknown(values, (*plain, *BOUNDS), who)
    missing = [key for key in ("title", "audit", "measurement", "severity", "explanation") if key not in values]
    if missing:
        raise UserError(who, f"lacks {', '.join(missing)}.", "See the policy 'default'.")
    for key, value in values.items():
        expected = _complaint(key, value)
        if expected:
            raise UserError(f"{who}.{key}", f"expected {expected}, got {value!r}.")
    bounds = [key for key in BOUNDS if key in values]
    if len(bounds) > 1:
        raise UserError(who, f"has {' and '.join(bounds)}; a rule has one bound.", "Write two rules.")
    if bounds and not values.get("source"):
        raise UserError(f"{who}.source", "a threshold needs its source.", "Say who set it.")
    given = {key: value for key, value in values.items() if key not in BOUNDS}
    for key in ("over", "targets"):
        if key in given:
            given[key] = tuple(given[key])
    if bounds:
        limit = values[bounds[0]]
        given |= {"bound": bounds[0], "limit": limit if isinstance(limit, str) else float(limit)}
    return Rule(**given)


def _complaint(key: str, value: Any) -> str:
    """What was expected of a rule's key, or nothing where the value is right."""
    choices: Mapping[str, Sequence[str]] = {
        "severity": SEVERITIES,
        "evidence": ("interval", "value"),
        "required": ("always", "if_audited", "never"),
    }
    if key in choices:
        return "" if value in choices[key] else f"one of {', '.join(choices[key])}"
    if key in BOUNDS:
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        return "" if number or isinstance(value, str) else "a number, or the name of a measurement"
    if key in ("attributes", "minimum_n"):
        whole = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        return "" if whole else "a whole number"
    if key in ("over", "targets"):
        texts = isinstance(value, list) and all(isinstance(item, str) for item in value)
        if key == "targets" and texts and not set(value) <= set(TARGET_KINDS):
            texts = False
        return "" if texts else "a list of " + (", ".join(TARGET_KINDS) if key == "targets" else "attributes")
    if key == "group":
        texts = isinstance(value, dict) and all(isinstance(x, str) for pair in value.items() for x in pair)
        return "" if texts else "a mapping from attribute to level, both in quotes where they look like numbers"
    if key == "parameters":
        return "" if isinstance(value, dict) else "a mapping from parameter to value"
    return "" if isinstance(value, str) else "text"


def _mapping(values: Any, who: str, expected: str) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise UserError(who, f"expected {expected}, got {type(values).__name__}.", "See the policy 'default'.")
    return values


def _refuse_unknown(values: Mapping[str, Any], known: Iterable[str], who: str) -> None:
    known = tuple(known)
    for key in values:
        if key not in known:
            raise UserError(f"{who}.{key}", "unknown key.", did_you_mean(str(key), known, most=len(known)))
