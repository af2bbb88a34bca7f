"""The report's section on promised directions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from glasshouse import AuditResult, Column, Section, Table

from glasshouse_monotone.audit import NAME


def promised_directions(results: Iterable[AuditResult]) -> Iterator[Section]:
    """What was promised and how many rows keep it; nothing where the audit has not run."""
    rows = tuple(
        (str(m.parameters["feature"]), str(m.parameters["promised"]), m.value, m.n)
        for result in results
        for m in result.measurements
        if m.name == NAME
    )
    if not rows:
        return
    columns = (
        Column(name="feature"),
        Column(name="with it the score"),
        Column(name="rows against it", format=".3f"),
        Column(name="rows"),
    )
    yield Section(
        title="Promised directions",
        text="What the score may do when a feature grows and all others stay, and the share of people for whom it does "
        "the opposite.",
        tables=(Table(title="Promises", columns=columns, rows=rows, count_column="rows"),),
    )
