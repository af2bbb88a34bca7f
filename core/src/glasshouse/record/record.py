"""The saved run: versioned JSON from which it can be judged and rendered again, without the model."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from glasshouse.errors import UserError
from glasshouse.record.findings import Finding, Threshold, Verdict, overall_verdict
from glasshouse.record.measurements import AuditResult, Column, Figure, Measurement, Section, Table
from glasshouse.record.seed_repeats import Repeats, Spread
from glasshouse.system.atomic_files import read_json

SCHEMA = "glasshouse/record/1"


@dataclass(frozen=True, kw_only=True)
class Record:
    """All that a report needs, and nothing else is needed.

    `run` holds plain values under the keys that `schemas/record-1.json` requires: id, name, created (ISO 8601),
    glasshouse_version, command, seed, config, provenance, data (`DataInfo.to_dict()`), model (name, parameters, ...).
    """

    run: Mapping[str, Any]
    verdict: Verdict
    audits: tuple[AuditResult, ...]
    findings: tuple[Finding, ...] = ()
    sections: tuple[Section, ...] = ()
    repeats: Repeats | None = None
    """The same training with other seeds; None where there was none."""

    @property
    def performance(self) -> tuple[Measurement, ...]:
        """The measurements of the audits of family performance."""
        return tuple(m for audit in self.audits if audit.family == "performance" for m in audit.measurements)

    def measurements(self) -> Iterator[tuple[str, Measurement]]:
        """Every measurement with its identifier, in the order of the audits."""
        for audit in self.audits:
            for measurement in audit.measurements:
                yield measurement_id(audit.name, measurement), measurement

    def to_dict(self) -> dict[str, Any]:
        """The structure that `record.json` holds.

        Raises:
            ValueError: if a part departs from the schema, saying where.
        """
        audits = [_result_values(audit) for audit in self.audits]
        values = {
            "schema": SCHEMA,
            "run": _plain(self.run, "run"),
            "verdict": self.verdict,
            "performance": _performance(audits),
            "audits": audits,
            "findings": _plain(self.findings, "findings"),
            "sections": _plain(self.sections, "sections"),
        }
        if self.repeats is not None:
            values["repeats"] = _plain(self.repeats, "repeats")
        if departure := _departure(values, "record"):
            raise ValueError(departure)
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, source: str = "record") -> Record:
        """The inverse of `to_dict`; `source` is how an error names the values.

        Raises:
            UserError: naming the place that departs from the schema, or a finding without its measurement.
        """
        version = values.get("schema") if isinstance(values, Mapping) else None
        if version != SCHEMA:
            raise UserError(source, f"expected a record of schema '{SCHEMA}', got {version!r}.", "Run the audit again.")
        if departure := _departure(values, "record"):
            raise UserError(source, departure, "Run the audit again.")
        if values["performance"] != _performance(values["audits"]):
            raise UserError(source, "contradicts itself: performance differs from its audits.", "Run the audit again.")
        try:
            record = build_record(
                dict(values["run"]),
                [_result(audit) for audit in values["audits"]],
                [_finding(finding) for finding in values["findings"]],
                [_section(section) for section in values["sections"]],
                _repeats(values.get("repeats")),
            )
        except ValueError as error:
            raise UserError(source, f"contradicts itself: {error}.", "Run the audit again.") from None
        if record.verdict != values["verdict"]:
            raise UserError(
                source,
                f"contradicts itself: its verdict is '{values['verdict']}', its findings amount to '{record.verdict}'.",
                "Audit the run again with `glasshouse audit`.",
            )
        return record


def measurement_id(audit: str, measurement: Measurement) -> str:
    """The identifier of a measurement within a record: ``fairness/selection_rate[sex=Female]@test``."""
    return f"{audit}/{measurement.id}"


def build_record(
    run_header: Mapping[str, Any],
    results: Sequence[AuditResult],
    findings: Sequence[Finding] = (),
    sections: Sequence[Section] = (),
    repeats: Repeats | None = None,
) -> Record:
    """Put a run together; the verdict follows from the findings.

    Raises:
        ValueError: if two audits or two measurements share an identifier, or a finding names an unknown measurement.
    """
    _refuse_duplicates("audits", (result.name for result in results))
    for result in results:
        _refuse_duplicates(f"measurements of audit '{result.name}'", (m.id for m in result.measurements))
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
            raise ValueError(f"finding '{finding.title}' is about unknown measurement '{finding.measurement}'")
    for spread in repeats.spread if repeats is not None else ():
        if spread.measurement not in known:
            raise ValueError(f"a spread is about unknown measurement '{spread.measurement}'")
        if repeats is not None and len(spread.values) != len(repeats.seeds):
            raise ValueError(f"the spread of '{spread.measurement}' has not one value a seed")
    return record


def result_to_dict(result: AuditResult) -> dict[str, Any]:
    """One audit as `audits/NAME.json` and the record hold it: lists, dictionaries and finite numbers alone.

    Raises:
        ValueError: if two of its measurements share an identifier, or a part departs from the schema, saying where.
    """
    _refuse_duplicates(f"measurements of audit '{result.name}'", (m.id for m in result.measurements))
    values = _result_values(result)
    if departure := _departure(values, "audit"):
        raise ValueError(f"audit '{result.name}': {departure}")
    for figure in values["figures"]:
        if uneven := _uneven(figure["kind"], figure["data"]):
            raise ValueError(f"audit '{result.name}', figure '{figure['title']}': {uneven}")
    return values


def result_from_dict(values: Mapping[str, Any], *, source: str = "audit result") -> AuditResult:
    """The inverse of `result_to_dict`; `source` is how an error names the values.

    Raises:
        UserError: naming the place that departs from the schema.
    """
    if departure := _departure(values, "audit"):
        raise UserError(source, departure, "Run the audit again.")
    try:
        return _result(values)
    except ValueError as error:
        raise UserError(source, f"contradicts itself: {error}.", "Run the audit again.") from None


def read_record(path: Path) -> Record:
    """Read and check a record; never half of one.

    Raises:
        UserError: if the file is missing, not JSON, of another schema, or departs from the schema (saying where).
    """
    return Record.from_dict(read_json(path), source=str(path))


@cache
def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of `record.json`."""
    values: dict[str, Any] = json.loads(files("glasshouse.record").joinpath("schemas/record-1.json").read_text("utf-8"))
    return values


