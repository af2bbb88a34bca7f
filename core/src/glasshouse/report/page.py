"""What a report says, as plain data: the same for every format, made from a record whose small groups are hidden."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from glasshouse.record.families import FAMILIES
from glasshouse.record.findings import SEVERITIES, Finding, FindingVerdict, Verdict
from glasshouse.record.measurements import AuditResult, Figure, Measurement, Section, Table, measurement_id
from glasshouse.record.record import Record
from glasshouse.record.seed_repeats import Spread
from glasshouse.report.facts import Fact, Facts, data_facts, flat, provenance, run_facts
from glasshouse.report.figure_tables import table_behind
from glasshouse.report.formatting import (
    NOTHING,
    show_about,
    show_cell,
    show_count,
    show_interval,
    show_level,
    show_list,
    show_name,
    show_number,
    show_spread,
    show_threshold,
)
from glasshouse.report.suppression import small_group_limit, suppress_small_groups

FINDING_WORDS: Mapping[FindingVerdict, str] = {
    "fail": "Not held",
    "insufficient_evidence": "Not enough evidence",
    "pass": "Held",
    "info": "For information",
}
VERDICT_WORDS: Mapping[Verdict, str] = {
    "fail": "The policy is not held",
    "insufficient_evidence": "Not enough evidence to say that the policy is held",
    "pass": "The policy is held",
    "not_judged": "Not judged",
}
FAMILY_TITLES: Mapping[str, str] = {
    "performance": "Performance",
    "explainability": "Explanations",
    "fairness": "Fairness",
    "privacy": "Privacy",
    "robustness": "Robustness",
    "data": "Data quality",
    "efficiency": "Efficiency",
}
_ORDER: Sequence[FindingVerdict] = ("fail", "insufficient_evidence", "pass", "info")
_LISTED_FEATURES = 40


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A measurement in words. `value` is a number, or says that and why there is none (`absent`)."""

    anchor: str
    audit: str
    name: str
    about: str
    value: str
    absent: bool
    interval: str
    level: str
    n: str
    split: str
    spread: str
    """What other seeds gave, in words; nothing without repeats."""
    measurement: Measurement


