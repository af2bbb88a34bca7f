"""``glasshouse check RUN_DIR --policy policy.yaml``: judges a finished run from its record, for use in CI."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from glasshouse.record.findings import VERDICT_LABELS, Finding, FindingVerdict

_JUDGED: tuple[FindingVerdict, ...] = ("fail", "insufficient_evidence", "pass")


def main(argv: list[str]) -> int:
    """Judge a finished run by a policy; no file of the run changes.

    Returns:
        The exit code: 0 if no rule fails, else 1. Inconclusive rules count as failed only with `--strict`.

    Raises:
        UserError: if there is no record, the policy cannot be read, or the file for JUnit cannot be written.
    """
    parser = argparse.ArgumentParser(
        prog="glasshouse check",
        description="Judge a finished run by a policy. Exit code: 0 pass, 1 fail, 2 invalid input.",
    )
    parser.add_argument("run_dir", metavar="RUN_DIR", type=Path, help="the folder of a finished run")
    parser.add_argument("--policy", metavar="FILE", help="a file or a name (default: the policy of the run)")
    parser.add_argument("--strict", action="store_true", help="count inconclusive rules as failed")
    parser.add_argument("--junit", metavar="FILE", type=Path, help="write the findings as JUnit's XML, for CI")
    options = parser.parse_args(argv)

    from glasshouse.policy.judging import judge
    from glasshouse.policy.rules import load_policy
    from glasshouse.record.record import read_record

    record = read_record(options.run_dir / "record.json")
    policy = load_policy(options.policy or str(record.run["config"].get("policy") or "default"))
    findings, _ = judge(record.audits, policy, target_kind=record.run["data"]["target"]["kind"])
    judged = [finding for finding in findings if finding.verdict in _JUDGED]
    failing = ("fail", "insufficient_evidence") if options.strict else ("fail",)
    for verdict in _JUDGED:
        for finding in judged:
            if finding.verdict == verdict:
                print(f"{_label(verdict):<13} {_text(finding.title)}")
    if options.junit is not None:
        write_junit(options.junit, judged, name=f"glasshouse check: policy {policy.name}", strict=options.strict)
    counts = Counter(finding.verdict for finding in judged)
    print(", ".join(f"{counts[verdict]} {_label(verdict)}" for verdict in _JUDGED) + f" (policy '{policy.name}')")
    return 1 if any(finding.verdict in failing for finding in judged) else 0


def write_junit(path: Path, findings: Sequence[Finding], *, name: str, strict: bool) -> None:
    """Findings as a JUnit test suite: one test case each; inconclusive findings are skipped, or failed if `strict`."""
    from xml.etree.ElementTree import Element, SubElement, tostring

    from glasshouse.errors import UserError
    from glasshouse.system.atomic_files import write_atomic

    as_element = {"fail": "failure", "insufficient_evidence": "failure" if strict else "skipped"}
    elements = [as_element.get(finding.verdict) for finding in findings]
    totals = {"tests": len(findings), "failures": elements.count("failure"), "skipped": elements.count("skipped")}
    suites = Element("testsuites")
    suite = SubElement(suites, "testsuite", {"name": _text(name), **{key: str(value) for key, value in totals.items()}})
    for finding, element in zip(findings, elements, strict=True):
        case = SubElement(suite, "testcase", {"classname": _text(finding.audit), "name": _text(finding.title)})
        if element is not None:
            SubElement(case, element, {"message": _label(finding.verdict)}).text = _text(finding.explanation)
    try:
        write_atomic(path, tostring(suites, encoding="utf-8", xml_declaration=True))
    except OSError as error:
        raise UserError(f"--junit {path}", f"cannot be written: {error.strerror or error}.") from None


def _label(verdict: FindingVerdict) -> str:
    return VERDICT_LABELS[verdict].lower()


def _text(text: str) -> str:
    """The text without control characters, which XML forbids and terminals interpret; group names come from data."""
    return "".join(character if character.isprintable() else " " for character in text)
