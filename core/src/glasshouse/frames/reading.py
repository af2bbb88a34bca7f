"""Tables from Arrow batches, in one vectorised pass over each batch and without storing rows."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from glasshouse.data.column_coding import bin_numbers
from glasshouse.data.level_names import level_names
from glasshouse.data.text_columns import as_numbers, first_not_a_number
from glasshouse.errors import UserError, did_you_mean
from glasshouse.frames.assembling import REJECTED, SELECTED, build_tables, multilabel_tables
from glasshouse.frames.clusters import ClusterTally
from glasshouse.frames.columns import MAX_NUMERIC_CLASSES, PredictionColumns
from glasshouse.frames.tally import MISSING_CODE, HistogramTally, NumbersFoundLaterError, Tally, Vocabulary
from glasshouse.statistics.numbers.sums import group_sums
from glasshouse.statistics.scores.bin_tables import MAX_SLOTS
from glasshouse.statistics.scores.histograms import CERTIFICATE
from glasshouse.statistics.tables import PredictionTables, max_auc_error_of_tables

_BLOCK = 65_536
"""Rows counted at a time, so that their combined codes stay in the processor's cache."""

_MAX_DENSE = 2**20
"""Maximum number of combinations within a batch for a dense table."""


class BatchCodes(NamedTuple):
    """One column of a batch: `codes` (n,) small integers into the names `values`; None is a missing value."""

    codes: NDArray[Any]
    values: Sequence[str | None]
    ordered: bool = False
    """Whether the values are in an order of their own."""


@dataclass(frozen=True)
class _Column:
    """One group attribute with the interface of `GroupColumn`."""

    name: str
    levels: tuple[str, ...]
    codes: NDArray[Any]


def tables_from_batches(
    batches: Iterable[pa.RecordBatch],
    columns: PredictionColumns,
    *,
    split: str = "test",
    exact: bool = False,
    regression: bool | None = None,
    untyped: bool = False,
) -> PredictionTables:
    """The tables of Arrow batches, whose dictionaries may differ.

    Args:
        batches: record batches with at least the columns named.
        columns: the roles of the columns.
        split: the name of the split in the tables.
        exact: one bin for each distinct score (see `ScoreHistogram`).
        regression: whether predictions are numbers instead of classes; None: as the first batch looks.
        untyped: whether text may be numbers, as in CSV files.

    Raises:
        UserError: for a missing column, values that do not fit their role, or no rows.
    """
    stream = iter(batches)
    first = next((batch for batch in stream if batch.num_rows), None)
    if first is None:
        raise UserError("--predictions", "have no rows.", "Give a file with rows.")
    for name in columns.names:
        if name not in first.schema.names:
            raise UserError("--predictions", f"there is no column '{name}'.", did_you_mean(name, first.schema.names))
    by_label = columns.by_label
    if regression is None:
        regression = any(is_regression(first, each) for each in by_label.values())
    for option, given in (
        ("--clusters", columns.clusters),
        ("--classes", columns.classes),
        ("--prediction LABEL=COLUMN", columns.labels),
    ):
        if regression and given:
            raise UserError(option, "is for classes; the predictions are numbers.", "Leave it out.")
    tallies = [new_tally(each, regression=regression, exact=exact, labels=len(by_label)) for each in by_label.values()]
    for tally in tallies:
        tally.groups = tallies[0].groups  # every label has the same attributes
        for vocabulary in (tally.predictions, tally.targets) if not columns.labels else ():
            name = vocabulary.column
            vocabulary.may_be_numbers = untyped or (name in first.schema.names and is_numeric(first[name].type))
    for batch in chain([first], stream):
        for tally, each in zip(tallies, by_label.values(), strict=True):
            count_batch(tally, batch, each, regression=regression)
    found = {
        label: build_tables(tally, each, regression=regression, split=split)
        for (label, each), tally in zip(by_label.items(), tallies, strict=True)
    }
    return multilabel_tables(found) if columns.labels else found[columns.prediction]


