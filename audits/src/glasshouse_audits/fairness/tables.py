"""Tables and figures of group fairness, made from the measurements that they show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from glasshouse import Column, Figure, Measurement, Table


def described(group: dict[str, str] | Iterable[tuple[str, str]]) -> str:
    """A group in words: ``Female``, or ``Female, 25 to 44`` at an intersection."""
    return ", ".join(level for _, level in dict(group).items())


def group_table(measurements: Sequence[Measurement], names: Sequence[str], output: str | None) -> Table:
    """Every group of an attribute or intersection, with its rows and each metric; undefined stays empty."""
    chosen = [m for m in measurements if m.group and tuple(m.group) == tuple(names) and m.output in (None, output)]
    counts = {tuple(m.group.values()): m.n for m in chosen if m.name == "count"}
    metrics = list(dict.fromkeys(m.name for m in chosen if m.name != "count"))
    values = {(m.name, tuple(m.group.values())): m.value for m in chosen}
    return Table(
        title=f"By {' and '.join(names)}" + (f": {output}" if output else ""),
        columns=(
            *(Column(name=name) for name in names),
            Column(name="rows", format="d"),
            *(Column(name=metric, format=".3f") for metric in metrics),
        ),
        rows=tuple((*group, n, *(values.get((metric, group)) for metric in metrics)) for group, n in counts.items()),
        description="Empty where a metric is undefined: a rate over no rows is not zero.",
        count_column="rows",
    )


def gap_table(measurements: Sequence[Measurement]) -> Table:
    """Every gap with its interval and, where it was tested, how likely chance alone makes it as large."""
    tested = {(m.name.removesuffix("_p_value"), m.over, m.output): m.value for m in measurements if _is_p_value(m)}
    gaps = [m for m in measurements if m.over and not m.parameters and not _is_p_value(m)]
    several = any(m.output is not None for m in gaps)
    return Table(
        title="Gaps between groups",
        columns=(
            Column(name="gap"),
            Column(name="over"),
            *((Column(name="class"),) if several else ()),
            *(Column(name=name, format=".3f") for name in ("value", "low", "high", "p-value")),
            Column(name="rows", format="d"),
        ),
        rows=tuple(
            (
                m.name,
                " and ".join(m.over),
                *((m.output,) if several else ()),
                m.value,
                m.low,
                m.high,
                tested.get((m.name, m.over, m.output)),
                m.n,
            )
            for m in gaps
        ),
        description="Between the extreme groups. Differences: 0 is equal. Ratios: 1 is equal. The p-value is the share "
        "of random groupings with as large a gap.",
        count_column="rows",
    )


def pairwise_table(measurements: Sequence[Measurement]) -> Table | None:
    """Differences between every two levels; None where there are none."""
    sizes = {tuple(m.group.items()): m.n or 0 for m in measurements if m.name == "count"}
    rows = []
    for m in measurements:
        if not m.name.endswith("_pairwise_difference"):
            continue
        first, second = str(m.parameters["first"]), str(m.parameters["second"])
        smaller = min(sizes[((m.over[0], level),)] for level in (first, second))
        metric = m.name.removesuffix("_pairwise_difference")
        rows.append((m.over[0], metric, m.output or "", first, second, m.value, m.low, m.high, smaller))
    if not rows:
        return None
    return Table(
        title="Differences between pairs of groups",
        columns=(
            *(Column(name=name) for name in ("attribute", "metric", "class", "first", "second")),
            *(Column(name=name, format=".3f") for name in ("first minus second", "low", "high")),
            Column(name="rows of the smaller group", format="d"),
        ),
        rows=tuple(rows),
        description="An interval that includes 0 leaves open which of the two is ahead.",
        count_column="rows of the smaller group",
    )


def group_figure(
    measurements: Sequence[Measurement], metric: str, attribute: str, output: str | None, reference: float | None
) -> Figure:
    """One metric of every level of an attribute, with intervals and the value of everyone."""
    chosen = [
        m for m in measurements if m.name == metric and tuple(m.group) == (attribute,) and m.output in (None, output)
    ]
    spoken = metric.replace("_", " ")
    return Figure(
        kind="dot_interval",
        title=f"{spoken[0].upper()}{spoken[1:]} by {attribute}" + (f": {output}" if output else ""),
        description=f"The {spoken} of each group with its 95 % interval; the line is that of everyone. A group without "
        "a dot has no rows that the metric is over.",
        data={
            "labels": [m.group[attribute] for m in chosen],
            "values": [m.value for m in chosen],
            "low": [m.low for m in chosen],
            "high": [m.high for m in chosen],
            "n": [m.n for m in chosen],
            "x_label": spoken,
            "reference": reference,
        },
    )


def _is_p_value(measurement: Measurement) -> bool:
    return measurement.name.endswith("_p_value")
