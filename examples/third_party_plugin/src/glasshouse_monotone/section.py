"""The report's section on monotonicity."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from glasshouse import AuditResult, Column, Section, Table

from glasshouse_monotone.audit import NAME


def monotonicity_sections(results: Iterable[AuditResult]) -> Iterator[Section]:
    """The direction and the violation rate of each feature; no section if the audit has not run."""
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
        Column(name="score"),
        Column(name="violation rate", format=".3f"),
        Column(name="rows"),
    )
    yield Section(
        title="Monotonicity",
        text="The promised direction of the score when one feature increases, and the fraction of people for whom the "
        "score moves in the opposite direction.",
        tables=(Table(title="Directions", columns=columns, rows=rows, count_column="rows"),),
    )