def refined_tables(
    batches: Callable[[], Iterable[pa.RecordBatch]],
    columns: PredictionColumns,
    *,
    split: str = "test",
    regression: bool | None = None,
    untyped: bool = False,
) -> PredictionTables:
    """The tables of batches that can be read twice; the second pass runs if bins leave an AUC uncertain.

    It uses one bin for each distinct score, or as many as memory allows, and is kept only if the AUC is more certain.
    Predictions that turn out to be numbers after rows that look like classes are read again as numbers.
    """
    try:
        found = tables_from_batches(batches(), columns, split=split, regression=regression, untyped=untyped)
    except NumbersFoundLaterError:
        if columns.probabilities or columns.clusters is not None:
            raise
        regression = True
        found = tables_from_batches(batches(), columns, split=split, regression=True)
    error = max_auc_error_of_tables(found)
    if error <= CERTIFICATE:
        return found
    exact = tables_from_batches(batches(), columns, split=split, exact=True, regression=regression)
    return exact if max_auc_error_of_tables(exact) < error else found


def new_tally(columns: PredictionColumns, *, regression: bool, exact: bool = False, labels: int = 1) -> Tally:
    """An empty tally for these columns; the tallies of all `labels` share the memory for tables of scores."""
    groups = []
    for attribute in columns.sensitive:
        levels = bin_numbers(np.empty(0), attribute.edges).levels if attribute.edges else ()
        groups.append(Vocabulary(attribute.column, levels, fixed=bool(levels)))
    has_threshold, weighted = columns.threshold is not None, columns.weights is not None
    scored = [] if regression else list(columns.probabilities)
    room = MAX_SLOTS // max(1, labels * len(scored))
    return Tally(
        groups=groups,
        targets=Vocabulary(columns.target or ""),
        predictions=Vocabulary(columns.prediction, (REJECTED, SELECTED) if has_threshold else (), fixed=has_threshold),
        weighted=weighted,
        scores={name: HistogramTally(True, weighted, exact, room) for name in scored},
        values=HistogramTally(False, weighted) if regression else None,
        errors=HistogramTally(False, weighted) if regression and columns.target else None,
        clusters=None if columns.clusters is None else ClusterTally(columns.clusters),
    )


def is_regression(batch: pa.RecordBatch, columns: PredictionColumns) -> bool:
    """Whether predictions are numbers instead of classes, judged from some rows.

    Raises:
        UserError: if they are numbers and the target is classes.
    """
    if columns.threshold is not None or not looks_continuous(batch.column(columns.prediction)):
        return bool(
            columns.threshold is None
            and columns.target
            and is_numeric(batch.column(columns.prediction).type)
            and looks_continuous(batch.column(columns.target))
        )
    if columns.target is not None:
        target = batch.column(columns.target)
        if not looks_continuous(target) and (not is_numeric(target.type) or pc.count_distinct(target).as_py() <= 2):
            raise UserError(
                f"column '{columns.prediction}'",
                f"contains numbers while the target '{columns.target}' contains classes.",
                "Give the value from which the favourable class is predicted, e.g. --threshold 0.5.",
            )
    if columns.score is not None or columns.scores:
        raise UserError("--score", "is for classes; the predictions are numbers.", "Leave it out, or give --threshold.")
    return True


def looks_continuous(values: pa.Array) -> bool:
    """Whether a column has fractions or many distinct integers, and so is numeric rather than classes."""
    if not is_numeric(values.type):
        return False
    present = np.asarray(values.drop_null().to_numpy(zero_copy_only=False), dtype=np.float64)
    if np.any(present[np.isfinite(present)] % 1):
        return True
    return len(np.unique(present)) > MAX_NUMERIC_CLASSES


