"""Audit results and other parts of a record as JSON values and back, and the check against the record's JSON Schema."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from glasshouse.errors import UserError
from glasshouse.record.findings import Finding, Threshold
from glasshouse.record.measurements import AuditResult, Column, Figure, Measurement, Section, Table, measurement_id
from glasshouse.record.seed_repeats import Repeats, Spread


def result_to_dict(result: AuditResult) -> dict[str, Any]:
    """One audit as stored in `audits/NAME.json` and in the record: lists, dictionaries, texts and finite numbers.

    Raises:
        ValueError: if two measurements share an identifier, or a part violates the schema; the message names it.
    """
    refuse_duplicates(f"measurements of audit '{result.name}'", (m.id for m in result.measurements))
    values = result_values(result)
    if violation := schema_violation(values, "audit"):
        raise ValueError(f"audit '{result.name}': {violation}")
    for figure in values["figures"]:
        if mismatch := _length_mismatch(figure["kind"], figure["data"]):
            raise ValueError(f"audit '{result.name}', figure '{figure['title']}': {mismatch}")
    return values


def result_from_dict(values: Mapping[str, Any], *, source: str = "audit result") -> AuditResult:
    """The inverse of `result_to_dict`; error messages name the values `source`.

    Raises:
        UserError: naming the place that violates the schema.
    """
    if violation := schema_violation(values, "audit"):
        raise UserError(source, violation, "Run the audit again.")
    try:
        return result_of(values)
    except ValueError as error:
        raise UserError(source, f"is inconsistent: {error}.", "Run the audit again.") from None


@cache
def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of `record.json`."""
    values: dict[str, Any] = json.loads(files("glasshouse.record").joinpath("schemas/record-1.json").read_text("utf-8"))
    return values


def _schema_of(definition: str) -> dict[str, Any]:
    root = schema()
    return root if definition == "record" else {**root["$defs"][definition], "$defs": root["$defs"]}


@cache
def _validator(definition: str) -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(_schema_of(definition))


@cache
def _fast_validator(definition: str) -> Any:
    from jsonschema_rs import Draft202012Validator

    return Draft202012Validator(_schema_of(definition))


def _is_valid(values: Any, definition: str) -> bool:
    """Whether the compiled validator accepts the values, a thousand times faster than `jsonschema`.

    It knows no NumPy scalars; these, and whatever it rejects, are for `jsonschema` to judge.
    """
    try:
        return bool(_fast_validator(definition).is_valid(values))
    except ValueError:
        return False


def schema_violation(values: Any, definition: str) -> str | None:
    """The most relevant violation of the schema as one sentence; None for valid values."""
    if _is_valid(values, definition):
        return None
    from jsonschema.exceptions import best_match

    error = best_match(_validator(definition).iter_errors(values))
    if error is None:
        return None
    message = error.message if len(error.message) <= 200 else f"{error.message[:160]} ... {error.message[-40:]}"
    return f"at {error.json_path}: {message}."


def _length_mismatch(kind: str, data: Mapping[str, Any]) -> str | None:
    """Which parallel lists of a figure differ in length, which JSON Schema cannot express; None if all match."""
    together: list[dict[str, int]] = []

    def aligned(part: Mapping[str, Any], *names: str) -> None:
        together.append({name: len(part[name]) for name in names if part.get(name) is not None})

    if kind in ("bar", "dot_interval"):
        aligned(data, "labels", "values", "low", "high", "n", "under")
    elif kind in ("line", "scatter"):
        for series in data["series"]:
            aligned(series, "x", "y", "low", "high")
    elif kind == "histogram":
        together += [{"edges minus one": len(data["edges"]) - 1, "counts": len(s["counts"])} for s in data["series"]]
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


def refuse_duplicates(what: str, names: Iterable[str]) -> None:
    """Raise a ValueError where an identifier occurs twice."""
    repeated = sorted(name for name, times in Counter(names).items() if times > 1)
    if repeated:
        raise ValueError(f"{what}: identifiers must be unique, repeated: {', '.join(repeated[:5])}")