@dataclass(frozen=True, kw_only=True)
class Row:
    """A table's row; numbers are set apart from words."""

    cells: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A table in words. `numeric` says which columns hold numbers."""

    title: str
    description: str
    heads: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A figure, its number on the page and the table behind it."""

    number: int
    figure: Figure
    table: Grid


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A finding with the measurement it is about, where there is one."""

    finding: Finding
    words: str
    threshold: str
    reading: Reading | None


@dataclass(frozen=True, kw_only=True)
class Part:
    """One audit, or a section that a plugin added."""

    anchor: str
    title: str
    result: AuditResult | None
    text: str
    options: tuple[Fact, ...]
    """What an audit ran with."""
    notes: tuple[str, ...]
    readings: tuple[Reading, ...]
    tables: tuple[Grid, ...]
    pictures: tuple[Picture, ...]


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """The audits of one family, or the sections of plugins."""

    anchor: str
    title: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, kw_only=True)
class NotCovered:
    """Something that a reader could take for examined, and is not."""

    what: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Page:
    """All that a report says, in the order in which it is read."""

    title: str
    verdict: Verdict
    verdict_words: str
    summary: str
    findings: tuple[Judged, ...]
    informative: tuple[Judged, ...]
    facts: tuple[Fact, ...]
    chapters: tuple[Chapter, ...]
    not_covered: tuple[NotCovered, ...]
    readings: tuple[Reading, ...]
    data_facts: tuple[Fact, ...]
    features: Grid | None
    provenance: tuple[Facts, ...]
    small_group_limit: int


def build_page(record: Record) -> Page:
    """Turn a record into page data, small groups hidden."""
    record = suppress_small_groups(record)
    run = record.run
    readings = _readings(record)
    judged = sorted((_judged(finding, readings) for finding in record.findings), key=_importance)
    unapplied = [one for one in judged if one.finding.verdict == "info" and one.reading is None]
    deciding = tuple(one for one in judged if one.finding.verdict != "info")
    return Page(
        title=run["name"],
        verdict=record.verdict,
        verdict_words=VERDICT_WORDS[record.verdict],
        summary=_summary(deciding, str(run["config"].get("policy", ""))),
        findings=deciding,
        informative=tuple(one for one in judged if one.finding.verdict == "info" and one.reading is not None),
        facts=run_facts(run),
        chapters=_chapters(record, readings),
        not_covered=_not_covered(record, unapplied),
        readings=tuple(readings.values()),
        data_facts=data_facts(run["data"]),
        features=_features(run["data"]),
        provenance=provenance(run),
        small_group_limit=small_group_limit(record),
    )


def _readings(record: Record) -> dict[str, Reading]:
    measured = [(result.name, measurement) for result in record.audits for measurement in result.measurements]
    spreads = {one.measurement: one for one in record.repeats.spread} if record.repeats is not None else {}
    readings = {}
    for number, (audit, measurement) in enumerate(measured, start=1):
        identifier = measurement_id(audit, measurement)
        readings[identifier] = _reading(audit, measurement, number, spreads.get(identifier))
    return readings


# ---------------------------------------------------------------- findings


def _judged(finding: Finding, readings: Mapping[str, Reading]) -> Judged:
    return Judged(
        finding=finding,
        words=FINDING_WORDS[finding.verdict],
        threshold="" if finding.threshold is None else show_threshold(finding.threshold),
        reading=None if finding.measurement is None else readings[finding.measurement],
    )


def _importance(judged: Judged) -> tuple[int, int]:
    return _ORDER.index(judged.finding.verdict), SEVERITIES.index(judged.finding.severity)


def _summary(findings: Sequence[Judged], policy: str) -> str:
    """What the verdicts amount to, in a sentence or two."""
    if not findings:
        return "No rule of the policy decided anything: the numbers below stand without a judgement."
    numbers = {verdict: sum(one.finding.verdict == verdict for one in findings) for verdict in _ORDER}
    parts = [
        f"{numbers['fail']} not held" if numbers["fail"] else "",
        f"{numbers['insufficient_evidence']} without enough evidence" if numbers["insufficient_evidence"] else "",
        f"{numbers['pass']} held" if numbers["pass"] else "",
    ]
    total = f"{len(findings)} judgement{'s' if len(findings) != 1 else ''}"
    return f"{total} by the policy '{policy}': {show_list(part for part in parts if part)}."


def _not_covered(record: Record, unapplied: Iterable[Judged]) -> tuple[NotCovered, ...]:
    states = {"skipped": "skipped", "error": "ended in error"}
    audits = [
        NotCovered(what=f"{show_name(result.name)} ({states[result.status]})", why=result.reason or "")
        for result in record.audits
        if result.status != "completed"
    ]
    rules = [NotCovered(what=f"Rule: {one.finding.title}", why=one.finding.explanation) for one in unapplied]
    return (*audits, *rules)


# ---------------------------------------------------------------- chapters


def _chapters(record: Record, readings: Mapping[str, Reading]) -> tuple[Chapter, ...]:
    numbers = iter(range(1, 1_000_000))
    chapters = []
    for family in ("performance", "fairness", *(f for f in FAMILIES if f not in ("performance", "fairness"))):
        results = [result for result in record.audits if result.family == family]
        if results:
            parts = tuple(_audit_part(result, readings, numbers) for result in results)
            chapters.append(Chapter(anchor=f"family-{family}", title=FAMILY_TITLES[family], parts=parts))
    if record.sections:
        parts = tuple(_section_part(section, at, numbers) for at, section in enumerate(record.sections, start=1))
        chapters.append(Chapter(anchor="further", title="Further", parts=parts))
    return tuple(chapters)


def _audit_part(result: AuditResult, readings: Mapping[str, Reading], numbers: Iterable[int]) -> Part:
    whole = [measurement for measurement in result.measurements if not measurement.group]
    return Part(
        anchor=f"audit-{_anchor(result.name)}",
        title=show_name(result.name),
        result=result,
        text=result.reason or "",
        options=tuple(Fact(label=show_name(fact.label), value=fact.value) for fact in flat(result.parameters)),
        notes=tuple(result.notes),
        readings=tuple(readings[measurement_id(result.name, measurement)] for measurement in whole),
        tables=tuple(grid(table) for table in result.tables),
        pictures=_pictures(result.figures, numbers),
    )


def _section_part(section: Section, at: int, numbers: Iterable[int]) -> Part:
    return Part(
        anchor=f"section-{at}",
        title=section.title,
        result=None,
        text=section.text,
        options=(),
        notes=(),
        readings=(),
        tables=tuple(grid(table) for table in section.tables),
        pictures=_pictures(section.figures, numbers),
    )


def _pictures(figures: Iterable[Figure], numbers: Iterable[int]) -> tuple[Picture, ...]:
    return tuple(
        Picture(number=number, figure=figure, table=grid(table_behind(figure)))
        for figure, number in zip(figures, numbers, strict=False)
    )


def _reading(audit: str, measurement: Measurement, number: int, spread: Spread | None) -> Reading:
    absent = measurement.value is None
    value = show_number(measurement.value)
    if measurement.undefined is not None:
        hidden = measurement.undefined.startswith(("suppressed", "withheld"))
        value = measurement.undefined if hidden else f"not measured: {measurement.undefined}"
    return Reading(
        anchor=f"m{number}",
        audit=audit,
        name=show_name(measurement.name),
        about=show_about(measurement),
        value=value,
        absent=absent,
        interval=show_interval(measurement),
        level=show_level(measurement),
        n=show_count(measurement.n),
        split=measurement.split or NOTHING,
        spread="" if spread is None else show_spread(spread),
        measurement=measurement,
    )


def grid(table: Table) -> Grid:
    """A table's cells in words, each column under its own format."""
    names = [column.name.replace("_", " ") for column in table.columns]
    heads = tuple(
        f"{name} ({column.unit})" if column.unit else name for name, column in zip(names, table.columns, strict=True)
    )
    numeric = tuple(
        any(isinstance(row[at], (int, float)) and not isinstance(row[at], bool) for row in table.rows)
        for at in range(len(table.columns))
    )
    formats = [column.format for column in table.columns]
    rows = tuple(
        Row(cells=tuple(show_cell(cell, spec) for cell, spec in zip(row, formats, strict=True))) for row in table.rows
    )
    return Grid(title=table.title, description=table.description, heads=heads, numeric=numeric, rows=rows)


def _features(data: Mapping[str, Any]) -> Grid | None:
    features = data.get("features") or ()
    if not features:
        return None
    rows = tuple(
        Row(
            cells=(
                one["name"],
                one["kind"],
                str(len(one["columns"])),
                "no" if one.get("immutable") else "yes",
            )
        )
        for one in features[:_LISTED_FEATURES]
    )
    more = len(features) - len(rows)
    return Grid(
        title="Features",
        description=f"The first {len(rows)}; {more} more are in the record." if more else "",
        heads=("feature", "kind", "encoded columns", "people can change it"),
        numeric=(False, False, True, False),
        rows=rows,
    )


def _anchor(name: str) -> str:
    return "".join(character if character.isalnum() else "-" for character in name.lower())