def is_numeric(kind: pa.DataType) -> bool:
    """Whether a type is numeric; booleans are not."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def count_batch(tally: Tally, batch: pa.RecordBatch, columns: PredictionColumns, *, regression: bool) -> None:
    """Add one batch to a tally.

    Raises:
        UserError: for values that do not fit their role; text that is not a number is named with its row.
    """
    try:
        _count_batch(tally, batch, columns, regression=regression)
    except TextNotNumbersError as error:
        place, value = first_not_a_number(_text(batch.column(error.column)))
        row, option = tally.rows_read + place + 1, columns.number_columns.get(error.column, "--prediction")
        raise not_a_number(f"column '{error.column}', row {row:,}", value, option, error.column) from None
    tally.rows_read += batch.num_rows


def _count_batch(tally: Tally, batch: pa.RecordBatch, columns: PredictionColumns, *, regression: bool) -> None:
    batch = drop_incomplete_rows(tally, batch, columns)
    n = batch.num_rows
    if not n:
        return
    weights = None if columns.weights is None else weight_column(batch, columns.weights)
    parts = [
        _binned(batch, attribute.column, attribute.edges) if attribute.edges else batch_codes(batch, attribute.column)
        for attribute in columns.sensitive
    ]
    nothing = BatchCodes(np.zeros(n, dtype=np.uint8), (None,))
    parts.append(nothing if columns.target is None or regression else batch_codes(batch, columns.target))
    thresholded = columns.thresholded_column
    if regression:
        parts.append(nothing)
    elif thresholded is not None:
        reached = numbers(batch, thresholded) >= columns.threshold
        parts.append(BatchCodes(reached.view(np.uint8), (REJECTED, SELECTED)))
    else:
        parts.append(batch_codes(batch, columns.prediction))
    vocabularies = [*tally.groups, tally.targets, tally.predictions]
    sizes = tuple(len(part.values) for part in parts)
    combined, occupied, amounts = _count_combinations(parts, sizes, weights)
    local = np.stack(np.unravel_index(occupied, sizes), axis=1)
    codes = np.empty_like(local, dtype=np.int64)
    for k, (part, vocabulary) in enumerate(zip(parts, vocabularies, strict=True)):
        if part.ordered:
            vocabulary.order = [name for name in part.values if name is not None]
        lookup = np.full(len(part.values), MISSING_CODE, dtype=np.int64)
        for used in np.unique(local[:, k]):
            value = part.values[used]
            lookup[used] = vocabulary.code(value)
        codes[:, k] = lookup[local[:, k]]
    tally.count(codes, amounts)
    if tally.clusters is not None:
        tally.clusters.add(batch, np.searchsorted(occupied, combined.astype(np.int64)), codes, weights)
    if not tally.scores and not regression:
        return
    # bins and sums do not depend on the prediction, which varies fastest: division removes it from the code
    whole, place = np.unique(occupied // sizes[-1], return_index=True)
    number = tally.number(codes[place, :-1])
    cell = number[np.searchsorted(whole, combined.astype(np.int64) // sizes[-1])]
    for name, column in columns.probabilities.items() if tally.scores else ():
        tally.scores[name].add(cell, probabilities(batch, column), weights)
    if regression:
        _add_numbers(tally, batch, columns, cell, weights)


def drop_incomplete_rows(tally: Tally, batch: pa.RecordBatch, columns: PredictionColumns) -> pa.RecordBatch:
    """The rows without missing values in the needed columns; the others are counted by reason."""
    for reason, name in columns.needed:
        values = batch.column(name)
        if pa.types.is_dictionary(values.type) and values.dictionary.null_count:
            values = values.dictionary_decode()
        floating = pa.types.is_floating(values.type)
        if values.null_count == 0 and not (floating and pc.any(pc.is_nan(values)).as_py()):
            continue
        missing = pc.is_null(values, nan_is_null=floating)
        tally.leave_out(reason, pc.sum(missing).as_py() or 0)
        batch = batch.filter(pc.invert(missing))
    return batch


def batch_codes(batch: pa.RecordBatch, name: str) -> BatchCodes:
    """A column of groups or classes as codes into the values of this batch; None is a missing value.

    Raises:
        UserError: for values without distinct names (lists, structures, times of day).
    """
    values = batch.column(name)
    kind = values.type
    if pa.types.is_boolean(kind) and values.null_count == 0:
        return BatchCodes(values.cast(pa.uint8()).to_numpy(zero_copy_only=False), ("false", "true"))
    if pa.types.is_integer(kind) and values.null_count == 0:
        found = values.to_numpy(zero_copy_only=False)
        low, high = int(found.min()), int(found.max())
        if high - low < 256:
            return BatchCodes((found - low).astype(np.uint8), [str(value) for value in range(low, high + 1)])
    ordered = pa.types.is_dictionary(kind) and kind.ordered
    if isinstance(kind, pa.BaseExtensionType):
        values = pa.array(level_names(values, name), pa.string())
    if not pa.types.is_dictionary(values.type):
        try:
            values = values.dictionary_encode()
        except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
            raise UserError(f"column '{name}'", f"contains {kind}; expected text, numbers or true/false.") from None
    levels = level_names(values.dictionary, name)
    if values.indices.null_count:
        # the code after the last level is a missing value
        return BatchCodes(
            pc.fill_null(values.indices.cast(pa.int32()), len(levels)).to_numpy(), [*levels, None], ordered
        )
    return BatchCodes(values.indices.to_numpy(zero_copy_only=False), levels, ordered)


def numbers(batch: pa.RecordBatch, name: str) -> NDArray[Any]:
    """A column of finite numbers.

    Raises:
        UserError: if it has anything else.
    """
    values = plain_numbers(batch.column(name), name)
    found: NDArray[Any] = values.to_numpy(zero_copy_only=False)
    if found.dtype.kind == "f" and len(found) and not math.isfinite(float(found.min()) + float(found.max())):
        raise UserError(f"column '{name}'", "expected finite numbers, found missing or infinite ones.")
    return found


def plain_numbers(values: pa.Array, name: str) -> pa.Array:
    """A column as integers or floats; decimals and text that is numbers are converted, nulls stay.

    Raises:
        UserError: if a value is not a number.
    """
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    kind = values.type
    if pa.types.is_decimal(kind) or pa.types.is_null(kind):
        return values.cast(pa.float64())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        text = values.cast(pa.string())
        found = as_numbers(text)
        if found is None and text.null_count < len(text):
            raise TextNotNumbersError(name)
        return text.cast(pa.float64()) if found is None else found
    if not is_numeric(kind):
        raise UserError(f"column '{name}'", f"expected numbers, found {kind} values.", "Name a numeric column.")
    return values


class TextNotNumbersError(UserError):
    """A column of text, needed as numbers, has a value that is none; `count_batch` says which."""

    def __init__(self, column: str) -> None:
        super().__init__(f"column '{column}'", "expected numbers, found text.", "Name a numeric column.")
        self.column = column


def _text(values: pa.Array) -> pa.Array:
    return (values.dictionary_decode() if pa.types.is_dictionary(values.type) else values).cast(pa.string())


def not_a_number(where: str, value: str, option: str, column: str) -> UserError:
    """The error for a value that is not a number."""
    return UserError(
        where, f"'{value}' is not a number, which {option} needs.", how_to_give_numbers(option, column, value)
    )


def how_to_give_numbers(option: str, name: str, value: str) -> str:
    """The remedy for a value that is not a number."""
    if re.fullmatch(r"[-+]?[0-9][0-9.,' ]*", value):
        return "Write numbers as 12345.67: a point, and no separators of thousands."
    if option == "--sensitive":
        return f"Correct it, or compare the values as they are: --sensitive {name}."
    return "Correct it, or leave it empty; or name a numeric column."


def probabilities(batch: pa.RecordBatch, name: str) -> NDArray[Any]:
    """A column of probabilities.

    Raises:
        UserError: if a value lies outside 0 and 1.
    """
    found = numbers(batch, name)
    low, high = (found.min(), found.max()) if len(found) else (0, 1)
    if low < 0 or high > 1:
        raise not_a_probability(name, float(low if low < 0 else high))
    return found if found.dtype.kind == "f" else found.astype(np.float64)


def not_a_probability(name: str, found: float) -> UserError:
    """The error for a score outside 0 and 1; that of a rounding error shows all its digits."""
    rounding = -1e-6 < found < 1 + 1e-6
    return UserError(
        f"column '{name}'",
        f"expected probabilities from 0 to 1, found {found!r}.",
        "Rounding does that: clip them to 0 and 1."
        if rounding
        else "Divide by the largest possible score, or leave --score out.",
    )


def weight_column(batch: pa.RecordBatch, name: str) -> NDArray[np.float64]:
    """The rows' weights.

    Raises:
        UserError: if one is missing, negative or not finite.
    """
    if batch.column(name).null_count:
        raise UserError(f"column '{name}'", "expected a weight for every row, found missing ones.")
    found = numbers(batch, name).astype(np.float64)
    if len(found) and found.min() < 0:
        raise UserError(f"column '{name}'", f"expected weights of 0 or more, found {found.min():g}.")
    return found


def _binned(batch: pa.RecordBatch, name: str, edges: tuple[float, ...]) -> BatchCodes:
    values = plain_numbers(batch.column(name), name)
    coded = bin_numbers(np.asarray(values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)), edges)
    codes = np.where(coded.codes < 0, len(coded.levels), coded.codes)
    return BatchCodes(codes, [*coded.levels, None])


def _count_combinations(
    parts: Sequence[BatchCodes], sizes: tuple[int, ...], weights: NDArray[np.float64] | None
) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.float64]]:
    """(n,) combined code of each row, the combinations that occur (m,), and their rows, weights, squares (m, 3)."""
    possible, n = math.prod(sizes), len(parts[0].codes)
    if possible >= 2**62:
        raise UserError("--sensitive", f"{len(sizes)} columns have too many combinations to count.", "Name fewer.")
    dtype = next(t for t in (np.uint8, np.uint16, np.int32, np.int64) if possible <= np.iinfo(t).max + 1)
    combined = np.empty(n, dtype=dtype)
    dense = possible <= _MAX_DENSE
    total = np.zeros(possible if dense else 0, dtype=np.int64)
    for start in range(0, n, _BLOCK):
        block = slice(start, start + _BLOCK)
        code: NDArray[Any] = parts[0].codes[block].astype(dtype)
        for part, size in zip(parts[1:], sizes[1:], strict=True):
            if size > 1:
                np.multiply(code, dtype(size), out=code)
                np.add(code, part.codes[block], out=code, casting="unsafe")
        combined[block] = code
        if dense:
            total += np.bincount(code, minlength=possible)
    if dense:
        occupied = np.flatnonzero(total)
        rows, slot = total[occupied], None
    else:
        occupied, slot, rows = np.unique(combined, return_inverse=True, return_counts=True)
        occupied = occupied.astype(np.int64)
    amounts = np.empty((len(occupied), 3))
    amounts[:, 0] = amounts[:, 1] = amounts[:, 2] = rows
    if weights is not None:
        for power in (1, 2):
            if slot is None:
                amounts[:, power] = np.bincount(combined, weights=weights**power, minlength=possible)[occupied]
            else:
                amounts[:, power] = np.bincount(slot, weights=weights**power, minlength=len(occupied))
    return combined, occupied, amounts


def _add_numbers(
    tally: Tally,
    batch: pa.RecordBatch,
    columns: PredictionColumns,
    cell: NDArray[np.int64],
    weights: NDArray[np.float64] | None,
) -> None:
    predicted = numbers(batch, columns.prediction).astype(np.float64)
    target = None if columns.target is None else numbers(batch, columns.target).astype(np.float64)
    used, slot = np.unique(cell, return_inverse=True)
    groups = [_Column("combination", tuple(map(str, used)), slot)]
    found = group_sums(groups, target, predicted, weights=weights, center=tally.center)
    tally.center = found.center
    tally.sums.append((used, found))
    assert tally.values is not None
    tally.values.add(cell, predicted, weights)
    if tally.errors is not None and target is not None:
        tally.errors.add(cell, predicted - target, weights)
