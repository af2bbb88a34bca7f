"""Table and figure of the `exposure` audit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from glasshouse import Column, Figure, Measurement, Table


def exposure_tables(rows: Sequence[tuple[Any, ...]], top: int) -> list[Table]:
    """One table of all groups of candidates; none if no attribute describes candidates."""
    if not rows:
        return []
    numbers = ("candidates' share", "relevance's share", "exposure's share", "to candidates", "to relevance")
    columns = [Column(name="attribute"), Column(name="group"), Column(name="candidates", format=",")]
    return [
        Table(
            title=f"Exposure in the first {top} positions",
            description="Each group's share of the exposure, and its ratio to the group's share of the candidates and "
            "of the relevance; 1 is proportional. Queries are weighted by their own exposure.",
            columns=(*columns, *(Column(name=name, format=".3f") for name in numbers)),
            rows=tuple(rows),
            count_column="candidates",
        )
    ]


def exposure_figures(measurements: Sequence[Measurement], top: int) -> Iterator[Figure]:
    """Exposure over the share of candidates, for every group."""
    shown = [one for one in measurements if one.name == "exposure_to_candidates" and one.value is not None]
    if shown:
        yield Figure(
            kind="dot_interval",
            title="Exposure over share of the candidates",
            description=f"Exposure of each group in the first {top} positions, divided by its exposure in random "
            "order. Below 1 the group is seen less than its number of candidates suggests.",
            data={
                "labels": [level for one in shown for level in one.group.values()],
                "under": [name for one in shown for name in one.group],
                "values": [one.value for one in shown],
                "low": [one.low for one in shown],
                "high": [one.high for one in shown],
                "n": [one.n for one in shown],
                "x_label": "exposure / share of the candidates",
                "reference": 1.0,
            },
        )
