"""Tables and figures of group fairness, made from the measurements they show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from glasshouse import Cell, Column, Figure, Measurement, Table
from glasshouse.statistics import GroupCounts, group_rates

from glasshouse_audits.fairness.groups.p_values import is_p_value
from glasshouse_audits.fairness.groups.study import PartialResult, Study

# More attributes than this are shown in tables only, to keep the report readable.
MAX_ATTRIBUTES_DRAWN = 4
_DRAWN = ("selection_rate", "true_positive_rate", "false_positive_rate")
_TABLED = (
    "selection_rate",
    "impact_ratio",
    "true_positive_rate",
    "false_positive_rate",
    "precision",
    "accuracy",
    "prevalence",
    "balanced_accuracy",
    "f1",
    "macro_f1",
)
"""Columns of the table of groups, the most important first; the record has more measurements."""
_TABLED_TOGETHER = 6
"""How many of these columns the tables of intersections have, which are wide already."""
_SHORT = {
    "demographic_parity_difference": "selection",
    "equal_opportunity_difference": "TPR",
    "equalized_odds_difference": "odds",
    "predictive_parity_difference": "precision",
}
"""Labels in the forest plot of gaps, each shown after an attribute's name."""
_GAPS = (
    *(
        f"{gap}_{kind}"
        for gap in ("demographic_parity", "equal_opportunity", "equalized_odds", "predictive_parity")
        for kind in ("difference", "ratio")
    ),
    *(f"{name}_difference" for name in ("mean_prediction", "mean_error", "mean_absolute_error", "r2_score")),
    "root_mean_squared_error_difference",
)
"""Gaps in the table of gaps."""


def attribute_names(table: GroupCounts) -> tuple[str, ...]:
    """Names of the attributes that define a table's groups."""
    return tuple(attribute.name for attribute in table.attributes)


def group_label(group: Mapping[str, str] | Iterable[tuple[str, str]]) -> str:
    """A group's label: ``Female``, or ``Female, 25 to 44`` for an intersection."""
    return ", ".join(level for _, level in dict(group).items())


def add_rate_tables(found: PartialResult, study: Study) -> None:
    """Add the tables of groups, gaps and pairs, the forest plot of gaps, and dot plots of single attributes."""
    measurements = found.measurements
    found.tables.append(gap_table(measurements))
    for over in study.attribute_sets:
        table = group_table(measurements, over, _TABLED[: None if len(over) == 1 else _TABLED_TOGETHER])
        found.tables.append(table if study.in_detail(over) else worst_first(table, metric=len(over) + 1))
    if (pairs := pairwise_table(measurements)) is not None:
        found.tables.append(pairs)
    binary = study.tables.kind == "binary"
    drawn = _DRAWN if binary else ("accuracy",)
    for name in study.detailed_attributes[:MAX_ATTRIBUTES_DRAWN]:
        for metric in drawn:
            if any(m.name == metric and m.value is not None for m in measurements):
                reference = _overall_rate(study, metric)
                found.figures.append(group_figure(measurements, metric, name, None, reference))
    if binary and (forest := gap_forest(measurements)) is not None:
        found.figures.insert(0, forest)


def group_table(
    measurements: Sequence[Measurement], over: Sequence[str], metrics: Sequence[str], title: str = ""
) -> Table:
    """Every group of an attribute or intersection, with its rows and metrics, by class if there are several.

    Undefined values are empty. Metrics that are the same for every class are in a row for all classes.
    """
    chosen = [m for m in measurements if m.group and tuple(m.group) == tuple(over) and not m.parameters]
    counts = {tuple(m.group.values()): m.n for m in chosen if m.name == "count"}
    present = {m.name for m in chosen}
    shown = [metric for metric in metrics if metric in present]
    values = {(m.name, m.output, tuple(m.group.values())): m.value for m in chosen}
    outputs = list(dict.fromkeys(m.output for m in chosen if m.name in shown))
    several = any(output is not None for output in outputs)
    return Table(
        title=title or f"By {' and '.join(over)}",
        columns=(
            *(Column(name=name) for name in over),
            *((Column(name="class"),) if several else ()),
            Column(name="rows", format="d"),
            *(Column(name=metric, format=".3f") for metric in shown),
        ),
        rows=tuple(
            (
                *group,
                *((output or "all",) if several else ()),
                n,
                *(values.get((metric, output, group)) for metric in shown),
            )
            for group, n in counts.items()
            for output in (outputs if several else (None,))
        ),
        description="Empty cells: the metric is undefined, because a rate over no rows is not zero.",
        count_column="rows",
    )


def worst_first(table: Table, *, metric: int) -> Table:
    """The table with the groups of the lowest rate first, by column `metric`; groups without a rate are last."""

    def place(row: tuple[Cell, ...]) -> tuple[bool, float]:
        rate = row[metric] if len(row) > metric else None
        return rate is None, float(rate) if isinstance(rate, (int, float)) else 0.0

    return replace(table, rows=tuple(sorted(table.rows, key=place)))