_PLAIN = frozenset({str, int, bool, type(None)})


@cache
def _field_names(dataclass: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(dataclass))


def plain_values(value: Any, where: str) -> Any:
    """Dataclasses as dictionaries, tuples as lists, NumPy numbers as Python numbers.

    Raises:
        ValueError: for a value that JSON cannot represent, naming its place `where`.
    """
    if type(value) in _PLAIN or isinstance(value, (str, int)):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{where}: {value} is not finite; use None for an undefined value")
        return value
    # places of plain items are never needed, and naming them would take most of the time
    if isinstance(value, Mapping):
        return {
            str(key): item if type(item) in _PLAIN else plain_values(item, f"{where}.{key}")
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [
            item if type(item) in _PLAIN else plain_values(item, f"{where}[{position}]")
            for position, item in enumerate(value)
        ]
    if is_dataclass(value) and not isinstance(value, type):
        items = ((name, getattr(value, name)) for name in _field_names(type(value)))
        return {name: item if type(item) in _PLAIN else plain_values(item, f"{where}.{name}") for name, item in items}
    if hasattr(value, "tolist"):
        return plain_values(value.tolist(), where)
    raise ValueError(
        f"{where}: {type(value).__name__} cannot be stored in a record; use numbers, strings, lists or mappings"
    )


def result_values(result: AuditResult) -> dict[str, Any]:
    """An audit result as plain values, each measurement with its identifier first; not checked against the schema."""
    where = f"audit '{result.name}'"
    values: dict[str, Any] = plain_values(result, where)
    for stored, measurement in zip(values["measurements"], result.measurements, strict=True):
        stored["id"] = measurement_id(result.name, measurement)
    values["measurements"] = [{"id": stored.pop("id"), **stored} for stored in values["measurements"]]
    return values


def result_of(values: Mapping[str, Any]) -> AuditResult:
    """The audit result of plain values that fit the schema.

    Raises:
        ValueError: if a stored identifier does not match its measurement.
    """
    rest = dict(values)
    measurements = []
    for stored in rest.pop("measurements"):
        fields = dict(stored)
        expected = fields.pop("id")
        measurement = Measurement(**{**fields, "over": tuple(fields["over"])})
        if measurement_id(rest["name"], measurement) != expected:
            raise ValueError(f"measurement '{expected}' does not match its identifier")
        measurements.append(measurement)
    tables = tuple(_table(table) for table in rest.pop("tables"))
    figures = tuple(Figure(**figure) for figure in rest.pop("figures"))
    notes = tuple(rest.pop("notes"))
    return AuditResult(measurements=tuple(measurements), tables=tables, figures=figures, notes=notes, **rest)


def _table(values: Mapping[str, Any]) -> Table:
    columns = tuple(Column(**column) for column in values["columns"])
    return Table(**{**values, "columns": columns, "rows": tuple(tuple(row) for row in values["rows"])})


def finding_of(values: Mapping[str, Any]) -> Finding:
    """The finding of plain values that fit the schema."""
    threshold = values["threshold"]
    return Finding(**{**values, "threshold": None if threshold is None else Threshold(**threshold)})


def section_of(values: Mapping[str, Any]) -> Section:
    """The section of plain values that fit the schema."""
    tables = tuple(_table(table) for table in values["tables"])
    return Section(**{**values, "tables": tables, "figures": tuple(Figure(**figure) for figure in values["figures"])})


def repeats_of(values: Mapping[str, Any] | None) -> Repeats | None:
    """The repetitions with other seeds of plain values that fit the schema."""
    if values is None:
        return None
    spread = tuple(Spread(**{**one, "values": tuple(one["values"])}) for one in values["spread"])
    return Repeats(seeds=tuple(values["seeds"]), spread=spread)
