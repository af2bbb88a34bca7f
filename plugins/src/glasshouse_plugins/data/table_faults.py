"""Everything in a table that cannot be a feature or target as it is, and what a user should know of the rest."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc
from glasshouse import Fault
from glasshouse.data import MissingPlan

from glasshouse_plugins.data.column_facts import ColumnFacts

_MOST_LEVELS, _ROWS_PER_LEVEL = 50, 10
"""With more levels, or fewer rows in each, levels with one class each say nothing about a leak."""


def faults_of_kind(facts: Sequence[ColumnFacts], features: Collection[str], *, listed: bool) -> list[Fault]:
    """Features that no model can use as they are: dates, other types, identifiers.

    Args:
        facts: of the columns in use.
        features: the columns that the model receives.
        listed: whether the user has listed the features, which then may be identifiers.
    """
    found: list[Fault] = []
    for column in facts:
        name = column.name
        if name not in features:
            continue
        if column.kind == "date":
            remedy = f"`dates: {{{name}: days}}`, or `drop: [{name}]`"
            found.append(Fault(name, f"contains dates ({column.type})", remedy))
        elif column.kind == "other":
            found.append(Fault(name, f"contains {column.type}", f"`drop: [{name}]`, or convert it in the file"))
        elif column.identifier and not listed:
            problem = f"looks like an identifier: {column.distinct:,} different values in {column.rows:,} rows"
            found.append(Fault(name, problem, f"`drop: [{name}]`, or list it in `features`"))
    return found


def faults_of_values(
    facts: Sequence[ColumnFacts], features: Collection[str], *, target: str, plan: MissingPlan
) -> list[Fault]:
    """Missing and infinite values that the options do not allow; the base class refuses the first of them as well.

    Args:
        facts: of the columns in use.
        features: the columns that the model receives.
        target: the target column.
        plan: the treatment of missing values.
    """
    found: list[Fault] = []
    for column in facts:
        name, missing = column.name, f"missing in {_of(column.missing, column.rows)}"
        if column.kind not in ("number", "text", "boolean") or name not in (*features, target):
            continue
        if column.infinite:
            problem = f"is infinite in {_of(column.infinite, column.rows)}"
            found.append(Fault(name, problem, "correct the values in the file"))
        if not column.missing:
            continue
        if name == target and plan.treatment(name) != "drop":
            found.append(Fault(name, f"is the target, {missing}", "`missing: drop` omits these rows"))
        elif name != target and column.kind == "number" and plan.treatment(name) == "error":
            found.append(Fault(name, f"is {missing}", f"`missing: {{{name}: impute}}`, or median, mode or drop"))
    return found


def notes_of(
    facts: Sequence[ColumnFacts],
    table: Mapping[str, pa.ChunkedArray],
    *,
    target: str,
    features: Collection[str],
    sensitive: Collection[str],
) -> list[str]:
    """What a user should know of a usable table: constant columns, leaks, sensitive attributes that the model sees."""
    found = []
    for column in facts:
        if column.name == target or column.name not in features:
            continue
        if column.constant:
            found.append(f"'{column.name}' has one value in every row; `drop: [{column.name}]` leaves it out")
        elif _determines(table[column.name], table[target], column.distinct):
            known = "is it known when the prediction is made?"
            found.append(f"'{column.name}' determines the target '{target}' in every row: {known}")
    seen = [name for name in sensitive if name in features]
    if seen:
        names = ", ".join(seen)
        found.append(f"the model receives the sensitive attributes {names}; `drop: [{names}]` hides them from it")
    return found


def _determines(values: pa.ChunkedArray, target: pa.ChunkedArray, distinct: int) -> bool:
    """Whether every value of a column occurs with one class of the target only, with enough rows for it to mean
    something."""
    few_rows = len(values) < _ROWS_PER_LEVEL * distinct
    if not 2 <= distinct <= _MOST_LEVELS or few_rows or pa.types.is_floating(target.type):
        return False
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    pairs = pa.table({"value": values, "target": target}).group_by(["value", "target"]).aggregate([])
    return int(pairs.num_rows) == int(pc.count_distinct(pairs["value"], mode="all").as_py()) > 1


def _of(count: int, rows: int) -> str:
    return f"{count:,} of {rows:,} rows"
