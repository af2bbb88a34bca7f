"""The record of a run: versioned JSON that can be judged and rendered again without the model or the data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glasshouse.errors import UserError
from glasshouse.record.findings import Finding, Verdict, overall_verdict
from glasshouse.record.measurements import AuditResult, Measurement, Section, measurement_id
from glasshouse.record.record_io import (
    finding_of,
    plain_values,
    refuse_duplicates,
    repeats_of,
    result_of,
    result_values,
    schema_violation,
    section_of,
)
from glasshouse.record.seed_repeats import Repeats
from glasshouse.system.atomic_files import read_json
from glasshouse.system.garbage import no_collection

SCHEMA = "glasshouse/record/1"


@dataclass(frozen=True, kw_only=True)
class Record:
    """Everything that a report shows: the run's header, audit results, findings, sections and the verdict.

    `run` has plain values under the keys that `schemas/record-1.json` requires: id, name, created (ISO 8601),
    glasshouse_version, command, seed, config, provenance, data (`DataInfo.to_dict()`), model (name, parameters, ...).
    """

    run: Mapping[str, Any]
    verdict: Verdict
    audits: tuple[AuditResult, ...]
    findings: tuple[Finding, ...] = ()
    sections: tuple[Section, ...] = ()
    repeats: Repeats | None = None
    """The same training repeated with other seeds; None for a run with a single seed."""

    @property
    def performance(self) -> tuple[Measurement, ...]:
        """The measurements of all audits of the family `performance`."""
        return tuple(m for audit in self.audits if audit.family == "performance" for m in audit.measurements)

    def measurements(self) -> Iterator[tuple[str, Measurement]]:
        """Every measurement with its identifier, in the order of the audits."""
        for audit in self.audits:
            for measurement in audit.measurements:
                yield measurement_id(audit.name, measurement), measurement

    def to_dict(self) -> dict[str, Any]:
        """The content of `record.json`: dictionaries, lists, texts and finite numbers.

        Raises:
            ValueError: if a part violates the schema; the message names the place.
        """
        audits = [result_values(audit) for audit in self.audits]
        values = {
            "schema": SCHEMA,
            "run": plain_values(self.run, "run"),
            "verdict": self.verdict,
            "performance": _performance(audits),
            "audits": audits,
            "findings": plain_values(self.findings, "findings"),
            "sections": plain_values(self.sections, "sections"),
        }
        if self.repeats is not None:
            values["repeats"] = plain_values(self.repeats, "repeats")
        if violation := schema_violation(values, "record"):
            raise ValueError(violation)
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, source: str = "record") -> Record:
        """The inverse of `to_dict`; error messages name the values `source`.

        Raises:
            UserError: if the values violate the schema, or a finding names a measurement that the record lacks.
        """
        version = values.get("schema") if isinstance(values, Mapping) else None
        if version != SCHEMA:
            raise UserError(source, f"expected a record of schema '{SCHEMA}', got {version!r}.", "Run the audit again.")
        if violation := schema_violation(values, "record"):
            raise UserError(source, violation, "Run the audit again.")
        if values["performance"] != _performance(values["audits"]):
            raise UserError(source, "is inconsistent: `performance` differs from its audits.", "Run the audit again.")
        try:
            record = build_record(
                dict(values["run"]),
                [result_of(audit) for audit in values["audits"]],
                [finding_of(finding) for finding in values["findings"]],
                [section_of(section) for section in values["sections"]],
                repeats_of(values.get("repeats")),
            )
        except ValueError as error:
            raise UserError(source, f"is inconsistent: {error}.", "Run the audit again.") from None
        if record.verdict != values["verdict"]:
            raise UserError(
                source,
                f"is inconsistent: its verdict is '{values['verdict']}', but its findings give '{record.verdict}'.",
                "Audit the run again with `glasshouse audit`.",
            )
        return record


def build_record(
    run_header: Mapping[str, Any],
    results: Sequence[AuditResult],
    findings: Sequence[Finding] = (),
    sections: Sequence[Section] = (),
    repeats: Repeats | None = None,
) -> Record:
    """A record from its parts; the verdict is computed from the findings.

    Raises:
        ValueError: if two audits or two measurements share an identifier, or a finding names an unknown measurement.
    """
    refuse_duplicates("audits", (result.name for result in results))
    for result in results:
        refuse_duplicates(f"measurements of audit '{result.name}'", (m.id for m in result.measurements))
    record = Record(
        run=dict(run_header),
        verdict=overall_verdict(findings),
        audits=tuple(results),
        findings=tuple(findings),
        sections=tuple(sections),
        repeats=repeats,
    )
    known = {identifier for identifier, _ in record.measurements()}
    for finding in findings:
        if finding.measurement is not None and finding.measurement not in known:
            raise ValueError(f"finding '{finding.title}' names the unknown measurement '{finding.measurement}'")
    for spread in repeats.spread if repeats is not None else ():
        if spread.measurement not in known:
            raise ValueError(f"a spread names the unknown measurement '{spread.measurement}'")
        if repeats is not None and len(spread.values) != len(repeats.seeds):
            raise ValueError(f"the spread of '{spread.measurement}' needs one value for each seed")
    return record


def read_record(path: Path) -> Record:
    """Read `record.json` and validate it against the schema.

    Raises:
        UserError: if the file is missing, is not JSON, has another schema version, or violates the schema.
    """
    with no_collection():
        return Record.from_dict(read_json(path), source=str(path))


def _performance(audits: Iterable[Mapping[str, Any]]) -> list[Any]:
    return [m for audit in audits if audit["family"] == "performance" for m in audit["measurements"]]