@cache
def _validator(definition: str) -> Any:
    from jsonschema import Draft202012Validator

    root = schema()
    return Draft202012Validator(
        root if definition == "record" else {**root["$defs"][definition], "$defs": root["$defs"]}
    )


def _departure(values: Any, definition: str) -> str | None:
    """The most telling departure from the schema, or None."""
    from jsonschema.exceptions import best_match

    error = best_match(_validator(definition).iter_errors(values))
    if error is None:
        return None
    message = error.message if len(error.message) <= 200 else f"{error.message[:160]} ... {error.message[-40:]}"
    return f"at {error.json_path}: {message}."


def _uneven(kind: str, data: Mapping[str, Any]) -> str | None:
    """Which lists of a figure that belong together differ in length; a schema cannot say that."""
    together: list[dict[str, int]] = []

    def aligned(part: Mapping[str, Any], *names: str) -> None:
        together.append({name: len(part[name]) for name in names if part.get(name) is not None})

    if kind in ("bar", "dot_interval"):
        aligned(data, "labels", "values", "low", "high", "n", "under")
    elif kind in ("line", "scatter"):
        for series in data["series"]:
            aligned(series, "x", "y", "low", "high")
    elif kind == "histogram":
        together += [{"edges less one": len(data["edges"]) - 1, "counts": len(s["counts"])} for s in data["series"]]
    elif kind == "heatmap":
        together.append({"rows": len(data["rows"]), "values": len(data["values"])})
        together += [{"columns": len(data["columns"]), "a row of values": len(row)} for row in data["values"]]
    elif kind == "beeswarm":
        for swarm in data["swarms"]:
            aligned(swarm, "x", "n", "level")
    elif kind == "shaded_text":
        for one in data["texts"]:
            aligned(one, "tokens", "weights")
    wrong = next((lengths for lengths in together if len(set(lengths.values())) > 1), None)
    return None if wrong is None else ", ".join(f"{name}: {length}" for name, length in wrong.items()) + " do not match"


def _refuse_duplicates(what: str, names: Iterable[str]) -> None:
    repeated = sorted(name for name, times in Counter(names).items() if times > 1)
    if repeated:
        raise ValueError(f"{what}: identifiers must be unique, repeated: {', '.join(repeated[:5])}")


def _plain(value: Any, where: str) -> Any:
    """Dataclasses as dictionaries, tuples as lists, NumPy's numbers as Python's; what JSON cannot hold is refused."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{where}: {value} is not finite; what is undefined is None")
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, f"{where}[{position}]") for position, item in enumerate(value)]
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name), f"{where}.{field.name}") for field in fields(value)}
    if hasattr(value, "tolist"):
        return _plain(value.tolist(), where)
    raise ValueError(f"{where}: {type(value).__name__} has no place in a record; use numbers, strings, lists, mappings")


def _performance(audits: Iterable[Mapping[str, Any]]) -> list[Any]:
    return [m for audit in audits if audit["family"] == "performance" for m in audit["measurements"]]


def _result_values(result: AuditResult) -> dict[str, Any]:
    where = f"audit '{result.name}'"
    values: dict[str, Any] = _plain(result, where)
    for stored, measurement in zip(values["measurements"], result.measurements, strict=True):
        stored["id"] = measurement_id(result.name, measurement)
    values["measurements"] = [{"id": stored.pop("id"), **stored} for stored in values["measurements"]]
    return values


def _result(values: Mapping[str, Any]) -> AuditResult:
    rest = dict(values)
    measurements = []
    for stored in rest.pop("measurements"):
        fields = dict(stored)
        expected = fields.pop("id")
        measurement = Measurement(**{**fields, "over": tuple(fields["over"])})
        if measurement_id(rest["name"], measurement) != expected:
            raise ValueError(f"measurement '{expected}' is not what its identifier says")
        measurements.append(measurement)
    tables = tuple(_table(table) for table in rest.pop("tables"))
    figures = tuple(Figure(**figure) for figure in rest.pop("figures"))
    notes = tuple(rest.pop("notes"))
    return AuditResult(measurements=tuple(measurements), tables=tables, figures=figures, notes=notes, **rest)


def _table(values: Mapping[str, Any]) -> Table:
    columns = tuple(Column(**column) for column in values["columns"])
    return Table(**{**values, "columns": columns, "rows": tuple(tuple(row) for row in values["rows"])})


def _finding(values: Mapping[str, Any]) -> Finding:
    threshold = values["threshold"]
    return Finding(**{**values, "threshold": None if threshold is None else Threshold(**threshold)})


def _section(values: Mapping[str, Any]) -> Section:
    tables = tuple(_table(table) for table in values["tables"])
    return Section(**{**values, "tables": tables, "figures": tuple(Figure(**figure) for figure in values["figures"])})


def _repeats(values: Mapping[str, Any] | None) -> Repeats | None:
    if values is None:
        return None
    spread = tuple(Spread(**{**one, "values": tuple(one["values"])}) for one in values["spread"])
    return Repeats(seeds=tuple(values["seeds"]), spread=spread)
