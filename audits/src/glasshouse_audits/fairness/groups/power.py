"""What the rows at hand can show: the smallest gap that would be found, and the rows that a small one needs."""

from __future__ import annotations

import numpy as np
from glasshouse import Column, Measurement, Table
from glasshouse.statistics import GroupCounts, detectable_gap, effective_counts, rate, rows_needed

from glasshouse_audits.fairness.groups.classification import available
from glasshouse_audits.fairness.groups.report import described
from glasshouse_audits.fairness.groups.study import Measured, Question, Study

POWER, LEVEL = 0.8, 0.95
_LOOKED_AT = ("selection_rate", "true_positive_rate", "false_positive_rate")


def measure(study: Study) -> Measured:
    """Rows needed for the gap asked about, and the smallest gap that would be found, of every group."""
    found = Measured()
    if not study.questions:
        return found
    for names, question, table in study.each():
        if len(names) == 1:
            for name in available(table, _LOOKED_AT):
                found.measurements += of_rate(table, name, question, study)
    if study.tables.kind == "binary":
        found.tables.append(power_table(found.measurements, study.options.gap))
    found.notes.append(
        f"Power: the two-sided test at {1 - LEVEL:.0%} finds a gap with a chance of {POWER:.0%} (Fleiss, Levin and "
        "Paik 2003, equation 4.14). A group with fewer rows than needed cannot be cleared by a gap that was not found."
    )
    return found


def of_rate(table: GroupCounts, name: str, question: Question, study: Study) -> list[Measurement]:
    """For each group: rows that the gap asked about needs, and the gap that is found against all other groups.

    Rows needed are those of the whole group: where a rate is over some of them (a true positive rate over positives),
    at the share that it is over now. The rate that a gap starts from is that of everyone.
    """
    positive, asked = question.positive, study.options.gap
    _, total = effective_counts(table, name, positive=positive)
    everyone = float(rate(table.overall().cells, name, positive=positive).values[0])
    _, size = effective_counts(table, "selection_rate", positive=positive)
    others = total.sum() - total
    undefined = np.isnan(everyone)
    needed = np.nan if undefined else float(rows_needed(everyone, asked, power=POWER, level=LEVEL))
    seen = (
        np.full(len(total), np.nan) if undefined else detectable_gap(everyone, total, others, power=POWER, level=LEVEL)
    )
    measurements = []
    parameters = {"rate": name, "power": POWER}
    for k, group in enumerate(table.groups):
        rows = needed * size[k] / total[k] if total[k] > 0 else np.nan
        reason = "no rows that the rate is over" if not total[k] > 0 else "no gap as large is possible, or found"
        common = {"n": int(table.sizes[k]), "group": group, "output": question.output, "split": study.split}
        measurements += [
            _number("rows_needed", float(np.ceil(rows)), reason, parameters | {"gap": asked}, common),
            _number("detectable_gap", float(seen[k]), reason, parameters, common),
        ]
    return measurements


def power_table(measurements: list[Measurement], gap: float) -> Table:
    """Each group of a single attribute, its rows, those it would need, and the gap that would be seen."""
    seen = {(tuple(m.group.items()), m.parameters["rate"]): m for m in measurements if m.name == "detectable_gap"}
    rows = []
    for m in measurements:
        if m.name == "rows_needed":
            (attribute,) = m.group
            other = seen[(tuple(m.group.items()), m.parameters["rate"])]
            needed = None if m.value is None else int(m.value)
            rate_name = str(m.parameters["rate"])
            rows.append((attribute, described(m.group), rate_name, m.n, needed, other.value))
    return Table(
        title="What these rows can show",
        columns=(
            *(Column(name=name) for name in ("attribute", "group", "rate")),
            Column(name="rows", format="d"),
            Column(name=f"rows needed for a gap of {gap:g}", format="d"),
            Column(name="smallest gap found", format=".3f"),
        ),
        rows=tuple(rows),
        description="With a chance of 80 % at a level of 5 %: the smallest gap against all other rows that the group's "
        "own number of rows would reveal, and how many rows two groups would each need for the gap named.",
        count_column="rows",
    )


def _number(name: str, value: float, reason: str, parameters: dict, common: dict) -> Measurement:  # type: ignore[type-arg]
    known = bool(np.isfinite(value))
    return Measurement(
        name=name,
        value=value if known else None,
        undefined=None if known else reason,
        parameters=parameters,
        **common,
    )
