"""Group count tables: all counts that group rates need, from one pass over the rows, and mergeable.

The size of a table is groups x targets x predictions, whatever the number of rows. `+` merges tables of batches, files
or machines to the table of all their rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

MISSING = "missing"
"""Name of the level of rows with a missing attribute (code -1)."""

LISTED_GROUPS = 65_536
"""Up to this many combinations of levels each one is a group of the table, also without rows. With more, only those
with rows: a dense table of many attributes would be mostly zeros and too large for memory."""

_BLOCK = 65_536
"""Rows counted at a time, so that their combined codes stay in the processor's cache; also the most cells counted so,
since each block sums a whole table."""

Cells = NDArray[Any]


class GroupColumn(Protocol):
    """One attribute of every row, as `glasshouse.Groups`: `codes` (n,) into `levels`, -1 for missing."""

    @property
    def name(self) -> str: ...
    @property
    def levels(self) -> tuple[str, ...]: ...
    @property
    def codes(self) -> NDArray[Any]: ...


def quoted_missing(levels: Sequence[str]) -> tuple[str, ...]:
    """The levels with `MISSING` in quotation marks, as many as make it a level of its own."""
    name = f'"{MISSING}"'
    while name in levels:
        name = f'"{name}"'
    return tuple(name if level == MISSING else level for level in levels)


@dataclass(frozen=True)
class Attribute:
    """The name of a group attribute and its levels in the order of their codes.

    A level that is called ``missing`` gets quotation marks: without them it is the name of rows without a value.
    """

    name: str
    levels: tuple[str, ...]

    def __post_init__(self) -> None:
        if MISSING in self.levels:
            object.__setattr__(self, "levels", quoted_missing(self.levels))

    def level(self, code: int) -> str:
        """Name of a level; the code after the last level is a missing value."""
        return self.levels[code] if code < len(self.levels) else MISSING


@dataclass(frozen=True, kw_only=True, eq=False)
class GroupCounts:
    """Counts of rows by group, target and prediction, for G groups, a attributes and K classes.

    - `codes` (G, a): each group's level codes in lexicographic order; ``len(levels)`` is a missing value.
    - `cells` (G, K, K): rows with that target (axis 1) and that prediction (axis 2): integers, or sums of weights as
      floats. Without targets (G, 1, K).
    - `rows`: the same cells as plain counts; `squares`: as sums of squared weights. Both equal `cells` unweighted.

    Every combination of levels is a group, also without rows, as long as there are at most `LISTED_GROUPS`.
    """

    attributes: tuple[Attribute, ...]
    classes: tuple[str, ...]
    codes: NDArray[np.int64]
    cells: Cells
    rows: NDArray[np.int64]
    squares: Cells

    def __len__(self) -> int:
        return len(self.codes)

    def __iter__(self) -> Iterator[tuple[dict[str, str], Cells]]:
        """Each group's levels by attribute and its (K, K) cells."""
        return zip(self.groups, self.cells, strict=True)

    def __add__(self, other: GroupCounts) -> GroupCounts:
        """The table of the rows of both.

        Raises:
            ValueError: if attributes, levels or classes differ, or only one of the tables has targets.
        """
        if self.attributes != other.attributes or self.classes != other.classes:
            raise ValueError("count tables that merge have the same attributes, levels and classes in the same order")
        if self.has_targets != other.has_targets:
            raise ValueError("count tables that merge both have targets, or neither has")
        return _summed_by_group(
            self.attributes,
            self.classes,
            np.concatenate([self.codes, other.codes]),
            tuple(np.concatenate(pair) for pair in zip(self._parts, other._parts, strict=True)),
        )

    @property
    def weighted(self) -> bool:
        """Whether the cells are sums of weights."""
        return bool(self.cells.dtype.kind == "f")

    @property
    def has_targets(self) -> bool:
        """Whether there are targets; without them only selection rates and counts are defined."""
        return bool(self.cells.shape[1] > 1)

    @property
    def groups(self) -> tuple[dict[str, str], ...]:
        """Each group as attribute -> level, in the order of the cells."""
        return group_names(self.attributes, self.codes)

    @property
    def sizes(self) -> NDArray[np.int64]:
        """(G,) rows of each group."""
        return np.asarray(self.rows.sum(axis=(1, 2)))

    def marginal(self, names: Sequence[str]) -> GroupCounts:
        """The table over some of the attributes, in the given order; over none of them, all rows are one group.

        Raises:
            ValueError: if a name is not an attribute of the table.
        """
        known = [attribute.name for attribute in self.attributes]
        for name in names:
            if name not in known:
                raise ValueError(f"the table has no attribute '{name}'; it has {', '.join(known) or 'none'}")
        kept = [known.index(name) for name in names]
        return _summed_by_group(tuple(self.attributes[k] for k in kept), self.classes, self.codes[:, kept], self._parts)

    def overall(self) -> GroupCounts:
        """All rows as one group."""
        return self.marginal(())

    @property
    def _parts(self) -> tuple[Cells, Cells, Cells]:
        return self.cells, self.rows, self.squares


