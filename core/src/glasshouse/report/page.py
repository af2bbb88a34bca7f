"""The content of a report as plain data, shared by all formats; small groups are already suppressed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from glasshouse.record.families import FAMILIES
from glasshouse.record.findings import SEVERITIES, VERDICT_LABELS, Finding, FindingVerdict, Verdict
from glasshouse.record.measurements import AuditResult, Figure, Measurement, Section, Table, measurement_id
from glasshouse.record.record import Record
from glasshouse.record.seed_repeats import Spread
from glasshouse.report.crowded_groups import folded_measurements, without_suppressed_rows
from glasshouse.report.facts import Fact, Facts, data_facts, flat, provenance, run_facts
from glasshouse.report.figures.tables import table_behind
from glasshouse.report.formatting import (
    NOTHING,
    show_cell,
    show_count,
    show_interval,
    show_level,
    show_list,
    show_name,
    show_number,
    show_scope,
    show_spread,
    show_threshold,
)
from glasshouse.report.suppression import small_group_limit, suppress_small_groups

FAMILY_TITLES: Mapping[str, str] = {
    "performance": "Performance",
    "explainability": "Explanations",
    "fairness": "Fairness",
    "privacy": "Privacy",
    "robustness": "Robustness",
    "data": "Data quality",
    "efficiency": "Efficiency",
}
_VERDICT_ORDER: Sequence[FindingVerdict] = ("fail", "insufficient_evidence", "pass", "info")
_MAX_FEATURES = 40


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownMeasurement:
    """A measurement as text. `value` is the number, or the reason why there is none (then `undefined` is true)."""

    anchor: str
    audit: str
    name: str
    scope: str
    value: str
    undefined: bool
    interval: str
    level: str
    n: str
    split: str
    spread: str
    """Mean and range over other seeds; empty without repetitions."""
    raw: Measurement


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One row of a table as text."""

    cells: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownTable:
    """A table as text; `numeric` marks the columns with numbers, which are right-aligned."""

    title: str
    description: str
    header: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, kw_only=True)
class ShownFigure:
    """A figure, its number on the page, and its data as a table."""

    number: int
    figure: Figure
    table: ShownTable


@dataclass(frozen=True, kw_only=True)
class ShownFinding:
    """A finding as text, with its measurement if there is one."""

    finding: Finding
    label: str
    """Pass, Fail, Inconclusive or Info."""
    threshold: str
    measurement: ShownMeasurement | None


@dataclass(frozen=True, kw_only=True)
class Part:
    """One audit, or a section that a plugin added."""

    anchor: str
    title: str
    result: AuditResult | None
    text: str
    options: tuple[Fact, ...]
    """The options of the audit, defaults included."""
    notes: tuple[str, ...]
    measurements: tuple[ShownMeasurement, ...]
    tables: tuple[ShownTable, ...]
    figures: tuple[ShownFigure, ...]


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """The audits of one family, or the sections of plugins."""

    anchor: str
    title: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, kw_only=True)
class NotCovered:
    """An audit without a result or a rule that was not applied, and the reason."""

    what: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Page:
    """The content of a report, in reading order."""

    title: str
    verdict: Verdict
    verdict_label: str
    summary: str
    findings: tuple[ShownFinding, ...]
    informative: tuple[ShownFinding, ...]
    facts: tuple[Fact, ...]
    chapters: tuple[Chapter, ...]
    not_covered: tuple[NotCovered, ...]
    measurements: tuple[ShownMeasurement, ...]
    """All but those of attributes with many groups; see `folded_measurements`."""
    folded: int
    """How many measurements of such attributes are left out."""
    data_facts: tuple[Fact, ...]
    features: ShownTable | None
    provenance: tuple[Facts, ...]
    small_group_limit: int


def build_page(record: Record) -> Page:
    """The page of a record; small groups are suppressed."""
    record = suppress_small_groups(record)
    run = record.run
    folded = folded_measurements(record)
    measurements = _shown_measurements(record)
    judged = sorted((_shown_finding(finding, measurements) for finding in record.findings), key=_importance)
    unapplied = [one for one in judged if one.finding.verdict == "info" and one.measurement is None]
    deciding = tuple(one for one in judged if one.finding.verdict != "info")
    return Page(
        title=run["name"],
        verdict=record.verdict,
        verdict_label=VERDICT_LABELS[record.verdict],
        summary=_summary(deciding, str(run["config"].get("policy", ""))),
        findings=deciding,
        informative=tuple(one for one in judged if one.finding.verdict == "info" and one.measurement is not None),
        facts=run_facts(run),
        chapters=_chapters(record, measurements),
        not_covered=_not_covered(record, unapplied),
        measurements=tuple(one for identifier, one in measurements.items() if identifier not in folded),
        folded=len(folded),
        data_facts=data_facts(run["data"]),
        features=_features(run["data"]),
        provenance=provenance(run),
        small_group_limit=small_group_limit(record),
    )


def _shown_measurements(record: Record) -> dict[str, ShownMeasurement]:
    measured = [(result.name, measurement) for result in record.audits for measurement in result.measurements]
    spreads = {one.measurement: one for one in record.repeats.spread} if record.repeats is not None else {}
    measurements = {}
    for number, (audit, measurement) in enumerate(measured, start=1):
        identifier = measurement_id(audit, measurement)
        measurements[identifier] = _shown_measurement(audit, measurement, number, spreads.get(identifier))
    return measurements


# ---------------------------------------------------------------- findings


