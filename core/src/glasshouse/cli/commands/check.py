"""``glasshouse check RUN_DIR --policy policy.yaml``: judges a finished run from its record, for use in CI."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from glasshouse.record.findings import VERDICT_LABELS, Finding, FindingVerdict
from glasshouse.run_folder.manifest import check_unchanged

if TYPE_CHECKING:
    from glasshouse.record.record import Record

_JUDGED: tuple[FindingVerdict, ...] = ("fail", "insufficient_evidence", "pass")


def main(argv: list[str]) -> int:
    """Judge a finished run by a policy; no file of the run changes.

    Returns:
        The exit code: that of `gate_code`.

    Raises:
        UserError: if there is no record, or its manifest says otherwise; if the policy cannot be read, or names what
            does not exist; or if the file for JUnit cannot be written.
    """
    parser = argparse.ArgumentParser(
        prog="glasshouse check",
        description="Judge a finished run by a policy. Exit code: 0 every rule passes; 1 a rule fails, or applies to "
        "nothing and is not optional; 2 invalid input; 3 an audit ended in error.",
    )
    parser.add_argument("run_dir", metavar="RUN_DIR", type=Path, help="the folder of a finished run")
    parser.add_argument("--policy", metavar="FILE", help="a file or a name (default: the policy of the run)")
    parser.add_argument("--strict", action="store_true", help="count inconclusive rules as failed")
    parser.add_argument("--junit", metavar="FILE", type=Path, help="write the findings as JUnit's XML, for CI")
    parser.add_argument("--unverified", action="store_true", help="judge a record that its manifest does not confirm")
    options = parser.parse_args(argv)

    from glasshouse.config.policy_names import known_measurements
    from glasshouse.plugins import registry
    from glasshouse.policy.gate import gate_code
    from glasshouse.policy.judging import judge
    from glasshouse.policy.known_names import check_names
    from glasshouse.policy.rules import load_policy
    from glasshouse.record.record import read_record

    if not options.unverified:
        check_unchanged(options.run_dir, "record.json")
    record = read_record(options.run_dir / "record.json")
    policy = load_policy(options.policy or str(record.run["config"].get("policy") or "default"))
    attributes = {each["name"]: each["levels"] for each in record.run["data"].get("sensitive") or ()}
    check_names(policy, known_measurements(registry(), record.audits), attributes)
    findings, _ = judge(record.audits, policy, target_kind=record.run["data"]["target"]["kind"])
    judged = [finding for finding in findings if finding.verdict in _JUDGED]
    numbers = evidence_lines(record)
    for verdict in _JUDGED:
        for finding in judged:
            if finding.verdict == verdict:
                print(f"{_label(verdict):<13} {_text(finding.title)}")
                print(f"{'':<13} {_text(_evidence(finding, numbers))}")
    if options.junit is not None:
        title = f"glasshouse check: policy {policy.name}"
        write_junit(options.junit, judged, numbers, name=title, strict=options.strict)
    counts = Counter(finding.verdict for finding in judged)
    print(", ".join(f"{counts[verdict]} {_label(verdict)}" for verdict in _JUDGED) + f" (policy '{policy.name}')")
    return gate_code(findings, record.audits, strict=options.strict)


def evidence_lines(record: Record) -> dict[str, str]:
    """Identifier of a measurement -> its value, interval and number of rows as text, small groups suppressed."""
    from glasshouse.record.measurements import measurement_id
    from glasshouse.report.formatting import show_count, show_interval, show_number
    from glasshouse.report.suppression import suppress_small_groups

    lines = {}
    for result in suppress_small_groups(record).audits:
        for measurement in result.measurements:
            interval = show_interval(measurement)
            shown = f"{show_number(measurement.value)}" + (f" ({interval})" if interval else "")
            if measurement.value is None:
                shown = measurement.undefined or "not measured"
            elif measurement.n is not None:
                shown += f", n = {show_count(measurement.n)}"
            lines[measurement_id(result.name, measurement)] = shown
    return lines


def _evidence(finding: Finding, numbers: Mapping[str, str]) -> str:
    """The evidence of a finding: value, interval, rows and threshold; the reason where nothing was measured."""
    from glasshouse.report.formatting import show_threshold

    if finding.measurement is None:
        return finding.explanation
    threshold = "" if finding.threshold is None else f"; expected {show_threshold(finding.threshold)}"
    return numbers.get(finding.measurement, "not measured") + threshold


def write_junit(
    path: Path, findings: Sequence[Finding], numbers: Mapping[str, str], *, name: str, strict: bool
) -> None:
    """Findings as a JUnit test suite: one test case each, with its evidence as output.

    Inconclusive findings are skipped, or failed if `strict` or if the rule applied to nothing.
    """
    from xml.etree.ElementTree import Element, SubElement, tostring

    from glasshouse.errors import UserError
    from glasshouse.policy.gate import applies_to_nothing
    from glasshouse.system.atomic_files import write_atomic

    as_element = {"fail": "failure", "insufficient_evidence": "failure" if strict else "skipped"}
    elements = ["failure" if applies_to_nothing(finding) else as_element.get(finding.verdict) for finding in findings]
    totals = {"tests": len(findings), "failures": elements.count("failure"), "skipped": elements.count("skipped")}
    suites = Element("testsuites")
    suite = SubElement(suites, "testsuite", {"name": _text(name), **{key: str(value) for key, value in totals.items()}})
    for finding, element in zip(findings, elements, strict=True):
        case = SubElement(suite, "testcase", {"classname": _text(finding.audit), "name": _text(finding.title)})
        if element is not None:
            SubElement(case, element, {"message": _label(finding.verdict)}).text = _text(finding.explanation)
        SubElement(case, "system-out").text = _text(_evidence(finding, numbers))
    try:
        write_atomic(path, tostring(suites, encoding="utf-8", xml_declaration=True))
    except OSError as error:
        raise UserError(f"--junit {path}", f"cannot be written: {error.strerror or error}.") from None


def _label(verdict: FindingVerdict) -> str:
    return VERDICT_LABELS[verdict].lower()


def _text(text: str) -> str:
    """The text without control characters, which XML forbids and terminals interpret; group names come from data."""
    return "".join(character if character.isprintable() else " " for character in text)