def count(
    groups: Iterable[GroupColumn],
    targets: ArrayLike | None,
    predicted: ArrayLike,
    *,
    classes: Sequence[str],
    weights: ArrayLike | None = None,
) -> GroupCounts:
    """Count n rows by group, target and predicted class in one vectorised pass.

    Args:
        groups: the attributes of the rows; without any, all rows are one group.
        targets: (n,) class codes; None if unknown.
        predicted: (n,) class codes.
        classes: names of the K classes in the order of their codes.
        weights: (n,) finite weights >= 0; None counts each row once, in integers.

    Raises:
        ValueError: if lengths differ, codes are not integers within their range, or weights are negative or NaN.
    """
    columns = tuple(groups)
    truth, decision, weight = _checked_rows(columns, targets, predicted, classes, weights)
    attributes = tuple(Attribute(column.name, tuple(column.levels)) for column in columns)
    shape = (1 if truth is None else len(classes), len(classes))
    # one code more than there are levels, for a missing value
    sizes = tuple(len(attribute.levels) + 1 for attribute in attributes)
    possible = _product(sizes)
    if possible * math.prod(shape) <= _BLOCK:
        observed = np.arange(possible)
        blocks = [slice(start, start + _BLOCK) for start in range(0, max(1, len(decision)), _BLOCK)]
    else:
        observed = np.unique(_group_of_each_row(columns, slice(None), len(decision)))
        blocks = [slice(None)]
    parts: list[Cells] = [np.zeros((len(observed), *shape), dtype=dtype) for dtype in _dtypes(weight)]
    for block in blocks:
        group = _group_of_each_row(columns, block, len(decision[block]))
        if len(observed) != possible:
            group = np.searchsorted(observed, group)
        cell = _cell(group, None if truth is None else truth[block], decision[block], shape)
        for part, power in zip(parts, (1, 0, 2), strict=False):
            values = None if weight is None or power == 0 else weight[block] ** power
            part += np.bincount(cell, weights=values, minlength=part.size).reshape(part.shape)
    cells, rows, squares = parts if weight is not None else parts * 3
    seen = rows.any(axis=(1, 2))
    codes = np.stack(np.unravel_index(observed[seen], sizes), axis=1) if sizes else np.zeros((seen.sum(), 0), np.int64)
    return _summed_by_group(attributes, tuple(classes), codes, (cells[seen], rows[seen], squares[seen]))


def cell_of_each_row(
    table: GroupCounts, groups: Iterable[GroupColumn], targets: ArrayLike | None, predicted: ArrayLike
) -> NDArray[np.int64]:
    """(n,) position of each row's cell in the flattened cells of a table that was counted from these rows."""
    columns, decision = tuple(groups), np.asarray(predicted)
    combined = np.zeros(len(table), dtype=np.int64)
    for k, attribute in enumerate(table.attributes):
        combined = combined * (len(attribute.levels) + 1) + table.codes[:, k]
    group = np.searchsorted(combined, _group_of_each_row(columns, slice(None), len(decision)))
    truth = None if targets is None else np.asarray(targets)
    return _cell(group, truth, decision, (table.cells.shape[1], table.cells.shape[2]))


