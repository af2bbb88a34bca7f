"""Checks of an audit's results."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator

from glasshouse.evidence.evidence import REQUIREMENTS, Evidence
from glasshouse.plugins.loading import one_line
from glasshouse.record.measurements import AuditResult, Measurement
from glasshouse.record.record_io import result_from_dict, result_to_dict
from glasshouse.testing.checks.audits.subject import AuditSubject, Case, listed
from glasshouse.testing.kit.checks import expect
from glasshouse.testing.kit.outcomes import CheckFailed

CLOSE = 1e-9


def runs_on_every_declared_kind(subject: AuditSubject) -> None:
    """It completes with at least one measurement, for every declared modality and kind of target."""
    for case in subject.cases:
        result = subject.measured(case)
        expect(result.status == "completed", f"{case}: expected it to complete, received '{result.status}'")
        expect(bool(result.measurements), f"{case}: expected measurements, received none")


def result_has_name_and_family(subject: AuditSubject) -> None:
    """Its results have the declared name and family."""
    for case in subject.cases:
        result = subject.measured(case)
        declared, received = (subject.plugin.name, subject.plugin.family), (result.name, result.family)
        expect(received == declared, f"{case}: expected (name, family) {declared}, received {received}")


def result_fits_the_schema(subject: AuditSubject) -> None:
    """Its results fit the record's schema, have unique identifiers, and can be written to JSON and read back."""
    for case in subject.cases:
        result = subject.measured(case)
        try:
            stored = json.dumps(result_to_dict(result), allow_nan=False)
            again = result_from_dict(json.loads(stored))
        except Exception as error:
            raise CheckFailed(f"{case}: expected a result that can be stored, received {one_line(error)}") from error
        expect(json.dumps(result_to_dict(again)) == stored, f"{case}: the result read back differs from the stored one")


def result_contains_all_options(subject: AuditSubject) -> None:
    """The results' `parameters` contain every option, defaults included, so that a finished audit can be reused."""
    expected = {
        name: subject.options.get(name, parameter.default)
        for name, parameter in inspect.signature(subject.target).parameters.items()
    }
    for case in subject.cases:
        received = subject.measured(case).parameters
        for name, value in expected.items():
            if name not in received:
                raise CheckFailed(
                    f"{case}: expected `parameters` to contain '{name}', received {listed(received) or '{}'}"
                )
            stored = json.loads(json.dumps([received[name], value], default=str))
            expect(
                stored[0] == stored[1], f"{case}: expected parameter '{name}' {value!r}, received {received[name]!r}"
            )


def undefined_has_a_reason(subject: AuditSubject) -> None:
    """A measurement without a value has a reason."""
    for case, measurement in _all(subject):
        reason = measurement.undefined
        expect(
            reason is None or bool(reason.strip()),
            f"{case}: {measurement.id} has no value, expected the reason in `undefined`, received {reason!r}",
        )


def rates_have_counts(subject: AuditSubject) -> None:
    """A measurement of a group, or with an interval, has the number of its rows; no count is negative."""
    for case, measurement in _all(subject):
        n = measurement.n
        needed = bool(measurement.group) or measurement.low is not None or measurement.high is not None
        expect(not needed or n is not None, f"{case}: {measurement.id}: expected its count `n`, received none")
        expect(n is None or n >= 0, f"{case}: {measurement.id}: expected a count of 0 or more, received {n}")
        expect(
            n != 0 or measurement.value in (None, 0),
            f"{case}: {measurement.id}: expected no value over 0 rows, received {measurement.value}",
        )


def intervals_contain_their_value(subject: AuditSubject) -> None:
    """An interval contains its value, has a level between 0 and 1, and names its method."""
    for case, measurement in _all(subject):
        if problem := interval_problem(measurement):
            raise CheckFailed(f"{case}: {measurement.id}: {problem}")


def names_exist_in_the_data(subject: AuditSubject) -> None:
    """Groups, levels, outputs and splits of measurements exist in the data."""
    for case in subject.cases:
        evidence = case.fresh()
        for measurement in subject.measured(case).measurements:
            if problem := _unknown_name(measurement, evidence):
                raise CheckFailed(f"{case}: {measurement.id}: {problem}")


