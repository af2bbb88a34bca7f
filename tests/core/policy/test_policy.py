"""The policy: what each comparison decides, what missing evidence becomes, and what a policy file may not be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from glasshouse import AuditResult, Measurement, UserError
from glasshouse.policy.judging import judge
from glasshouse.policy.rules import Policy, Rule, load_policy
from hypothesis import given
from hypothesis import strategies as st


def rule(**fields: Any) -> Rule:
    given = {
        "title": "Four-fifths rule",
        "audit": "fairness",
        "measurement": "demographic_parity_ratio",
        "bound": "min",
        "limit": 0.8,
        "source": "29 CFR 1607.4(D)",
        "severity": "high",
        "explanation": "Why.",
    }
    return Rule(**{**given, **fields})


def measured(
    value: float | None = 0.9, low: float | None = None, high: float | None = None, **rest: Any
) -> Measurement:
    interval = {} if low is None and high is None else {"low": low, "high": high, "level": 0.95, "interval_method": "x"}
    undefined = "no rows" if value is None else None
    fields = {"name": "demographic_parity_ratio", "over": ("sex",), "n": 100, **rest}
    return Measurement(value=value, undefined=undefined, **interval, **fields)


def fairness(*measurements: Measurement, **rest: Any) -> AuditResult:
    return AuditResult(name="fairness", family="fairness", measurements=measurements, **rest)


def verdicts(results: list[AuditResult], *rules: Rule, **options: Any) -> list[str]:
    findings, _ = judge(results, Policy(name="p", rules=rules), **options)
    return [finding.verdict for finding in findings]


# By hand, from the definition: at least 0.8 over the whole interval.
@pytest.mark.parametrize(
    ("bound", "value", "low", "high", "expected"),
    [
        ("min", 0.9, 0.8, 1.0, "pass"),
        ("min", 0.9, 0.79, 1.0, "insufficient_evidence"),
        ("min", 0.7, 0.6, 0.8, "insufficient_evidence"),
        ("min", 0.7, 0.6, 0.79, "fail"),
        ("above", 0.9, 0.8, 1.0, "insufficient_evidence"),
        ("above", 0.9, 0.81, 1.0, "pass"),
        ("above", 0.8, 0.8, 0.8, "fail"),
        ("max", 0.7, 0.6, 0.8, "pass"),
        ("max", 0.9, 0.81, 1.0, "fail"),
        ("max", 0.9, 0.8, 1.0, "insufficient_evidence"),
        ("below", 0.7, 0.6, 0.8, "insufficient_evidence"),
        ("below", 0.7, 0.6, 0.79, "pass"),
        ("below", 0.8, 0.8, 0.8, "fail"),
        ("min", 0.9, 0.85, None, "pass"),
        ("min", 0.9, None, 0.95, "insufficient_evidence"),
        ("min", 0.7, None, 0.79, "fail"),
    ],
)
def test_an_interval_holds_fails_or_reaches_across(
    bound: Any, value: float, low: float | None, high: float | None, expected: str
) -> None:
    assert verdicts([fairness(measured(value, low, high))], rule(bound=bound)) == [expected]


@pytest.mark.parametrize(("value", "expected"), [(0.8, "pass"), (0.7999, "fail"), (None, "insufficient_evidence")])
def test_a_rule_may_ask_for_the_value_alone(value: float | None, expected: str) -> None:
    assert verdicts([fairness(measured(value))], rule(evidence="value")) == [expected]


def test_a_value_without_the_interval_asked_for_proves_nothing() -> None:
    findings, verdict = judge([fairness(measured(0.99))], Policy(name="p", rules=(rule(),)))
    assert verdict == "insufficient_evidence"
    assert "requires a confidence interval, and this measurement has none" in findings[0].explanation


def test_undefined_is_not_held_and_keeps_its_reason() -> None:
    findings, verdict = judge([fairness(measured(None))], Policy(name="p", rules=(rule(),)))
    assert (findings[0].verdict, verdict) == ("insufficient_evidence", "insufficient_evidence")
    assert findings[0].explanation == "Not measured: no rows. Why."
    assert findings[0].measurement == "fairness/demographic_parity_ratio[over=sex]"


@pytest.mark.parametrize(
    ("n", "expected"), [(99, "insufficient_evidence"), (None, "insufficient_evidence"), (100, "pass")]
)
def test_too_few_rows_prove_nothing(n: int | None, expected: str) -> None:
    assert verdicts([fairness(measured(0.9, 0.85, 0.95, n=n))], rule(minimum_n=100)) == [expected]


def test_no_threshold_is_information() -> None:
    unlimited = rule(bound=None, limit=None)
    findings, verdict = judge([fairness(measured(0.1, 0.05, 0.2))], Policy(name="p", rules=(unlimited,)))
    assert (findings[0].verdict, findings[0].threshold, verdict) == ("info", None, "not_judged")


def test_a_crashed_audit_is_told_once_and_never_passes() -> None:
    crashed = fairness(status="error", reason="ValueError: x")
    findings, verdict = judge([crashed], Policy(name="p", rules=(rule(), rule(attributes=1))))
    assert verdict == "insufficient_evidence"
    assert [(f.verdict, f.severity) for f in findings] == [("insufficient_evidence", "high")]
    assert "ValueError: x" in findings[0].explanation
    assert judge([crashed], Policy(name="p", rules=()))[1] == "insufficient_evidence"


@pytest.mark.parametrize(
    ("results", "required", "expected"),
    [
        ([], "always", ["insufficient_evidence"]),
        ([], "if_audited", ["info"]),
        ([], "never", ["info"]),
        ([fairness(status="skipped", reason="needs targets")], "always", ["insufficient_evidence"]),
        ([fairness(status="skipped", reason="needs targets")], "if_audited", ["info"]),
        ([fairness()], "always", ["insufficient_evidence"]),
        ([fairness()], "if_audited", ["insufficient_evidence"]),
        ([fairness()], "never", ["info"]),
    ],
)
def test_a_missing_measurement_is_not_a_held_rule(
    results: list[AuditResult], required: Any, expected: list[str]
) -> None:
    assert verdicts(results, rule(required=required)) == expected


def test_not_judged_says_so() -> None:
    rules = (rule(required="if_audited"),)
    findings, verdict = judge([fairness(status="skipped", reason="needs targets")], Policy(name="p", rules=rules))
    assert verdict == "not_judged"
    assert findings[0].measurement is None
    assert findings[0].explanation == "Not judged: The audit 'fairness' was skipped: needs targets. Why."


def test_a_bound_may_be_another_measurement_of_the_same_split_and_group() -> None:
    def result(*baselines: Measurement) -> AuditResult:
        own = measured(0.7, 0.65, 0.75, over=(), split="test")
        return fairness(own, *baselines)

    relative = rule(bound="above", limit="majority")
    baseline = measured(0.6, name="majority", over=(), split="test")
    elsewhere = measured(0.9, name="majority", over=(), split="train")
    findings, _ = judge([result(baseline, elsewhere)], Policy(name="p", rules=(relative,)))
    assert findings[0].verdict == "pass"
    assert findings[0].threshold is not None
    assert findings[0].threshold.value == 0.6
    assert verdicts([result(elsewhere)], relative) == ["insufficient_evidence"]
    undefined = measured(None, name="majority", over=(), split="test")
    assert verdicts([result(undefined)], relative) == ["insufficient_evidence"]


@pytest.mark.parametrize(
    ("fields", "selected"),
    [
        ({}, 4),
        ({"attributes": 1}, 2),
        ({"attributes": 2}, 1),
        ({"over": ("age", "sex")}, 1),
        ({"over": ("sex",)}, 1),
        ({"group": {}}, 3),
        ({"group": {"sex": "F"}}, 1),
        ({"parameters": {"method": "x"}}, 1),
        ({"parameters": {"method": None}}, 0),
        ({"output": "high"}, 1),
    ],
)
def test_rules_select(fields: dict[str, Any], selected: int) -> None:
    everything = fairness(
        measured(),
        measured(over=("age",), parameters={"method": "x"}),
        measured(over=("sex", "age"), output="high"),
        measured(over=(), group={"sex": "F"}),
    )
    found = verdicts([everything], rule(**fields, evidence="value", required="never"))
    assert found == (["pass"] * selected or ["info"])


def test_rules_for_other_targets_are_left_out() -> None:
    binary = rule(targets=("binary",))
    assert verdicts([fairness()], binary, target_kind="regression") == []
    assert verdicts([fairness()], binary, target_kind="binary") == ["insufficient_evidence"]
    assert verdicts([fairness()], binary) == ["insufficient_evidence"]


def test_titles_tell_measurements_apart() -> None:
    both = fairness(measured(parameters={"rate": 0.1}), measured(parameters={"rate": 0.2}))
    findings, _ = judge([both, fairness()][:1], Policy(name="p", rules=(rule(),)))
    assert [f.title for f in findings] == ["Four-fifths rule: sex, rate 0.1", "Four-fifths rule: sex, rate 0.2"]


@given(
    value=st.floats(0, 1),
    width=st.floats(0, 1),
    limit=st.floats(0, 1),
    bound=st.sampled_from(["min", "max", "above", "below"]),
)
def test_the_interval_never_contradicts_the_value(value: float, width: float, limit: float, bound: Any) -> None:
    """Whatever an interval around the value decides, the value alone decides too: demanding more never flips it."""
    result = [fairness(measured(value, value - width, value + width))]
    by_interval = verdicts(result, rule(bound=bound, limit=limit))[0]
    by_value = verdicts(result, rule(bound=bound, limit=limit, evidence="value"))[0]
    assert by_interval in (by_value, "insufficient_evidence")


# ---------------------------------------------------------------- files


def test_the_default_policy_gives_a_source_for_every_threshold() -> None:
    policy = load_policy("default")
    judging = [r for r in policy.rules if r.bound is not None]
    assert policy.name == "default"
    assert judging
    assert all(r.source for r in judging)
    # 29 CFR 1607.4(D): "less than four-fifths"
    assert [r.limit for r in policy.rules if r.title == "Four-fifths rule"] == [0.8]


def write(folder: Path, text: str) -> Path:
    path = folder / "policy.yaml"
    path.write_text(text, encoding="utf-8")
    return path


RULE = "name: p\nrules:\n- {{title: t, audit: a, measurement: m, severity: low, explanation: e, {}}}\n"


def test_a_file_is_read_as_it_says(tmp_path: Path) -> None:
    text = RULE.format("min: 1, source: us, over: [b], targets: [binary], minimum_n: 5, required: always")
    (found,) = load_policy(write(tmp_path, text)).rules
    assert (found.bound, found.limit, found.over, found.targets) == ("min", 1.0, ("b",), ("binary",))
    assert (found.minimum_n, found.required, found.evidence) == (5, "always", "interval")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a mapping with the keys name and rules, got NoneType"),
        ("a: [", "is not YAML"),
        ("name: p", "expected `name:` \\(text\\) and `rules:`"),
        ("name: p\nrule: []", r"policy.yaml'\.rule: unknown key. Did you mean 'rules'"),
        ("name: p\nrules: [1]", r"rules\[0\]: expected a mapping, got int"),
        ("name: p\nrules: [{}]", r"rules\[0\]: lacks title, audit, measurement, severity, explanation"),
        (RULE.format("minimum: 3"), r"rules\[0\]\.minimum: unknown key. Did you mean 'min"),
        (RULE.format("min: 0.8"), r"rules\[0\]\.source: a threshold needs its source"),
        (RULE.format("min: 1, max: 2, source: s"), r"rules\[0\]: has min and max; a rule has one bound"),
        (RULE.format("min: true, source: s"), r"rules\[0\]\.min: expected a number, or the name .*, got True"),
        (RULE.format("min: .nan, source: s"), r"rules\[0\]\.min: expected a number"),
        (RULE.format("minimum_n: 2.5"), r"rules\[0\]\.minimum_n: expected a whole number, got 2.5"),
        (RULE.format("evidence: hope"), r"rules\[0\]\.evidence: expected one of interval, value"),
        (RULE.format("targets: [cats]"), r"rules\[0\]\.targets: expected a list of binary"),
        (RULE.format("over: sex"), r"rules\[0\]\.over: expected a list of attributes, got 'sex'"),
        (RULE.format("group: {sex: 1}"), r"rules\[0\]\.group: expected a mapping from attribute to level"),
        (RULE.replace("severity: low", "severity: dire").format(""), r"severity: expected one of high, medium, low"),
    ],
)
def test_a_broken_policy_names_file_and_key(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(UserError, match=message) as caught:
        load_policy(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_policy_gets_a_suggestion() -> None:
    with pytest.raises(UserError, match=r"policy 'defualt': no such file, and no policy .* Did you mean 'default'"):
        load_policy("defualt")


def test_a_file_cannot_take_the_place_of_a_named_policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "default").write_text("name: lax\nrules: []")
    monkeypatch.chdir(tmp_path)
    assert load_policy("default").rules
