"""Suppression of small groups in the record, before any renderer receives it, so that no format can show them.

Disclosure control as statistical offices use it. Primary suppression hides every cell of fewer people than the limit.
Secondary suppression also withholds the next smallest count of a line whose hidden cells a reader could compute as the
total minus the other cells (Hundepool et al. 2012, "Statistical Disclosure Control"). It does not protect against a
reader who inverts confidence intervals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, TypeVar

from glasshouse.record.measurements import AuditResult, Cell, Figure, Measurement, Table, measurement_id
from glasshouse.record.record import Record
from glasshouse.record.seed_repeats import only_measurements

DEFAULT_LIMIT = 10
WITHHELD = "withheld"

Labels = frozenset[tuple[str, str]]
"""The group of a cell: pairs of attribute and level, or of column and label."""

_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Hidden:
    """Suppressed cells: those that are too small, and those whose counts are withheld to protect them."""

    small: frozenset[Labels] = frozenset()
    withheld: frozenset[Labels] = frozenset()
    thin: frozenset[tuple[str, Labels]] = frozenset()
    """Rates over few rows of a group that is large enough itself."""

    def joined(self, other: Hidden) -> Hidden:
        """The union of both."""
        return Hidden(self.small | other.small, self.withheld | other.withheld, self.thin | other.thin)


def small_group_limit(record: Record) -> int:
    """The limit of the run's configuration, 10 by default."""
    limit = record.run.get("config", {}).get("small_group_limit", DEFAULT_LIMIT)
    return limit if isinstance(limit, int) and limit >= 0 else DEFAULT_LIMIT


def suppressed(limit: int) -> str:
    """The text that replaces a suppressed value."""
    return f"suppressed (fewer than {limit})"


def is_suppressed(cell: Cell) -> bool:
    """Whether a cell of a table shows, instead of a count, that it is suppressed."""
    return isinstance(cell, str) and cell.startswith("suppressed (fewer than ")


def suppress_small_groups(record: Record, limit: int | None = None) -> Record:
    """The record without any value of a group of 1 to `limit` - 1 people."""
    limit = small_group_limit(record) if limit is None else limit
    audits, hidden, removed = [], Hidden(), []
    for result in record.audits:
        audited, of_audit, of_few = _suppressed_audit(result, limit)
        audits.append(audited)
        hidden = hidden.joined(of_audit)
        removed += of_few
    return replace(
        record,
        audits=tuple(audits),
        # A section may repeat a number that an audit hides, so it gets the audits' suppression as well as its own.
        sections=tuple(
            replace(
                section,
                tables=tuple(_suppressed_table(table, hidden, limit, removed) for table in section.tables),
                figures=tuple(_suppressed_figure(figure, hidden, limit) for figure in section.figures),
            )
            for section in record.sections
        ),
        repeats=only_measurements(record.repeats, _defined(audits)),
    )


def _defined(audits: Sequence[AuditResult]) -> set[str]:
    """Identifiers of measurements with a value; of all others the values of other seeds are suppressed as well."""
    return {measurement_id(a.name, m) for a in audits for m in a.measurements if m.value is not None}


def hidden_cells(sizes: Mapping[Labels, int], limit: int) -> Hidden:
    """The small cells, and further ones until no line reveals a small cell.

    A line is a set of cells that differ in one label and add up to a total: the levels of an attribute, overall or
    within one level of another attribute. If the total is known, a line with hidden cells needs at least two of them
    with `limit` people together. If the total is hidden, at least one cell must be, or a reader could add them up.
    """
    small = {labels for labels, size in sizes.items() if 0 < size < limit}
    hidden = set(small)
    lines = list(_lines(sizes))
    grown = True
    while grown:
        grown = False
        for total, line in lines:
            inside = [labels for labels in line if labels in hidden]
            if total in hidden:
                safe = bool(inside)
            else:
                safe = not inside or (len(inside) > 1 and sum(sizes[labels] for labels in inside) >= limit)
            if safe:
                continue
            others = sorted((sizes[labels], sorted(labels), labels) for labels in line if labels not in hidden)
            if others:
                hidden.add(others[0][2])
                grown = True
    return Hidden(small=frozenset(small), withheld=frozenset(hidden - small))