def _shown_finding(finding: Finding, measurements: Mapping[str, ShownMeasurement]) -> ShownFinding:
    return ShownFinding(
        finding=finding,
        label=VERDICT_LABELS[finding.verdict],
        threshold="" if finding.threshold is None else show_threshold(finding.threshold),
        measurement=None if finding.measurement is None else measurements[finding.measurement],
    )


def _importance(judged: ShownFinding) -> tuple[int, int]:
    return _VERDICT_ORDER.index(judged.finding.verdict), SEVERITIES.index(judged.finding.severity)


def _summary(findings: Sequence[ShownFinding], policy: str) -> str:
    """How many findings have which verdict, in one sentence."""
    if not findings:
        return "No rule of the policy has a threshold for these measurements, so they are shown without a verdict."
    counts = Counter(one.finding.verdict for one in findings)
    parts = [f"{counts[verdict]} {VERDICT_LABELS[verdict].lower()}" for verdict in _VERDICT_ORDER if counts[verdict]]
    total = f"{len(findings)} finding{'s' if len(findings) != 1 else ''}"
    return f"{total} under the policy '{policy}': {show_list(parts)}."


def _not_covered(record: Record, unapplied: Iterable[ShownFinding]) -> tuple[NotCovered, ...]:
    states = {"skipped": "skipped", "error": "ended in error"}
    audits = [
        NotCovered(what=f"{show_name(result.name)} ({states[result.status]})", why=result.reason or "")
        for result in record.audits
        if result.status != "completed"
    ]
    rules = [NotCovered(what=f"Rule: {one.finding.title}", why=one.finding.explanation) for one in unapplied]
    return (*audits, *rules)


# ---------------------------------------------------------------- chapters


def _chapters(record: Record, measurements: Mapping[str, ShownMeasurement]) -> tuple[Chapter, ...]:
    numbers = iter(range(1, 1_000_000))
    chapters = []
    for family in ("performance", "fairness", *(f for f in FAMILIES if f not in ("performance", "fairness"))):
        results = [result for result in record.audits if result.family == family]
        if results:
            parts = tuple(_audit_part(result, measurements, numbers) for result in results)
            chapters.append(Chapter(anchor=f"family-{family}", title=FAMILY_TITLES[family], parts=parts))
    if record.sections:
        parts = tuple(_section_part(section, at, numbers) for at, section in enumerate(record.sections, start=1))
        chapters.append(Chapter(anchor="further", title="Additional sections", parts=parts))
    return tuple(chapters)


def _audit_part(result: AuditResult, measurements: Mapping[str, ShownMeasurement], numbers: Iterable[int]) -> Part:
    whole = [measurement for measurement in result.measurements if not measurement.group]
    return Part(
        anchor=f"audit-{_anchor(result.name)}",
        title=show_name(result.name),
        result=result,
        text=result.reason or "",
        options=tuple(Fact(label=show_name(fact.label), value=fact.value) for fact in flat(result.parameters)),
        notes=tuple(result.notes),
        measurements=tuple(measurements[measurement_id(result.name, measurement)] for measurement in whole),
        tables=tuple(shown_table(table) for table in result.tables),
        figures=_shown_figures(result.figures, numbers),
    )


def _section_part(section: Section, at: int, numbers: Iterable[int]) -> Part:
    return Part(
        anchor=f"section-{at}",
        title=section.title,
        result=None,
        text=section.text,
        options=(),
        notes=(),
        measurements=(),
        tables=tuple(shown_table(table) for table in section.tables),
        figures=_shown_figures(section.figures, numbers),
    )


def _shown_figures(figures: Iterable[Figure], numbers: Iterable[int]) -> tuple[ShownFigure, ...]:
    return tuple(
        ShownFigure(number=number, figure=figure, table=shown_table(table_behind(figure)))
        for figure, number in zip(figures, numbers, strict=False)
    )


def _shown_measurement(audit: str, measurement: Measurement, number: int, spread: Spread | None) -> ShownMeasurement:
    undefined = measurement.value is None
    value = show_number(measurement.value)
    if measurement.undefined is not None:
        hidden = measurement.undefined.startswith(("suppressed", "withheld"))
        value = measurement.undefined if hidden else f"not measured: {measurement.undefined}"
    return ShownMeasurement(
        anchor=f"m{number}",
        audit=audit,
        name=show_name(measurement.name),
        scope=show_scope(measurement),
        value=value,
        undefined=undefined,
        interval=show_interval(measurement),
        level=show_level(measurement),
        n=show_count(measurement.n),
        split=measurement.split or NOTHING,
        spread="" if spread is None else show_spread(spread),
        raw=measurement,
    )


def shown_table(table: Table) -> ShownTable:
    """The cells of a table as text, each column in its own format; a long table leaves suppressed rows out."""
    table = without_suppressed_rows(table)
    names = [column.name.replace("_", " ") for column in table.columns]
    header = tuple(
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
    return ShownTable(title=table.title, description=table.description, header=header, numeric=numeric, rows=rows)


def _features(data: Mapping[str, Any]) -> ShownTable | None:
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
        for one in features[:_MAX_FEATURES]
    )
    more = len(features) - len(rows)
    return ShownTable(
        title="Features",
        description=f"The first {len(rows)}; the record has {more} more." if more else "",
        header=("feature", "kind", "encoded columns", "person can change it"),
        numeric=(False, False, True, False),
        rows=rows,
    )


def _anchor(name: str) -> str:
    return "".join(character if character.isalnum() else "-" for character in name.lower())
