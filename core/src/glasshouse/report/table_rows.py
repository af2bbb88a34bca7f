"""The rows of HTML tables, a column at a time: a report may have a million cells, too many for a template."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from typing import TypeVar

from markupsafe import Markup, escape

from glasshouse.report.page import Row, ShownMeasurement, ShownTable

_BETWEEN = "\x00"
_ROWS = 4096
_Row = TypeVar("_Row")


def rows_of(table: ShownTable) -> Markup:
    """The rows of a table."""
    return Markup("".join(_block_of_rows(table, block) for block in _blocks(table.rows)))


def _block_of_rows(table: ShownTable, rows: Sequence[Row]) -> str:
    columns = zip(*(row.cells for row in rows), strict=True)
    starts = ['<td class="num">' if numeric else "<td>" for numeric in table.numeric]
    cells = [[f"{start}{cell}</td>" for cell in escaped(column)] for start, column in zip(starts, columns, strict=True)]
    return _rows(repeat("<tr>"), zip(*cells, strict=True))


def rows_of_measurements(
    measurements: Sequence[ShownMeasurement], *, scope: bool, split: bool, with_audit: bool = False
) -> Iterator[Markup]:
    """The rows of a table of measurements, a block at a time.

    Args:
        measurements: one for each row.
        scope: whether the table has a column for what each is computed for.
        split: whether it has a column for the split.
        with_audit: whether it has a column for the audit, and an anchor for each row.
    """
    return (Markup(_block_of_measurements(block, scope, split, with_audit)) for block in _blocks(measurements))


def _block_of_measurements(measurements: Sequence[ShownMeasurement], scope: bool, split: bool, with_audit: bool) -> str:
    names = escaped(one.name for one in measurements)
    scopes = escaped(one.scope for one in measurements)
    columns: list[Iterable[str]] = [(f'<th scope="row">{name}</th>' for name in names)]
    if with_audit:
        columns.insert(0, (f"<td>{audit}</td>" for audit in escaped(one.audit for one in measurements)))
    if scope:
        columns.append(f"<td>{one}</td>" for one in scopes)
    values = zip(escaped(one.value for one in measurements), measurements, strict=True)
    columns.append(
        f'<td class="num"><span class="{"absent" if one.undefined else "value"}">{value}</span></td>'
        for value, one in values
    )
    columns.append(f'<td class="span">{interval}</td>' for interval in _intervals(measurements))
    columns.append(f'<td class="num">{n}</td>' for n in escaped(one.n for one in measurements))
    if split:
        columns.append(f"<td>{name}</td>" for name in escaped(one.split for one in measurements))
    starts = (f'<tr id="{one.anchor}">' if with_audit else "<tr>" for one in measurements)
    return _rows(starts, zip(*columns, strict=True))


def escaped(texts: Iterable[str]) -> list[str]:
    """Each text with HTML's special characters escaped, all in one call."""
    listed = list(texts)
    if not listed:
        return []
    found = str(escape(_BETWEEN.join(listed))).split(_BETWEEN)
    return found if len(found) == len(listed) else [str(escape(text)) for text in listed]


def _intervals(measurements: Sequence[ShownMeasurement]) -> Iterable[str]:
    """Interval, level and method, and the spread over seeds."""
    intervals = escaped(one.interval for one in measurements)
    methods = escaped(f"{one.level}, {(one.raw.interval_method or '').replace('_', ' ')}" for one in measurements)
    spreads = escaped(one.spread for one in measurements)
    for interval, method, spread in zip(intervals, methods, spreads, strict=True):
        shown = f'{interval} <span class="method">{method}</span>' if interval else ""
        yield f'{shown} <span class="method">{spread}</span>' if spread else shown


def _rows(starts: Iterable[str], rows: Iterable[tuple[str, ...]]) -> str:
    return "".join(f"  {start}{''.join(cells)}</tr>\n" for start, cells in zip(starts, rows, strict=False))


def _blocks(rows: Sequence[_Row]) -> Iterator[Sequence[_Row]]:
    """Some rows at a time, because their cells take several times the memory of the text."""
    return (rows[start : start + _ROWS] for start in range(0, len(rows), _ROWS))