def _checked_rows(
    columns: tuple[GroupColumn, ...],
    targets: ArrayLike | None,
    predicted: ArrayLike,
    classes: Sequence[str],
    weights: ArrayLike | None,
) -> tuple[NDArray[Any] | None, NDArray[Any], NDArray[np.float64] | None]:
    if len(classes) < 2:
        raise ValueError(f"a count table has two classes or more, got {list(classes)}")
    decision = _class_codes("predicted", predicted, len(classes))
    truth = None if targets is None else _class_codes("targets", targets, len(classes))
    weight = None if weights is None else np.asarray(weights, dtype=np.float64)
    lengths = {"predicted": len(decision)} | {f"group '{column.name}'": len(column.codes) for column in columns}
    if truth is not None:
        lengths["targets"] = len(truth)
    if weight is not None:
        lengths["weights"] = len(weight)
        if not np.all(np.isfinite(weight) & (weight >= 0)):
            raise ValueError("weights are finite and not negative")
    if len(set(lengths.values())) > 1:
        raise ValueError(f"all columns have one length, got {lengths}")
    for column in columns:
        codes = np.asarray(column.codes)
        if codes.size and (codes.dtype.kind not in "iu" or codes.min() < -1 or codes.max() >= len(column.levels)):
            raise ValueError(
                f"codes of group '{column.name}' are integers from -1 (missing) to {len(column.levels) - 1}"
            )
    return truth, decision, weight


def _class_codes(name: str, values: ArrayLike, classes: int) -> NDArray[Any]:
    codes = np.asarray(values)
    if codes.dtype.kind == "b":
        codes = codes.astype(np.int8)
    if codes.ndim != 1 or (codes.size and (codes.dtype.kind not in "iu" or codes.min() < 0 or codes.max() >= classes)):
        raise ValueError(f"{name} are one column of integer class codes from 0 to {classes - 1}")
    return codes


def _dtypes(weight: NDArray[np.float64] | None) -> tuple[type, ...]:
    return (np.int64,) if weight is None else (np.float64, np.int64, np.float64)


def _group_of_each_row(columns: tuple[GroupColumn, ...], block: slice, length: int) -> NDArray[Any]:
    """One number for each row's combination of levels, the last attribute varying fastest.

    For a single attribute without missing values these are its codes, not copied.
    """
    combined: NDArray[np.int64] | None = None
    for column in columns:
        codes = np.asarray(column.codes)[block]
        if codes.size and codes.min() < 0:
            codes = np.where(codes < 0, len(column.levels), codes)
        if len(columns) == 1:
            return codes
        if combined is None:
            combined = codes.astype(np.int64)
        else:
            combined *= len(column.levels) + 1
            combined += codes
    return np.zeros(length, dtype=np.int64) if combined is None else combined


def _occurrences(group: NDArray[Any], groups: int) -> NDArray[np.int64]:
    """(groups,) rows of each group, counted in blocks because NumPy copies numbers that do not have 64 bits."""
    found = np.zeros(groups, dtype=np.int64)
    size = max(_BLOCK, groups)
    for start in range(0, len(group), size):
        found += np.bincount(group[start : start + size], minlength=groups)
    return found


def _cell(
    group: NDArray[Any], truth: NDArray[Any] | None, decision: NDArray[Any], shape: tuple[int, int]
) -> NDArray[np.int64]:
    """Position of each row's cell in the flattened table."""
    cell: NDArray[np.int64] = np.multiply(group, math.prod(shape), dtype=np.int64)
    if truth is not None:
        cell += truth.astype(np.int64) * shape[1]
    return cell + decision.astype(np.int64, copy=False)


def _product(sizes: Sequence[int]) -> int:
    product = math.prod(sizes)
    if product >= 2**62:
        raise ValueError(f"{len(sizes)} attributes have {product:.1e} combinations of levels; count fewer at a time")
    return product


