"""Statistical power: the smallest gap that a test would detect, and the rows required to detect a given gap."""

from __future__ import annotations

import numpy as np
from glasshouse import Column, Measurement, Table
from glasshouse.statistics import GroupCounts, detectable_gap, effective_counts, rate, rows_needed

from glasshouse_audits.fairness.groups.classification import available_rates
from glasshouse_audits.fairness.groups.report import group_label
from glasshouse_audits.fairness.groups.study import PartialResult, PositiveClass, Study

POWER, LEVEL = 0.8, 0.95
_RATES = ("selection_rate", "true_positive_rate", "false_positive_rate")


def measure(study: Study) -> PartialResult:
    """For every group, the rows required for the gap in the options, and the smallest detectable gap."""
    found = PartialResult()
    if not study.positive_classes:
        return found
    for names, positive_class, table in study.each_table():
        if len(names) == 1 and study.in_detail(names):
            for name in available_rates(table, _RATES):
                found.measurements += power_of_rate(table, name, positive_class, study)
    if study.tables.kind == "binary":
        found.tables.append(power_table(found.measurements, study.options.gap))
    found.notes.append(
        f"Power: a two-sided test at the {1 - LEVEL:.0%} level detects the gap with probability {POWER:.0%} (Fleiss, "
        "Levin and Paik 2003, equation 4.14). In a group with fewer rows than required, an undetected gap may still "
        "exist."
    )
    return found


def power_of_rate(table: GroupCounts, name: str, positive_class: PositiveClass, study: Study) -> list[Measurement]:
    """For each group: the rows required for the gap in the options, and the gap detectable against all other groups.

    Required rows are rows of the whole group: for a rate over some of them (a true positive rate over positives) their
    present share is assumed. Gaps start from the overall rate.
    """
    positive, target_gap = positive_class.code, study.options.gap
    _, total = effective_counts(table, name, positive=positive)
    overall_rate = float(rate(table.overall().cells, name, positive=positive).values[0])
    _, size = effective_counts(table, "selection_rate", positive=positive)
    others = total.sum() - total
    undefined = np.isnan(overall_rate)
    needed = np.nan if undefined else float(rows_needed(overall_rate, target_gap, power=POWER, level=LEVEL))
    detectable = (
        np.full(len(total), np.nan)
        if undefined
        else detectable_gap(overall_rate, total, others, power=POWER, level=LEVEL)
    )
    measurements = []
    parameters = {"rate": name, "power": POWER}
    for k, group in enumerate(table.groups):
        rows = needed * size[k] / total[k] if total[k] > 0 else np.nan
        reason = (
            "no rows in the rate's denominator" if not total[k] > 0 else "no gap of this size is possible or detectable"
        )
        common = {"n": int(table.sizes[k]), "group": group, "output": positive_class.output, "split": study.split}
        measurements += [
            _measurement("rows_needed", float(np.ceil(rows)), reason, parameters | {"gap": target_gap}, common),
            _measurement("detectable_gap", float(detectable[k]), reason, parameters, common),
        ]
    return measurements


def power_table(measurements: list[Measurement], gap: float) -> Table:
    """Rows, required rows and the smallest detectable gap of each group of a single attribute."""
    detectable = {(tuple(m.group.items()), m.parameters["rate"]): m for m in measurements if m.name == "detectable_gap"}
    rows = []
    for m in measurements:
        if m.name == "rows_needed":
            (attribute,) = m.group
            other = detectable[(tuple(m.group.items()), m.parameters["rate"])]
            needed = None if m.value is None else int(m.value)
            rate_name = str(m.parameters["rate"])
            rows.append((attribute, group_label(m.group), rate_name, m.n, needed, other.value))
    return Table(
        title="Statistical power by group",
        columns=(
            *(Column(name=name) for name in ("attribute", "group", "rate")),
            Column(name="rows", format="d"),
            Column(name=f"rows needed for a gap of {gap:g}", format="d"),
            Column(name="smallest detectable gap", format=".3f"),
        ),
        rows=tuple(rows),
        description="With 80 % power at the 5 % level: the smallest gap to all other rows that is detectable with the "
        "group's number of rows, and the rows that each of two groups needs to detect the gap named.",
        count_column="rows",
    )


def _measurement(name: str, value: float, reason: str, parameters: dict, common: dict) -> Measurement:  # type: ignore[type-arg]
    known = bool(np.isfinite(value))
    return Measurement(
        name=name,
        value=value if known else None,
        undefined=None if known else reason,
        parameters=parameters,
        **common,
    )