def every_group_is_reported(subject: AuditSubject) -> None:
    """An audit that measures one level of an attribute measures them all; levels without rows are undefined."""
    for case in subject.cases:
        if "sensitive" not in subject.plugin.requires:
            continue
        evidence = case.fresh()
        levels = {name: set(groups.levels) for name, groups in evidence.evaluated.groups.items()}
        reported: dict[tuple[str, str], set[str]] = {}
        for measurement in subject.measured(case).measurements:
            if len(measurement.group) == 1:
                ((attribute, level),) = measurement.group.items()
                key = (f"{measurement.name} of {measurement.output or 'all'}", attribute)
                reported.setdefault(key, set()).add(level)
        for (name, attribute), found in reported.items():
            missing = levels.get(attribute, set()) - found
            expect(not missing, f"{case}: {name} by {attribute}: expected every level, received none for {missing}")


def requires_are_known(subject: AuditSubject) -> None:
    """All names in `requires` and `uses` are in `glasshouse.evidence.evidence.REQUIREMENTS`."""
    for name in (*subject.plugin.requires, *subject.plugin.uses):
        expect(name in REQUIREMENTS, f"expected one of {', '.join(REQUIREMENTS)}, received '{name}'")


def takes_little_time(subject: AuditSubject) -> None:
    """Sixty rows take at most 20 seconds of processor time."""
    for case in subject.cases:
        seconds = subject.seconds(case)
        expect(
            seconds <= 20, f"{case}: expected at most 20 s, received {seconds:.0f} s: set fewer samples in `options`"
        )


def interval_problem(measurement: Measurement) -> str | None:
    """What is invalid in a measurement's interval; None if it is valid or there is none."""
    low, high, value = measurement.low, measurement.high, measurement.value
    if low is None and high is None:
        return None
    if measurement.level is None or not 0 < measurement.level < 1:
        return f"expected a level between 0 and 1, received {measurement.level}"
    if not (measurement.interval_method or "").strip():
        return "expected the name of the interval's method, received none"
    if low is not None and high is not None and low > high:
        return f"expected low <= high, received {low} and {high}"
    if value is None:
        return None
    slack = CLOSE * max(1.0, abs(value))
    if (low is not None and value < low - slack) or (high is not None and value > high + slack):
        return f"expected the value within its interval, received {value} and {low} to {high}"
    return None


def _all(subject: AuditSubject) -> Iterator[tuple[Case, Measurement]]:
    for case in subject.cases:
        for measurement in subject.measured(case).measurements:
            yield case, measurement


def _unknown_name(measurement: Measurement, evidence: Evidence) -> str | None:
    levels = {attribute.name: set(attribute.levels) for attribute in evidence.info.sensitive}
    features = {feature.name for feature in evidence.info.features}
    for attribute, level in measurement.group.items():
        if attribute not in levels and attribute not in features:
            return f"expected groups of {listed(levels)}, received '{attribute}'"
        if attribute in levels and level not in levels[attribute] | {"missing"}:
            return f"expected levels {listed(sorted(levels[attribute]))} of {attribute}, received '{level}'"
    for attribute in measurement.over:
        if attribute not in levels:
            return f"expected a gap over {listed(levels)}, received '{attribute}'"
    target = evidence.info.target
    if measurement.output is not None and measurement.output not in {*target.classes, target.name}:
        return f"expected an output among {listed([*target.classes, target.name])}, received '{measurement.output}'"
    if measurement.split is not None and measurement.split not in evidence.predictions:
        return f"expected a split among {listed(evidence.predictions)}, received '{measurement.split}'"
    return None


def result_problem(result: AuditResult) -> str | None:
    """What is invalid in a result of unusual evidence; None if it is valid."""
    for measurement in result.measurements:
        if problem := interval_problem(measurement):
            return f"{measurement.id}: {problem}"
        if measurement.n == 0 and measurement.value not in (None, 0):
            return f"{measurement.id}: expected no value over 0 rows, received {measurement.value}"
    return None
