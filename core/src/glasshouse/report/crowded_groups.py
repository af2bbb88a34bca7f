"""Which measurements a page lists where an attribute has more groups than anybody reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from glasshouse.record.measurements import Measurement, Table, measurement_id
from glasshouse.record.record import Record
from glasshouse.report.suppression import is_suppressed

MOST_GROUPS = 200
"""An attribute with more groups than this is crowded."""

LISTED_GROUPS = 50
"""Groups of a crowded attribute whose measurements are listed: those of the lowest rate."""

_RATES = ("selection_rate", "accuracy", "mean_prediction")
"""By which groups are ranked: the first that an audit has by group."""

_Group = tuple[tuple[str, str], ...]


def folded_measurements(record: Record) -> frozenset[str]:
    """Identifiers of the measurements that a page leaves to the tables of groups and to the record.

    Those of crowded attributes, except for the groups of the lowest rate, and measurements that findings name.
    """
    found: set[str] = set()
    for result in record.audits:
        by_attributes: dict[tuple[str, ...], dict[_Group, list[Measurement]]] = {}
        for measurement in result.measurements:
            if measurement.group:
                group = tuple(measurement.group.items())
                by_attributes.setdefault(tuple(measurement.group), {}).setdefault(group, []).append(measurement)
        for groups in by_attributes.values():
            if len(groups) > MOST_GROUPS:
                listed = set(_lowest(groups))
                found |= {
                    measurement_id(result.name, measurement)
                    for group, measurements in groups.items()
                    if group not in listed
                    for measurement in measurements
                }
    return frozenset(found - {finding.measurement for finding in record.findings})


def _lowest(groups: Mapping[_Group, Iterable[Measurement]]) -> list[_Group]:
    """The groups of the lowest rate, the lowest first; suppressed ones have none and are last."""
    for name in _RATES:
        rates = {
            group: min((m.value for m in measurements if m.name == name and m.value is not None), default=None)
            for group, measurements in groups.items()
        }
        if any(rate is not None for rate in rates.values()):
            break
    return sorted(groups, key=lambda group: (rates[group] is None, rates[group] or 0.0))[:LISTED_GROUPS]


def without_suppressed_rows(table: Table) -> Table:
    """The table; one of more than `MOST_GROUPS` rows says how many rows are suppressed, and leaves them out."""
    if len(table.rows) <= MOST_GROUPS:
        return table
    kept = tuple(row for row in table.rows if not any(is_suppressed(cell) for cell in row))
    left_out = len(table.rows) - len(kept)
    if not left_out:
        return table
    note = f"{left_out:,} of {len(table.rows):,} rows are left out: their groups are too small to be shown."
    return replace(table, rows=kept, description=f"{table.description} {note}".strip())