def _summed_by_group(
    attributes: tuple[Attribute, ...], classes: tuple[str, ...], codes: NDArray[Any], parts: tuple[Cells, ...]
) -> GroupCounts:
    """A table from groups in any order, with equal groups added up; both merging and marginal tables use it."""
    ordered, slot = listed_groups(attributes, codes)
    summed = []
    for part in parts:
        total = np.zeros((len(ordered), *part.shape[1:]), dtype=part.dtype)
        np.add.at(total, slot, part)
        summed.append(total)
    return GroupCounts(
        attributes=attributes, classes=classes, codes=ordered, cells=summed[0], rows=summed[1], squares=summed[2]
    )


def listed_groups(
    attributes: tuple[Attribute, ...], codes: NDArray[Any]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The groups (G, a) of a table in order, and the position of each of the given (m, a) groups among them.

    All combinations of levels, with missing values only where some occur; beyond `LISTED_GROUPS` only the given groups.
    """
    missing = [bool(np.any(codes[:, k] == len(attribute.levels))) for k, attribute in enumerate(attributes)]
    sizes = tuple(len(attribute.levels) + gap for attribute, gap in zip(attributes, missing, strict=True))
    combined = np.zeros(len(codes), dtype=np.int64)
    for k, size in enumerate(sizes):
        combined = combined * size + codes[:, k]
    if _product(sizes) <= LISTED_GROUPS:
        listed, slot = np.arange(math.prod(sizes)), combined
    else:
        listed, slot = np.unique(combined, return_inverse=True)
    ordered = np.stack(np.unravel_index(listed, sizes), axis=1) if sizes else np.zeros((len(listed), 0), np.int64)
    return ordered, slot


def grouped_rows(
    columns: tuple[GroupColumn, ...], length: int
) -> tuple[tuple[Attribute, ...], NDArray[np.int64], NDArray[Any]]:
    """The attributes of rows, the groups (G, a) of their table, and the group (n,) of each row."""
    attributes = tuple(Attribute(column.name, tuple(column.levels)) for column in columns)
    sizes = tuple(len(attribute.levels) + 1 for attribute in attributes)
    group = _group_of_each_row(columns, slice(None), length)
    if _product(sizes) <= LISTED_GROUPS:
        seen = np.flatnonzero(_occurrences(group, math.prod(sizes)))
    else:
        seen, group = np.unique(group, return_inverse=True)
    codes = np.stack(np.unravel_index(seen, sizes), axis=1) if sizes else np.zeros((len(seen), 0), np.int64)
    listed, slot = listed_groups(attributes, codes)
    if _product(sizes) <= LISTED_GROUPS:
        if np.array_equal(slot, seen):
            return attributes, listed, group
        slot_of = np.zeros(math.prod(sizes), dtype=np.int64)
        slot_of[seen] = slot
        return attributes, listed, slot_of[group]
    return attributes, listed, slot[group]


def marginal_groups(
    attributes: tuple[Attribute, ...], codes: NDArray[Any], names: Sequence[str]
) -> tuple[tuple[Attribute, ...], NDArray[np.int64], NDArray[np.int64]]:
    """Some of the attributes, the groups of the table over them, and (G,) the new position of each group.

    Raises:
        ValueError: if a name is not an attribute of the table.
    """
    known = [attribute.name for attribute in attributes]
    for name in names:
        if name not in known:
            raise ValueError(f"the table has no attribute '{name}'; it has {', '.join(known) or 'none'}")
    kept = [known.index(name) for name in names]
    chosen = tuple(attributes[k] for k in kept)
    listed, slot = listed_groups(chosen, codes[:, kept])
    return chosen, listed, slot


def group_names(attributes: tuple[Attribute, ...], codes: NDArray[Any]) -> tuple[dict[str, str], ...]:
    """Each group as attribute -> level."""
    return tuple(
        {attribute.name: attribute.level(int(code)) for attribute, code in zip(attributes, group, strict=True)}
        for group in codes
    )