def _lines(sizes: Mapping[Labels, int]) -> Iterable[tuple[Labels, list[Labels]]]:
    """Every line, with the labels that its cells share, which are those of its total."""

    def shared_labels(pair: tuple[Labels, tuple[str, str]]) -> tuple[str, list[tuple[str, str]]]:
        labels, (attribute, _) = pair
        return attribute, sorted(label for label in labels if label[0] != attribute)

    occupied = [(labels, label) for labels, size in sizes.items() if size for label in labels]
    for (_, shared), line in groupby(sorted(occupied, key=shared_labels), key=shared_labels):
        yield frozenset(shared), [labels for labels, _ in line]


def _suppressed_audit(result: AuditResult, limit: int) -> tuple[AuditResult, Hidden, list[Measurement]]:
    """The audit with small groups suppressed, the suppressed groups, and the suppressed measurements."""
    sizes: dict[Labels, int] = {}
    thin = set()
    for measurement in result.measurements:
        if measurement.group:
            # a group's size is its largest denominator, because conditional rates are over parts of the group
            labels = frozenset(measurement.group.items())
            sizes[labels] = max(sizes.get(labels, 0), measurement.n or 0, _count_value(measurement))
            if measurement.n is not None and 0 < measurement.n < limit:
                thin.add((measurement.name, labels))
    hidden = replace(hidden_cells(sizes, limit), thin=frozenset(thin))
    measurements = tuple(_suppressed_measurement(measurement, hidden, limit) for measurement in result.measurements)
    removed = [before for before, after in zip(result.measurements, measurements, strict=True) if after.value is None]
    shown = replace(
        result,
        measurements=measurements,
        tables=tuple(_suppressed_table(table, hidden, limit, removed) for table in result.tables),
        figures=tuple(_suppressed_figure(figure, hidden, limit) for figure in result.figures),
    )
    return shown, hidden, removed


def _count_value(measurement: Measurement) -> int:
    return int(measurement.value) if measurement.name == "count" and measurement.value is not None else 0


def _suppressed_measurement(measurement: Measurement, hidden: Hidden, limit: int) -> Measurement:
    labels = frozenset(measurement.group.items())
    if _reveals_few_people(measurement, labels, hidden):
        return replace(measurement, value=None, low=None, high=None, n=None, undefined=suppressed(limit))
    if labels in hidden.withheld:
        if measurement.name == "count":
            return replace(measurement, value=None, low=None, high=None, n=None, undefined=WITHHELD)
        return replace(measurement, n=None)
    return measurement


def _reveals_few_people(measurement: Measurement, labels: Labels, hidden: Hidden) -> bool:
    """Whether it belongs to a small group, is a rate over few rows of a large one, or a difference from either."""
    if labels:
        return labels in hidden.small or (measurement.name, labels) in hidden.thin
    # the parameters of a pairwise difference name its two groups, and its name starts with the rate's
    named = {str(value) for value in measurement.parameters.values()}
    if not named:
        return False
    few = [group for rate, group in hidden.thin if measurement.name.startswith(rate)]
    return any(
        {attribute for attribute, _ in group} == set(measurement.over) and named & _spellings(group)
        for group in (*hidden.small, *few)
    )


