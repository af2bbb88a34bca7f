"""Coding of columns by role: the target with its classes, a sensitive attribute with its levels."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasshouse.data.class_coding import find_class, refuse_two_spellings
from glasshouse.data.data_info import Target
from glasshouse.data.level_names import level_name, number_of
from glasshouse.data.raw_table import Coded, Column, RawTable, SensitiveColumn
from glasshouse.errors import UserError, did_you_mean

MAX_CLASSES = 1000
MAX_SENSITIVE_LEVELS = 50
"""With more levels groups are too small to compare and reports too long to read."""

_FEW_VALUES = 10


def infer_task(column: Column) -> str:
    """``binary`` or ``multiclass`` for text and for at most ten distinct whole numbers, else ``regression``."""
    if isinstance(column, Coded):
        classes = len(np.unique(column.codes[column.codes >= 0]))
    else:
        values = np.unique(column)
        if len(values) > _FEW_VALUES or not np.array_equal(values, np.round(values)):
            return "regression"
        classes = len(values)
    return "binary" if classes <= 2 else "multiclass"


def code_target(
    table: RawTable, column: Column, *, labels: Callable[[str], Coded] | None = None, who: str
) -> tuple[Target, NDArray[Any]]:
    """The target's declaration, and its class codes (n,) int64 or values (n,) float32.

    Args:
        table: the declarations.
        column: the target column.
        labels: the names of the classes in a column, by its name; by default those of the numbers in `column`.
        who: the data's name in error messages.

    Raises:
        UserError: for a target with a single class or value, an unsuitable task, or an unknown class name.
    """
    task = table.task or infer_task(column)
    if task == "regression":
        return _regression(table, column, who=who)
    if task not in ("binary", "multiclass"):
        raise UserError(who, f"task is {task!r}; expected binary, multiclass or regression.")
    coded = labels(table.target) if labels else column if isinstance(column, Coded) else _levels_of_numbers(column)
    present = [coded.levels[code] for code in np.unique(coded.codes)]
    refuse_two_spellings(present, table.target, who=who)
    if len(present) < 2:
        raise UserError(
            who,
            f"the target '{table.target}' has one class, '{present[0]}', in all {len(coded):,} rows; "
            "expected at least two.",
            "Choose another target, or data with both outcomes.",
        )
    if len(present) > MAX_CLASSES:
        raise UserError(
            who,
            f"the target '{table.target}' has {len(present):,} classes; expected at most {MAX_CLASSES:,}.",
            "Is it an identifier? For numbers, set `task: regression`.",
        )
    if task == "binary" and len(present) > 2:
        raise UserError(
            who,
            f"the target '{table.target}' has {len(present)} classes; a binary task has two.",
            "Set `task: multiclass`.",
        )
    classes = table.classes or tuple(present)
    unknown = [name for name in present if name not in classes]
    if unknown:
        raise UserError(
            who,
            f"the target '{table.target}' contains '{unknown[0]}', which is not in `classes`.",
            f"Known: {classes}.",
        )
    favourable = table.favourable
    if favourable is not None:
        favourable = find_class(favourable, classes)
        if favourable is None:
            raise UserError(
                who,
                f"the favourable class '{table.favourable}' is not a class of '{table.target}'.",
                did_you_mean(str(table.favourable), classes),
            )
    new_code = np.array([classes.index(n) if n in classes else -1 for n in coded.levels], dtype=np.int64)
    kind: Any = task
    return Target(name=table.target, kind=kind, classes=classes, favourable=favourable), new_code[coded.codes]


def _regression(table: RawTable, column: Column, *, who: str) -> tuple[Target, NDArray[np.float32]]:
    if isinstance(column, Coded):
        raise UserError(
            who,
            f"the target '{table.target}' contains text; a regression task needs numbers.",
            "Set `task: binary` or `task: multiclass`.",
        )
    if np.ptp(column) == 0:
        raise UserError(who, f"the target '{table.target}' is {column[0]:g} in every row; there is nothing to learn.")
    return Target(name=table.target, kind="regression"), column.astype(np.float32)


def code_sensitive(
    declared: SensitiveColumn, column: Column, *, labels: Callable[[str], Coded] | None = None, who: str
) -> Coded:
    """Levels and codes of one sensitive attribute; numbers are binned by its edges.

    Args:
        declared: the attribute.
        column: its column.
        labels: the names of the groups in a column, by its name; by default those of the numbers in `column`.
        who: the data's name in error messages.

    Raises:
        UserError: for edges on text, or more than `MAX_SENSITIVE_LEVELS` levels.
    """
    attribute = f"the sensitive attribute '{declared.name}'"
    if declared.edges:
        if isinstance(column, Coded):
            raise UserError(who, f"{attribute} has bins, but its column '{declared.column}' contains text.")
        return bin_numbers(column, declared.edges)
    coded = labels(declared.column) if labels else column if isinstance(column, Coded) else _levels_of_numbers(column)
    if len(coded.levels) > MAX_SENSITIVE_LEVELS:
        numeric = all(number_of(level) is not None for level in coded.levels)
        raise UserError(
            who,
            f"{attribute} has {len(coded.levels):,} levels; expected at most {MAX_SENSITIVE_LEVELS}.",
            f"Bin it, e.g. `bins: {{{declared.column}: [30, 50]}}`." if numeric else "Group its levels into fewer.",
        )
    return coded


def bin_numbers(values: NDArray[np.float64], edges: tuple[float, ...]) -> Coded:
    """Numbers as levels: edges (40, 60) give "under 40", "40 to under 60" and "60 and over"; NaN is missing."""
    ends = sorted(edges)
    between = [f"{low:g} to under {high:g}" for low, high in pairwise(ends)]
    codes = np.digitize(values, ends).astype(np.int32)
    codes[np.isnan(values)] = -1
    return Coded(codes, (f"under {ends[0]:g}", *between, f"{ends[-1]:g} and over"))


def _levels_of_numbers(values: NDArray[np.float64]) -> Coded:
    present = ~np.isnan(values)
    levels, inverse = np.unique(values[present], return_inverse=True)
    codes = np.full(len(values), -1, dtype=np.int32)
    codes[present] = inverse
    return Coded(codes, tuple(str(level_name(level)) for level in levels.tolist()))