def gap_table(measurements: Sequence[Measurement]) -> Table:
    """The gaps in `_GAPS` with their intervals and, if tested, p-values; single attributes first.

    The record has the gaps of all other rates.
    """
    tested = {
        (m.name.removesuffix("_p_value"), m.over, m.output): m.value
        for m in measurements
        if is_p_value(m) and not m.parameters
    }
    gaps = [m for m in measurements if m.over and not m.parameters and m.name in _GAPS]
    gaps.sort(key=lambda m: len(m.over))
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
                *((m.output or "",) if several else ()),
                m.value,
                m.low,
                m.high,
                tested.get((m.name, m.over, m.output)),
                m.n,
            )
            for m in gaps
        ),
        description="Between the extreme groups. Differences: 0 is equal. Ratios: 1 is equal. The p-value is the "
        "probability of a difference at least as large, in standard errors, if groups do not differ; it is not "
        "adjusted for the number of tests. The record has adjusted p-values.",
        count_column="rows",
    )


def pairwise_table(measurements: Sequence[Measurement]) -> Table | None:
    """Differences between every two levels, with unadjusted p-values; None without any."""
    sizes = {tuple(m.group.items()): m.n or 0 for m in measurements if m.name == "count"}
    tested = {
        (m.name.removesuffix("_pairwise_p_value"), m.over, m.output, m.parameters["first"], m.parameters["second"]): m
        for m in measurements
        if m.name.endswith("_pairwise_p_value")
    }
    rows = []
    for m in measurements:
        if not m.name.endswith("_pairwise_difference"):
            continue
        first, second = str(m.parameters["first"]), str(m.parameters["second"])
        smaller = min(sizes[((m.over[0], level),)] for level in (first, second))
        metric = m.name.removesuffix("_pairwise_difference")
        test = tested.get((metric, m.over, m.output, first, second))
        p_value = None if test is None else test.value
        rows.append((m.over[0], metric, m.output or "", first, second, m.value, m.low, m.high, p_value, smaller))
    if not rows:
        return None
    return Table(
        title="Differences between pairs of groups",
        columns=(
            *(Column(name=name) for name in ("attribute", "metric", "class", "first", "second")),
            *(Column(name=name, format=".3f") for name in ("first minus second", "low", "high", "p-value")),
            Column(name="rows of the smaller group", format="d"),
        ),
        rows=tuple(rows),
        description="An interval that includes 0 does not show which of the two groups has the higher rate. Intervals "
        "and p-values are not adjusted for the number of pairs; the record has adjusted p-values.",
        count_column="rows of the smaller group",
    )


def group_figure(
    measurements: Sequence[Measurement], metric: str, attribute: str, output: str | None, reference: float | None
) -> Figure:
    """One metric of every level of an attribute, with intervals and the overall value."""
    chosen = [
        m for m in measurements if m.name == metric and tuple(m.group) == (attribute,) and m.output in (None, output)
    ]
    label = metric.replace("_", " ")
    return Figure(
        kind="dot_interval",
        title=f"{label[0].upper()}{label[1:]} by {attribute}" + (f": {output}" if output else ""),
        description=f"The {label} of each group with its 95 % interval; the line is the overall value. A group without "
        "a dot has no rows in the metric's denominator.",
        data={
            "labels": [m.group[attribute] for m in chosen],
            "values": [m.value for m in chosen],
            "low": [m.low for m in chosen],
            "high": [m.high for m in chosen],
            "n": [m.n for m in chosen],
            "x_label": label,
            "reference": reference,
        },
    )


def gap_forest(measurements: Sequence[Measurement]) -> Figure | None:
    """The differences over single attributes, with simultaneous intervals."""
    chosen = [m for m in measurements if len(m.over) == 1 and m.low is not None and m.name in _SHORT]
    if not chosen:
        return None
    return Figure(
        kind="dot_interval",
        title="Gaps between groups",
        description="The largest difference between two groups in selection rate, true positive rate (TPR), true or "
        "false positive rate (odds) and precision, with a simultaneous interval over all groups. If the interval "
        "includes 0, there may be no gap at all.",
        data={
            "labels": [f"{m.over[0]}: {_SHORT[m.name]}" for m in chosen],
            "values": [m.value for m in chosen],
            "low": [m.low for m in chosen],
            "high": [m.high for m in chosen],
            "n": [m.n for m in chosen],
            "x_label": "difference",
            "reference": 0.0,
        },
    )


def _overall_rate(study: Study, metric: str) -> float | None:
    positive_class = study.positive_classes[0]
    return group_rates(positive_class.counts.overall(), metric, positive=positive_class.code)[0].value