def _suppressed_table(table: Table, groups: Hidden, limit: int, removed: Sequence[Measurement] = ()) -> Table:
    """The table without the numbers of small groups.

    Args:
        groups: suppressed groups of the audit, whose counts the table must not show either.
        removed: suppressed measurements; their numbers are removed from rows that name their groups.
    """
    names = [column.name for column in table.columns]
    at = names.index(table.count_column) if table.count_column in names else None
    labels = [_labels(names, row) for row in table.rows]
    counts = [None if at is None else row[at] for row in table.rows]
    sizes = {key: int(count) for key, count in zip(labels, counts, strict=True) if isinstance(count, (int, float))}
    hidden = hidden_cells(sizes, limit)
    elsewhere = {name for labels in groups.withheld for name in _spellings(labels)}
    marks: dict[str, list[tuple[set[str], set[float | None]]]] = {}
    for m in removed:
        levels = _named(m)
        if m.value is not None and levels:
            marks.setdefault(min(levels), []).append((levels, {m.value, m.low, m.high}))

    def shown(key: Labels, row: tuple[Cell, ...]) -> tuple[Cell, ...]:
        if key in hidden.small:
            return tuple(
                suppressed(limit) if position == at else cell if isinstance(cell, str) else "suppressed"
                for position, cell in enumerate(row)
            )
        words = {label for _, label in key}
        near = (mark for word in words for mark in marks.get(word, ()))
        secret = {number for levels, numbers in near if levels <= words for number in numbers}
        row = tuple("suppressed" if isinstance(cell, float) and cell in secret else cell for cell in row)
        if key in hidden.withheld or (at is not None and words & elsewhere):
            # all integers of the row, because they are counts of parts of the group
            return tuple(
                WITHHELD if isinstance(cell, int) or position == at else cell for position, cell in enumerate(row)
            )
        return row

    return replace(table, rows=tuple(shown(key, row) for key, row in zip(labels, table.rows, strict=True)))


def _named(measurement: Measurement) -> set[str]:
    """The levels of a measurement's groups, as rows of a table name them."""
    levels = measurement.group.values() if measurement.group else measurement.parameters.values()
    return {level for level in levels if isinstance(level, str)}


def _labels(names: Sequence[str], row: tuple[Cell, ...]) -> Labels:
    return frozenset((name, cell) for name, cell in zip(names, row, strict=True) if isinstance(cell, str))


def _suppressed_figure(figure: Figure, hidden: Hidden, limit: int) -> Figure:
    """The figure without the points and series of small groups, recognised by their count or their name."""
    names = {name for labels in hidden.small for name in _spellings(labels)}
    withheld = {name for labels in hidden.withheld for name in _spellings(labels)}
    data = dict(figure.data)
    if figure.kind in ("bar", "dot_interval"):
        labels = [str(label) for label in data["labels"]]
        counts = data.get("n") or [None] * len(labels)
        removed = [
            label in names or (count is not None and 0 < count < limit)
            for label, count in zip(labels, counts, strict=True)
        ]
        if any(removed):
            for key in ("values", "low", "high", "n"):
                if data.get(key):
                    data[key] = _without(data[key], removed)
            data["undefined"] = [suppressed(limit) if out else None for out in removed]
        if data.get("n"):
            data["n"] = _without(data["n"], [label in withheld for label in labels])
    elif figure.kind in ("line", "scatter", "histogram"):
        data["series"] = _kept(data["series"], lambda series: series["name"] not in names)
    return replace(figure, data=data)


def _without(values: Sequence[Any], removed: Sequence[bool]) -> list[Any]:
    return [None if out else value for value, out in zip(values, removed, strict=True)]


def _kept(items: Sequence[_Item], keep: Callable[[_Item], bool]) -> list[_Item]:
    return [item for item in items if keep(item)]


def _spellings(labels: Labels) -> set[str]:
    """Labels that figures may use for a group: its levels, or attributes and levels, joined in the usual ways."""
    pairs = sorted(labels)
    ways = [[level for _, level in pairs], [level for _, level in reversed(pairs)]]
    for between in ("=", ": ", " "):
        ways += [[f"{a}{between}{v}" for a, v in pairs], [f"{a}{between}{v}" for a, v in reversed(pairs)]]
    return {joint.join(way) for way in ways for joint in (", ", " × ", " / ", " and ", " & ", " ")}
